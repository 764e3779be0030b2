"""Modules of a kernel as content of a system extension.

The index of modules (`modules.dep` and others) belongs to the host's /usr, and an extension that had its own would hide
the host's, or that of another extension. So it brings modules without an index, and says in modprobe.d(5) that a
helper loads them, which makes an index of all that is there for itself alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from distrobuild.formats.kernel_modules import module_name, read_index
from distrobuild.formats.root_tar import RootTar, TarWriter
from distrobuild.formats.template import render
from distrobuild.stages.stage import Job

HELPER = Path(__file__).parent / "templates" / "sysext_modules" / "modprobe-helper.j2"
MODULES = "usr/lib/modules"


def write_modules(job: Job, name: str, modules: Iterable[str]) -> Path:
    """Write these modules of the input `kernel`, what they need, and the helper of the extension `name` to an archive.

    Raises `UnknownModules`.
    """
    (deb,) = job.inputs["kernel"].rglob("linux-image-*.deb")
    kernel = job.work / "kernel.tar"
    path = deb.relative_to(job.inputs["kernel"])
    kernel.write_bytes(job.sandbox.read(["dpkg-deb", "--fsys-tarfile", f"/inputs/kernel/{path}"]))
    place = job.work / "modules.tar"
    helper = f"usr/libexec/_{name}_modprobe_helper"
    with RootTar(kernel) as root, TarWriter(place, job.epoch) as tar:
        (index,) = (path for path in root if path.startswith(f"{MODULES}/") and path.endswith("/modules.dep"))
        folder = index.rpartition("/")[0]
        builtin = root.read(f"{folder}/modules.builtin").decode()
        files = read_index(root.read(index).decode(), builtin).files(modules)
        for file in files:
            tar.copy(f"{folder}/{file}", root)
        names = [module_name(file) for file in files]
        tar.file(f"usr/lib/modprobe.d/10-{name}-kmod-sysext.conf", _commands(names, f"/{helper}").encode())
        tar.file(helper, render(HELPER, {"name": name}).encode(), mode=0o755)
    return place


def _commands(names: Iterable[str], helper: str) -> str:
    """What modprobe runs instead of loading and removing these modules itself (modprobe.d(5))."""
    lines = []
    for name in names:
        lines.append(f"install {name} {helper} {name} $CMDLINE_OPTS\n")
        lines.append(f"remove {name} {helper} --remove {name}\n")
    return "".join(lines)
