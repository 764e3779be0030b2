"""A guest with Debian's programs, a kernel of ours, and a clock that counts instructions, so that figures repeat."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from distrobuild.boot.accelerator import PROCESSORS, AcceleratorKind
from distrobuild.boot.requirements import QEMU
from distrobuild.boot.signs import plain, trouble_in
from distrobuild.engine.events import Stream
from distrobuild.plan.bare_kernel import plan_kernel, select_kernel
from distrobuild.plan.graph import Node, Plan
from distrobuild.plan.locking import TOOLS
from distrobuild.plan.parts import Parts
from distrobuild.plan.resolve import Resolver
from distrobuild.stages.fetch import FetchOptions, FetchStage, File
from distrobuild.stages.kernel_test import COUNTED, PARAMETERS
from distrobuild.stages.stage import Job
from distrobuild.stages.tools import ToolsOptions, ToolsStage
from tests import mlos
from tests.jobs import job_in

PACKAGES = ("gcc", "libc6-dev", "make", "mount", "python3", "rt-tests", "stress-ng")
"""What the programs in `guest/` use."""
PROGRAMS = Path(__file__).with_name("guest")
MEMORY = "3G"
TIMEOUT_SECONDS = 3600
FOLDERS = ("dev", "proc", "run", "sys", "tmp")
LINKS = ("bin", "lib", "lib64", "sbin")
"""Of a root file system: what is mounted, and what leads to `/usr`."""
UNPACKED = ("-comp", "zstd", "-noI", "-noD", "-noF", "-noX", "-no-fragments", "-no-progress", "-quiet")
"""Nothing in it is compressed: what the guest reads would cost it the time of unpacking."""
TAIL_LINES = 20


def debian() -> Path:
    """A root file system of Debian with `PACKAGES`, in the user's store; release and versions are the tools root's."""
    selection = mlos.selection()
    lock = mlos.session().lock(selection, Stream())
    tools = lock.sections[TOOLS]
    wanted = tools.request.model_copy(update={"install": PACKAGES})
    with Resolver(selection.architecture) as resolver:
        keyring = selection.manifest.tools.keyring
        locked = {package.package: package.version for package in tools.packages}
        section = resolver.resolve(wanted, keyring, locked)
    files = tuple(File(name=each.name, size=each.size, sha256=each.sha256) for each in section.packages)
    addresses = {each.sha256: each.url for each in section.packages}
    fetched = Node("fetch/benchmark", FetchStage(FetchOptions(files=files), addresses))
    options = ToolsOptions(suite=wanted.suite, architecture=selection.architecture, packages=PACKAGES)
    return build(Node("benchmark", ToolsStage(options), {"debs": fetched}))


def kernel_of_line(name: str) -> Node:
    """The stage of a kernel of the manifest, in the quick flavour."""
    session = mlos.session()
    selection = select_kernel(session.loaded.manifest, session.loaded.root, name, session.base, mlos.FLAVOUR)
    (node,) = plan_kernel(selection, session.lock(selection, Stream(), only_kernel=True)).goals
    return node


def build(node: Node) -> Path:
    """The output of a node, from the user's store where it is unchanged."""
    selection = mlos.selection()
    engine = mlos.session().engine(selection, Stream(mlos.say))
    plan = Plan(selection.name, (node,), selection.manifest.epoch, selection.architecture)
    return engine.build(plan)[node.name].output


def parts() -> Parts:
    """The nodes of this repository's own target, in the quick flavour."""
    selection = mlos.selection()
    return Parts(selection, mlos.session().lock(selection, Stream()))


def mlrun(folder: Path) -> Path:
    """The project's own mlrun, out of its package, unpacked below this folder."""
    (package,) = (build(parts().deb("mlos-sched")) / "debs").glob("*.deb")
    subprocess.run(["dpkg-deb", "--extract", package, folder / "mlos-sched"], check=True)
    return folder / "mlos-sched" / "usr" / "bin" / "mlrun"


class CountedGuest:
    """A root file system with `files` (names below `/bench` and what is there) beside the programs of `guest/`."""

    def __init__(self, folder: Path, root: Path, files: Mapping[str, Path]) -> None:
        self.folder = folder
        self.root = root
        self.disk = folder / "packing" / "output" / "root.squashfs"
        self._pack(files)

    def run(self, kernel: Path, program: Sequence[str]) -> list[str]:
        """Boot the kernel of this stage's output with a program, and return what the console said, line by line.

        It also says so on stderr meanwhile. Raises `SystemExit` if the program failed or the kernel complained.
        """
        job = self._job(f"boot {len(list(self.folder.glob('boot *')))}", {"kernel": kernel, "disk": self.disk})
        (package,) = (kernel / "debs").glob("linux-image-*.deb")
        job.sandbox.run(["dpkg-deb", "--extract", f"/inputs/kernel/debs/{package.name}", "/work/package"])
        (image,) = (job.work / "package" / "boot").glob("vmlinuz-*")
        lines: list[str] = []

        def keep(line: str) -> None:
            lines.append(plain(line))
            print(lines[-1], file=sys.stderr, flush=True)

        command = ["timeout", "--signal=KILL", str(TIMEOUT_SECONDS), *self._qemu(image.name, program)]
        replace(job.sandbox, log=keep).run(command)
        trouble = next(filter(None, map(trouble_in, lines)), None)
        if trouble or "# ended with status 0" not in lines:
            raise SystemExit("\n".join([str(trouble or "the program failed:"), *lines[-TAIL_LINES:]]))
        return lines

    def _qemu(self, image: str, program: Sequence[str]) -> list[str]:
        parameters = (*PARAMETERS, "loglevel=4", "root=/dev/vda", "rootfstype=squashfs", "ro", "init=/bench/init")
        return [
            *(QEMU, "-no-user-config", "-nodefaults", "-machine", "q35,sata=off", "-display", "none", "-no-reboot"),
            *(*COUNTED, "-cpu", PROCESSORS[AcceleratorKind.TCG], "-smp", "1", "-m", MEMORY),
            *("-kernel", f"/work/package/boot/{image}", "-append", " ".join([*parameters, "--", *program])),
            *("-drive", "file=/inputs/disk,if=virtio,format=raw,readonly=on"),
            *("-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"),
        ]

    def _job(self, name: str, inputs: Mapping[str, Path]) -> Job:
        tools = mlos.build("tools")["tools"].output
        return job_in(self.folder / name, tools, inputs, cpus=len(os.sched_getaffinity(0)), log=lambda _line: None)

    def _pack(self, files: Mapping[str, Path]) -> None:
        """The root file system as a squashfs. Python's files are compiled: nothing can be written beside them later."""
        job = self._job("packing", {"root": self.root})
        bench = job.work / "bench"
        shutil.copytree(PROGRAMS, bench)
        for name, path in files.items():
            (shutil.copytree if path.is_dir() else shutil.copy2)(path, bench / name)
        inside = replace(job.sandbox, root=self.root)
        inside.run(["python3", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "/work/bench"])
        entries = [f"{name} d 755 0 0" for name in FOLDERS] + [f"{name} s 777 0 0 usr/{name}" for name in LINKS]
        pseudo = [word for entry in entries for word in ("-p", entry)]
        sources = ("/inputs/root/usr", "/inputs/root/etc", "/work/bench")
        job.sandbox.run(["mksquashfs", *sources, "/out/root.squashfs", *UNPACKED, "-all-root", *pseudo])
