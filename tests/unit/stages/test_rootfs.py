"""What a root file system stage refuses before it starts to install."""

from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.sandbox.sandbox import Sandbox
from distrobuild.stages.apt_errors import PackageNotFound
from distrobuild.stages.rootfs import RootfsOptions, RootfsStage
from distrobuild.stages.stage import Job
from tests.stages.local_archive import make_deb


def test_every_package_that_nobody_has_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "debs").mkdir()
    make_deb(tmp_path / "debs", "there", "1", Provides="there-latest (= 1), other")
    inputs = {"debs": tmp_path / "debs"}
    sandbox = Sandbox(root=None, inputs=inputs, work=tmp_path, output=tmp_path, epoch=0)
    job = Job(inputs, tmp_path, tmp_path, sandbox, print, 0, 1, tmp_path)
    options = RootfsOptions(
        suite="trixie", packages=("there", "there-latest", "other", "nginxx", "zsh"), locale="de_DE.UTF-8"
    )
    with pytest.raises(PackageNotFound, match=r"package `locales`, `nginxx`, `zsh`\n"):
        RootfsStage(options).run(job)
