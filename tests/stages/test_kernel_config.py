"""The shipped patches and fragments against the real tree: all of it applies, and every symbol survives kconfig.

DISTROBUILD_KERNEL_SOURCE names a folder with the linux-source package that the lock pins.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from distrobuild.cli.session import Session
from distrobuild.engine.engine import Engine
from distrobuild.engine.events import Stream
from distrobuild.formats import kconfig
from distrobuild.formats.patch_series import read_series
from distrobuild.manifest.models import Manifest
from distrobuild.plan.bare_kernel import plan_settings, select_kernel
from distrobuild.sandbox.sandbox import Sandbox
from distrobuild.stages import kernel_config, kernel_source
from distrobuild.stages.kernel_config import SymbolsLost
from distrobuild.stages.kernel_make import TREE, Make
from distrobuild.stages.stage import Job
from tests import mlos
from tests.documents import readme_project

PROJECT = Path(__file__).parents[2]
MANIFEST = Manifest.model_validate(yaml.safe_load((PROJECT / "distro.yaml").read_text()))
KERNEL = MANIFEST.kernels["mlos-6.12"]


@pytest.fixture(scope="module")
def job(large_folder: Callable[[str], Path], tools_root: Path) -> Job:
    """A job whose /work/linux is the real tree with the shipped series applied."""
    source = mlos.build("fetch/kernel")["fetch/kernel"].output
    folder = large_folder("kernel")
    for name in ("work", "output", "cache"):
        (folder / name).mkdir()
    inputs = {"source": source}
    sandbox = Sandbox(root=tools_root, inputs=inputs, work=folder / "work", output=folder / "output", epoch=0)
    job = Job(inputs, folder / "work", folder / "output", sandbox, print, 0, os.cpu_count() or 1, folder / "cache")
    kernel_source.unpack(job)
    kernel_source.apply_series(job, read_series(PROJECT / str(KERNEL.patches)))
    return job


def configure(job: Job, base: str, *texts: str) -> dict[str, str]:
    """The finished configuration."""
    requested(job, base, *texts)
    return kconfig.parse_config((job.work / TREE / ".config").read_text())


def requested(job: Job, base: str, *texts: str) -> dict[str, str]:
    """What the fragments asked for and got."""
    fragments = [kconfig.parse_fragment(text, Path(f"{at}.config")) for at, text in enumerate(texts, start=1)]
    make = Make(job, "test", {}, ccache=False)
    got = kernel_config.configure(make, job.work / TREE, base, fragments, {})
    return {setting.symbol: setting.value for setting in got}


@pytest.mark.parametrize("name", sorted(MANIFEST.kernels))
def test_every_symbol_of_every_flavour_of_every_line_survives(name: str) -> None:
    selection = select_kernel(MANIFEST, PROJECT, name, mlos.BASE, None)
    emit = Stream(mlos.say)
    flavours = MANIFEST.kernels[name].flavours
    plan = plan_settings(selection, mlos.session().lock(selection, emit, only_kernel=True), flavours)
    entries = mlos.session().engine(selection, emit).build(plan)
    for goal in plan.goals:
        config = kconfig.parse_config((entries[goal.name].output / "config").read_text("utf-8"))
        assert (config["MLOS"], config["SCHED_CLASS_ML"], config["PREEMPT_DYNAMIC"]) == ("y", "y", "y")


def test_the_kernel_of_the_readme_gets_what_its_fragments_ask_for(tmp_path: Path) -> None:
    mlos.plan()  # makes the lock, where there is none yet
    session = Session((readme_project(tmp_path),), (), mlos.BASE, None)
    shutil.copyfile(mlos.ROOT / "distro.lock", session.lock_path)
    (name,) = session.loaded.manifest.kernels
    selection = select_kernel(session.loaded.manifest, tmp_path, name, mlos.BASE, None)
    emit = Stream(mlos.say)
    plan = plan_settings(selection, session.lock(selection, emit, only_kernel=True))
    # The name of a session's engine would end in the folder's: each run would leave a history of its own.
    (goal,) = plan.goals
    entry = Engine(session.store, "readme", emit, os.cpu_count() or 1).build(plan)[goal.name]
    config = kconfig.parse_config((entry.output / "config").read_text("utf-8"))
    assert (config["VHOST_VSOCK"], config["MLX5_CORE"], config["EDAC"]) == ("y", "m", "y")


def test_every_symbol_that_server_leaves_out_can_be_added(job: Job) -> None:
    server = KERNEL.flavours["server"]
    paths = [*KERNEL.config, *server.config, "kernel/config/server-more.config"]
    config = configure(job, server.base_config, *((PROJECT / path).read_text() for path in paths))
    assert (config["XFS_FS"], config["HYPERV"]) == ("m", "m")


def test_an_all_no_base_leaves_out_what_no_fragment_names(job: Job) -> None:
    config = configure(job, "allnoconfig", "CONFIG_64BIT=y\nCONFIG_NET=y\nCONFIG_INET=y\n")
    assert config["INET"] == "y"
    assert "IPV6" not in config  # default y, once INET makes it visible


def test_a_later_fragment_wins_in_a_symbol_and_in_a_choice(job: Job) -> None:
    config = configure(
        job, "x86_64_defconfig", "CONFIG_HZ_1000=y\nCONFIG_FUSE_FS=y\n", "CONFIG_HZ_250=y\nCONFIG_FUSE_FS=m\n"
    )
    assert (config["HZ"], config["FUSE_FS"]) == ("250", "m")


def test_what_a_later_fragment_chose_otherwise_counts_as_not_requested(job: Job) -> None:
    got = requested(job, "x86_64_defconfig", "CONFIG_HZ_1000=y\n# CONFIG_SOUND is not set\n", "CONFIG_HZ_250=y\n")
    assert got == {"HZ_250": "y", "SOUND": "n"}


def test_two_members_of_a_choice_in_one_fragment_are_an_error(job: Job) -> None:
    with pytest.raises(SymbolsLost, match="CONFIG_HZ_1000: wanted y, got n"):
        configure(job, "x86_64_defconfig", "CONFIG_HZ_1000=y\nCONFIG_HZ_250=y\n")


def test_every_symbol_that_cannot_be_set_is_listed_with_what_it_lacks(job: Job) -> None:
    fragment = """\
CONFIG_SCHED_CLASS_EXT=y
CONFIG_E1000E=m
# CONFIG_CRYPTO is not set
CONFIG_EXT4=y
# CONFIG_NTE is not set
"""
    with pytest.raises(SymbolsLost) as caught:
        configure(job, "allnoconfig", "CONFIG_64BIT=y\nCONFIG_BLOCK=y\nCONFIG_EXT4_FS=y\n", fragment)
    found = [(str(each.location), each.message) for each in caught.value.problems]
    assert found[:4] == [
        ("2.config:1:1", "CONFIG_SCHED_CLASS_EXT: wanted y, got n"),
        ("2.config:2:1", "CONFIG_E1000E: wanted m, got n"),
        ("2.config:3:1", "CONFIG_CRYPTO: wanted n, got y"),
        ("2.config:4:1", "CONFIG_EXT4: wanted y, got n"),
    ]
    assert found[4][1].startswith("CONFIG_NTE is forbidden, but this tree has no such symbol")
    hints = [each.hint or "" for each in caught.value.problems]
    assert "`DEBUG_INFO_BTF` (DEBUG_INFO_BTF=n)" in hints[0]
    assert "`ETHERNET` (ETHERNET=n)" in hints[1]
    assert "selected by EXT4_FS=y" in hints[2]
    assert "no such symbol" in hints[3]
