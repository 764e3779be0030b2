"""Packs a compiled kernel as linux-image-RELEASE and linux-headers-RELEASE.

The names carry the release, so that several kernels can be installed beside each other. Each also provides the name
without the version (`linux-image-mlos-vm`), by which an image asks for "this distribution's kernel". The maintainer
scripts run the hooks below /etc/kernel, as every kernel package of Debian and Ubuntu does: initramfs-tools, dracut,
GRUB and DKMS work from there.
"""

from __future__ import annotations

import gzip
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import jinja2

from distrobuild.formats import deb_contents
from distrobuild.stages.kernel_make import TREE, Make
from distrobuild.stages.stage import Job

TEMPLATES = Path(__file__).parent / "templates" / "kernel"
HOOKS = ("preinst", "postinst", "prerm", "postrm")
"""Maintainer scripts, and the folders /etc/kernel/NAME.d whose hooks they run."""
IMAGE_NEEDS = "kmod, initramfs-tools | linux-initramfs-tool | dracut-core"
"""Whatever makes the initrd must be set up before: its hook is a configuration file, which is not there earlier."""
ARCHITECTURE = "amd64"
COMPRESSION_LEVEL = 12
"""An eighth of the time of dpkg-deb's own 19; the headers package is 13 % larger, the image's 1 %."""
COMPRESSION_THREADS = 2
"""A constant: the number of threads must not depend on the machine, as it may show in the compressed bytes."""


@dataclass(frozen=True)
class Packages:
    """What both packages say about themselves. `version` is Debian's, `release` the kernel's."""

    release: str
    version: str
    distribution: str
    flavour: str
    kernel: str
    maintainer: str


def pack(make: Make, job: Job, packages: Packages) -> None:
    """Install the compiled tree in /work/image and /work/headers, and write both packages to /out/debs."""
    (job.output / "debs").mkdir()
    image, headers = job.work / "image", job.work / "headers"
    _install_image(make, job, packages.release, image)
    _install_headers(make, job, packages.release, headers)
    for kind, tree, depends in (("image", image, IMAGE_NEEDS), ("headers", headers, _libraries(job, packages.release))):
        _write_documentation(packages, kind, tree, job.epoch)
        _write_control(packages, kind, tree, depends)
        name = f"linux-{kind}-{packages.release}"
        file = f"/out/debs/{name}_{packages.version}_{ARCHITECTURE}.deb"
        compression = ["-Zzstd", f"-z{COMPRESSION_LEVEL}", f"--threads-max={COMPRESSION_THREADS}"]
        job.sandbox.run(["dpkg-deb", "--root-owner-group", *compression, "--build", f"/work/{kind}", file])


def _install_image(make: Make, job: Job, release: str, image: Path) -> None:
    """Kernel, symbols and configuration in /boot, modules in /usr/lib/modules (where /lib leads on every base)."""
    boot = image / "boot"
    boot.mkdir(parents=True)
    tree = job.work / TREE
    for name, source in (("vmlinuz", make.read("image_name")), ("System.map", "System.map"), ("config", ".config")):
        shutil.copyfile(tree / source, boot / f"{name}-{release}")
    make("--silent", "INSTALL_MOD_PATH=/work/image/usr", "INSTALL_MOD_STRIP=1", "modules_install")
    (image / "usr/lib/modules" / release / "build").unlink(missing_ok=True)  # the headers package has it


def _install_headers(make: Make, job: Job, release: str, headers: Path) -> None:
    """What an external module needs to compile, as kbuild's own script picks it."""
    place = f"/usr/src/linux-headers-{release}"
    script = f"scripts/package/install-extmod-build /work/headers{place}"
    make("--silent", "run-command", f"KBUILD_RUN_COMMAND=$(srctree)/{script}")
    modules = headers / "usr/lib/modules" / release
    modules.mkdir(parents=True)
    (modules / "build").symlink_to(place)


def _libraries(job: Job, release: str) -> str:
    """The libraries that the programs in the headers package (objtool, modpost) are linked with, as `Depends`."""
    root = job.work / "headers"
    programs = sorted(path for path in (root / "usr/src").rglob("*") if path.is_file() and _is_elf(path))
    control = job.work / "libraries" / "debian" / "control"
    control.parent.mkdir(parents=True)
    control.write_text(f"Source: linux\n\nPackage: linux-headers-{release}\nArchitecture: any\n", "utf-8")
    names = [f"/work/{path.relative_to(job.work)}" for path in programs]
    found = job.sandbox.read(["dpkg-shlibdeps", "-O", "--warnings=0", *names], cwd="/work/libraries").decode()
    return found.strip().removeprefix("shlibs:Depends=")


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def _write_documentation(packages: Packages, kind: str, tree: Path, epoch: int) -> None:
    folder = tree / "usr/share/doc" / f"linux-{kind}-{packages.release}"
    folder.mkdir(parents=True)
    date = format_datetime(datetime.fromtimestamp(epoch, UTC))
    changelog = _render("changelog.j2", packages, kind=kind, date=date).encode()
    (folder / "changelog.Debian.gz").write_bytes(gzip.compress(changelog, mtime=0))
    (folder / "copyright").write_text(_render("copyright.j2", packages, kind=kind), "utf-8")


def _write_control(packages: Packages, kind: str, tree: Path, depends: str) -> None:
    """DEBIAN/: control, digests and, for the image, the scripts that run the hooks."""
    digests, size = deb_contents.md5sums(tree), deb_contents.installed_size_kib(tree)
    control = tree / "DEBIAN"
    control.mkdir()
    text = _render("control.j2", packages, kind=kind, depends=depends, size=size, architecture=ARCHITECTURE)
    (control / "control").write_text(text, "utf-8")
    (control / "md5sums").write_text(digests, "utf-8")
    for hook in HOOKS if kind == "image" else ():
        (control / hook).write_text(_render("hook.j2", packages, hook=hook), "utf-8")
    _set_modes(tree)


def _set_modes(tree: Path) -> None:
    """Modes that follow from the contents alone, whatever the umask of whoever wrote a file."""
    for path in (tree, *tree.rglob("*")):
        if path.is_symlink():
            continue
        executable = path.is_dir() or path.stat().st_mode & 0o100 or path.name in HOOKS
        path.chmod(0o755 if executable else 0o644)


def _render(template: str, packages: Packages, **facts: object) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(packages=packages, **facts)
