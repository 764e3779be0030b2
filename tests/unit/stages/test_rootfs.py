"""What a root file system stage refuses before it starts to install."""

from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.sandbox.sandbox import Sandbox
from distrobuild.stages.rootfs import PackageNotFound, RootfsOptions, RootfsStage
from distrobuild.stages.stage import Job


def test_every_package_that_nobody_has_is_named_at_once(tmp_path: Path) -> None:
    index = tmp_path / "repository/repository/dists/trixie/main/binary-amd64/Packages"
    index.parent.mkdir(parents=True)
    index.write_text(
        "Package: own\nVersion: 1\nArchitecture: all\nProvides: own-latest (= 1), other\n"
        "Filename: pool/own.deb\nSize: 1\nSHA256: 00\n"
    )
    (tmp_path / "debs").mkdir()
    inputs = {"debs": tmp_path / "debs", "repository": tmp_path / "repository"}
    sandbox = Sandbox(root=None, inputs=inputs, work=tmp_path, output=tmp_path, epoch=0)
    job = Job(inputs, tmp_path, tmp_path, sandbox, print, 0, 1, tmp_path)
    options = RootfsOptions(
        suite="trixie", packages=("own", "own-latest", "other", "nginxx", "zsh"), locale="de_DE.UTF-8"
    )
    with pytest.raises(PackageNotFound, match=r"package `locales`, `nginxx`, `zsh`\n"):
        RootfsStage(options).run(job)
