"""Make a system extension: packages as one file that a running system lays over its read-only /usr.

What an extension may hold and how it says where it fits: systemd-sysext(8), os-release(5) on extension-release. Files
that a package has below /etc come along as a factory copy, which systemd-tmpfiles puts in place.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal

from distrobuild.errors import DistrobuildError
from distrobuild.formats import tmpfiles
from distrobuild.formats.root_tar import RootTar, TarWriter
from distrobuild.formats.template import render
from distrobuild.stages import sysext_modules, sysext_signing
from distrobuild.stages.stage import Job, Options, Stage

TEMPLATES = Path(__file__).parent / "templates" / "sysext"
ARCHITECTURES = {"amd64": "x86-64", "arm64": "arm64"}
"""systemd's names of processors, by Debian's (os-release(5), ARCHITECTURE=)."""
FLATCAR_LEVEL = "1.0"
"""SYSEXT_LEVEL of every Flatcar release: what needs nothing of the host's libraries fits all of them."""
LEFT_OUT = ("usr/share/doc", "usr/share/man", "usr/share/lintian")
FORBIDDEN = ("usr/lib/os-release",)
"""An extension that brings its own os-release would rename the host."""
SBIN = "usr/sbin"
FACTORY = "usr/share/factory"
REPRODUCIBLE_EROFS = ("-U", "00000000-0000-0000-0000-000000000000")


class NotForAnExtension(DistrobuildError):
    """A package has files that a system extension cannot hold."""


class NoPackages(DistrobuildError):
    """There is nothing to make an extension of."""


class SysextOptions(Options):
    """What the extension is, and where it fits."""

    name: str
    """Name of the extension, `mlos`: the file on a machine must be called `mlos.raw`."""
    version: str
    """Version of the distribution."""
    architecture: str = "amd64"
    """Debian's name of the processor."""
    fits: Literal["flatcar", "any", "distribution"] = "flatcar"
    """`flatcar`: any release of Flatcar; `any`: every system; `distribution`: this version of this distribution."""
    distribution: str | None = None
    """Short name of the distribution, if the extension fits nothing else."""
    format: Literal["squashfs", "erofs"] = "squashfs"
    """File system of the image."""
    enable: tuple[str, ...] = ()
    """Units that run while the extension is there."""
    updates: str | None = None
    """Folder on the web where newer versions are published."""
    modules: tuple[str, ...] = ()
    """Modules of the input `kernel` that it brings, with those that they need."""
    signed: bool = False
    """Whether it is a disk image with hash tree and signature, by the inputs `key` and `certificate`."""

    @property
    def file_name(self) -> str:
        """`mlos-1.0.0-x86-64.raw`, as systemd-sysupdate looks for versions."""
        return f"{self.name}-{self.version}-{ARCHITECTURES[self.architecture]}.raw"

    @property
    def release(self) -> str:
        """The file extension-release.NAME."""
        fits = {
            "any": ["ID=_any"],
            "flatcar": ["ID=flatcar", f"SYSEXT_LEVEL={FLATCAR_LEVEL}"],
            "distribution": [f"ID={self.distribution}", f"VERSION_ID={self.version}"],
        }[self.fits]
        # systemd reads units again once the extension is there, and starts what is upheld.
        reload = ["EXTENSION_RELOAD_MANAGER=1"] if self.enable else []
        fields = [*fits, f"ARCHITECTURE={ARCHITECTURES[self.architecture]}", *reload]
        return "".join(
            f"{field}\n" for field in [*fields, f"SYSEXT_ID={self.name}", f"SYSEXT_VERSION_ID={self.version}"]
        )


class SysextStage(Stage[SysextOptions]):
    """`.deb`s -> a system extension."""

    kind: ClassVar[str] = "sysext"
    inputs: ClassVar[Mapping[str, str]] = {
        "debs/*": "what deb stages made: .deb files, at any depth",
        "kernel": "what the kernel stage made, if the extension has modules of it",
        "key": "RSA key in PEM without passphrase, if it is signed",
        "certificate": "the key's certificate in PEM",
    }
    outputs: Mapping[str, str] = {}

    def __init__(self, options: SysextOptions) -> None:
        super().__init__(options)
        self.outputs = {options.file_name: "the extension"}
        if options.signed:
            self.outputs[f"{options.name}.crt"] = "the certificate, for /etc/verity.d of a machine"
        if options.updates is not None:
            self.outputs[f"{options.name}.transfer"] = "where systemd-sysupdate finds newer versions"

    def run(self, job: Job) -> None:
        """Make it. Raises `NotForAnExtension` with all files that cannot be in it, `NoPackages`, `UnknownModules`,
        `BadExtensionKey`.
        """
        names = self.options.modules
        modules = [sysext_modules.write_modules(job, self.options.name, names)] if names else []
        with RootTar(*_data(job), *modules) as packages, TarWriter(job.work / "tree.tar", job.epoch) as tree:
            self._write_tree(packages, tree)
        if self.options.signed:
            identity = f"{self.options.name}_{self.options.version}"
            sysext_signing.write_signed(job, self.options.file_name, self.options.format, identity)
            shutil.copyfile(job.inputs["certificate"], job.output / f"{self.options.name}.crt")
        else:
            job.sandbox.run(self._make_image(job))
        if self.options.updates is not None:
            text = render(TEMPLATES / "transfer.conf.j2", self.options.model_dump())
            (job.output / f"{self.options.name}.transfer").write_text(text, "utf-8")

    def _write_tree(self, packages: RootTar, tree: TarWriter) -> None:
        name = self.options.name
        files = [path for path in sorted(packages) if _is_content(packages, path)]
        if wrong := [path for path in files if not _place(path) or path in FORBIDDEN]:
            listed = "\n".join(f"  /{path}" for path in wrong)
            raise NotForAnExtension(
                f"a system extension holds /usr and /opt, and no os-release; the packages also have\n{listed}",
                hint="leave the package out of the extension",
            )
        copies = [path for path in files if path.startswith("etc/")]
        texts = {
            f"usr/lib/extension-release.d/extension-release.{name}": self.options.release,
            f"usr/lib/tmpfiles.d/{name}-etc.conf": "".join(_copy_line(packages, path) for path in copies),
            **{
                f"usr/lib/systemd/system/multi-user.target.d/10-{unit}.conf": f"[Unit]\nUpholds={unit}\n"
                for unit in self.options.enable
            },
        }
        places = {_place(path): path for path in files}
        for folder in _folders([*places, *texts]):
            tree.folder(folder)
        for place, path in sorted(places.items()):
            tree.copy(path, packages, place)
        for place, text in texts.items():
            if text:
                tree.file(place, text.encode())

    def _make_image(self, job: Job) -> list[str]:
        output = f"/out/{self.options.file_name}"
        if self.options.format == "erofs":
            options = ["-zlz4hc,12", "-C65536", *REPRODUCIBLE_EROFS, f"-T{job.epoch}", "--tar=f"]
            return ["mkfs.erofs", "--quiet", *options, output, "/work/tree.tar"]
        pack = ["sqfstar", "-comp", "zstd", "-no-progress", "-quiet", "-all-root", "-root-mode", "0755", output]
        return ["sh", "-c", 'exec "$@" < /work/tree.tar', "sh", *pack]


def _data(job: Job) -> Iterator[Path]:
    """The files of each package as a tar archive."""
    for name in sorted(name for name in job.inputs if name.startswith("debs/")):
        debs = sorted(job.inputs[name].rglob("*.deb"))
        if not debs:
            raise NoPackages(f"{name.removeprefix('debs/')} has no .deb file")
        for deb in debs:
            place = job.work / f"{deb.name}.tar"
            path = f"/inputs/{name}/{deb.relative_to(job.inputs[name])}"
            place.write_bytes(job.sandbox.read(["dpkg-deb", "--fsys-tarfile", path]))
            yield place


def _is_content(packages: RootTar, path: str) -> bool:
    member = packages.lookup(path)
    assert member is not None
    return not member.isdir() and not any(path.startswith(f"{folder}/") for folder in LEFT_OUT)


def _place(path: str) -> str:
    """Where a package's file stands in the extension; empty if it has no place there."""
    if path.startswith(f"{SBIN}/"):  # a link to /usr/bin on Flatcar, which a folder would hide
        return f"usr/bin/{path.removeprefix(f'{SBIN}/')}"
    if path.startswith("etc/"):
        return f"{FACTORY}/{path}"
    return path if path.startswith(("usr/", "opt/")) else ""


def _copy_line(packages: RootTar, path: str) -> str:
    member = packages.lookup_file(path)
    assert member is not None
    if member.issym():
        return tmpfiles.link(path, member.linkname)
    return tmpfiles.file_from(path, f"/{FACTORY}/{path}", member.mode, (member.uid, member.gid))


def _folders(places: list[str]) -> Iterator[str]:
    """Every folder above these places, each before those below it."""
    folders = {str(parent) for place in places for parent in PurePosixPath(place).parents}
    return iter(sorted(folders - {"."}))
