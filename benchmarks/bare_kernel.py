"""The kernel as one makes it by hand, in the tools root: what our own builds are compared with."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from benchmarks.measure import Cost, cost
from distrobuild.sandbox.sandbox import Sandbox
from tests import mlos


class BareKernel:
    """Debian's source as the lock names it, unpacked below `folder` by a measured `tar`, then made without ccache."""

    def __init__(self, folder: Path) -> None:
        entries = mlos.build("tools", "fetch/kernel")
        inputs = {"source": entries["fetch/kernel"].output}
        for name in ("work", "out"):
            (folder / name).mkdir(parents=True)
        tools = entries["tools"].output
        self._work = folder / "work"
        self._sandbox = Sandbox(tools, inputs, self._work, folder / "out", mlos.plan().epoch, log=lambda _line: None)
        (deb,) = inputs["source"].glob("linux-source-*.deb")
        self._sandbox.run(["dpkg-deb", "-x", f"/inputs/source/{deb.name}", "/work/package"])
        (self._tarball,) = (self._work / "package/usr/src").glob("linux-source-*.tar.xz")
        self._sandbox.run(["mkdir", "/work/linux"])

    def image(self) -> Cost:
        """Make the image of x86_64_defconfig."""
        with cost() as spent:
            self._unpack()
            self._make("x86_64_defconfig")
            self._make("bzImage")
        return spent

    def packages(self, configuration: Path) -> Cost:
        """Make the kernel's own packages from a finished configuration."""
        with cost() as spent:
            self._unpack()
            shutil.copyfile(configuration, self._work / "linux/.config")
            self._make("olddefconfig")
            self._make("bindeb-pkg", "DPKG_FLAGS=-d")
        return spent

    def _unpack(self) -> None:
        tarball = f"/work/package/usr/src/{self._tarball.name}"
        self._sandbox.run(["tar", "-xf", tarball, "-C", "/work/linux", "--strip-components=1"])

    def _make(self, *arguments: str) -> None:
        self._sandbox.run(["make", f"-j{len(os.sched_getaffinity(0))}", *arguments], cwd="/work/linux")
