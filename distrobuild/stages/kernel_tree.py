"""A kernel out of its package, to be put into a system that somebody else has made."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from distrobuild.formats.kernel_modules import ModuleIndex, read_index
from distrobuild.stages.stage import Job

UNPACKED = "kernel"
"""Folder below `work`."""
MODULES = "usr/lib/modules"
KEPT = ("modules.builtin", "modules.builtin.modinfo", "modules.order")
"""What depmod reads beside the modules."""
ZSTD = ("-name", "*.ko.zst", "-exec", "zstd", "--decompress", "--quiet", "--rm", "{}", "+")
"""What `find` does with packed modules."""


@dataclass(frozen=True)
class KernelTree:
    """The content of a linux-image package below `work`, its modules unpacked: not every modprobe knows zstd."""

    job: Job
    release: str
    index: ModuleIndex

    @classmethod
    def unpack(cls, job: Job) -> KernelTree:
        """The kernel of the input `kernel`, which is what the kernel stage made."""
        (deb,) = (job.inputs["kernel"] / "debs").glob("linux-image-*.deb")
        job.sandbox.run(["dpkg-deb", "--extract", f"/inputs/kernel/debs/{deb.name}", f"/work/{UNPACKED}"])
        job.sandbox.run(["find", f"/work/{UNPACKED}", *ZSTD])
        release = (job.inputs["kernel"] / "release").read_text("utf-8").strip()
        _index(job, UNPACKED, release)
        folder = job.work / UNPACKED / MODULES / release
        needs, built_in = (folder / name for name in ("modules.dep", "modules.builtin"))
        return cls(job, release, read_index(needs.read_text("utf-8"), built_in.read_text("utf-8")))

    @property
    def image(self) -> Path:
        """The bzImage."""
        return self.job.work / UNPACKED / "boot" / f"vmlinuz-{self.release}"

    @property
    def modules(self) -> Path:
        """The folder with all modules."""
        return self.job.work / UNPACKED / MODULES / self.release

    def subset(self, names: Iterable[str], place: str) -> Path:
        """Those of the modules that this kernel has, and all that they need, with an index of their own.

        They come to `PLACE/usr/lib/modules/RELEASE` below `work`; the folder. What is built in needs no module, and
        what the kernel does not have at all is left out.
        """
        target = self.job.work / place / MODULES / self.release
        target.mkdir(parents=True)
        for file in (*KEPT, *self.index.files(self.index.names.intersection(names))):
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.modules / file, target / file)
        _index(self.job, place, self.release)
        return target


def _index(job: Job, place: str, release: str) -> None:
    """Write the index of the modules in `PLACE/usr/lib/modules/RELEASE` below `work`."""
    job.sandbox.run(["ln", "-sfn", "usr/lib", f"/work/{place}/lib"])
    job.sandbox.run(["depmod", "--basedir", f"/work/{place}", release])
