"""Make of a root file system what an image with a read-only /usr ships: all of it stands below /usr.

/usr stays as it is. /etc goes to /usr/share/factory/etc, and a machine mounts over it what it has changed. Of the rest
(/var, /root, the links from /bin to /usr/bin) systemd-tmpfiles makes on the machine what is missing, by the list
`image.conf`; the initial RAM file system runs it before anything else writes to the root.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from distrobuild.formats import tmpfiles
from distrobuild.formats.root_tar import RootTar, TarWriter
from distrobuild.formats.template import render
from distrobuild.stages.stage import Job, Options, Stage

TEMPLATES = Path(__file__).parent / "templates" / "usr"
FACTORY = "share/factory"
"""Where /usr keeps what belongs elsewhere (file-hierarchy(7))."""
LINKED = ("var/lib/dpkg",)
"""Folders that a machine reads where the image has them, since it installs no packages."""
SHIPPED = ("usr", "etc", *LINKED)
"""What goes into the image, each at its place."""
UNSHIPPED = ("boot/", "dev/", "proc/", "run/", "sys/", "tmp/", "var/cache/", "var/lib/apt/", "var/tmp/")
"""Folders of which only they themselves are made on a machine."""
OS_RELEASE = "usr/lib/os-release"
LEFT_OUT = ("etc/machine-id",)
"""Each machine makes its own; that the file is not there says that this is the first boot (machine-id(5))."""
OWN_FOLDERS = ("oem",)
"""Mount points that the root file system of the packages does not have."""


class UsrOptions(Options):
    """What is put beside the content of the packages."""

    layout: Literal["flatcar", "systemd"]
    """The disk layout: which partition a machine grows, and how it is updated."""
    name: str
    """Name of the image: IMAGE_ID in os-release."""
    version: str
    """Version of the image: IMAGE_VERSION."""
    updates: str = ""
    """Address of the folder in which a machine of layout `flatcar` looks for newer versions."""


class UsrStage(Stage[UsrOptions]):
    """A root file system with its layers -> the archive of a /usr that holds all of it."""

    kind: ClassVar[str] = "usr"
    inputs: ClassVar[Mapping[str, str]] = {
        "layers/*": "folders with one .tar each; the last by name is on top",
        "updater": "what the updater stage made; layout `flatcar` only",
    }
    outputs: Mapping[str, str] = {"usr.tar": "content of /usr", "os-release": "what the image says it is"}

    def run(self, job: Job) -> None:
        """Write the archive."""
        layers = [job.inputs[name] for name in sorted(job.inputs) if name.startswith("layers/")]
        archives = [next(layer.glob("*.tar")) for layer in layers]
        with RootTar(*archives) as root, TarWriter(job.output / "usr.tar", job.epoch) as usr:
            lines = [tmpfiles.folder(path, 0o755, (0, 0)) for path in OWN_FOLDERS]
            for path in sorted(root):
                if _is_below(path, SHIPPED) and path not in (*LEFT_OUT, OS_RELEASE):
                    usr.copy(path, root, _place(path))
                if not _is_below(path, ("usr",)):
                    lines += _lines(root, path, usr)
            usr.file("lib/tmpfiles.d/image.conf", "".join(lines).encode())
            for file in sorted(path for path in (TEMPLATES / self.options.layout).rglob("*.j2")):
                place = file.relative_to(TEMPLATES / self.options.layout).with_suffix("").as_posix()
                text = render(file, self.options.model_dump())
                usr.file(place, text.encode(), mode=0o755 if text.startswith("#!") else 0o644)
            if "updater" in job.inputs:
                _add_folder(usr, job.inputs["updater"], root)
            os_release = root.read(OS_RELEASE) + self._image_fields().encode()
            usr.file(_place(OS_RELEASE), os_release)
            (job.output / "os-release").write_bytes(os_release)

    def _image_fields(self) -> str:
        """What makes this image one of a series (os-release(5))."""
        return f"IMAGE_ID={self.options.name}\nIMAGE_VERSION={self.options.version}\n"


def _add_folder(usr: TarWriter, folder: Path, root: RootTar) -> None:
    """Add what stands in `folder` below usr/, but no folder that the root file system has."""
    for path in sorted((folder / "usr").rglob("*")):
        place = _place(path.relative_to(folder).as_posix())
        if path.is_file():
            usr.file(place, path.read_bytes(), mode=0o755 if path.stat().st_mode & 0o100 else 0o644)
        elif root.lookup_file(f"usr/{place}") is None:
            usr.folder(place)


def _is_below(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def _place(path: str) -> str:
    """Where a path of the root stands in the file system of /usr."""
    return path.removeprefix("usr").lstrip("/") or "." if _is_below(path, ("usr",)) else f"{FACTORY}/{path}"


def _lines(root: RootTar, path: str, usr: TarWriter) -> list[str]:
    """What makes on a machine the thing that the image has at a path outside of /usr; its content goes into `usr`."""
    member = root.lookup_file(path)
    if member is None or path == "." or path.startswith(UNSHIPPED):
        return []
    owner, factory = (member.uid, member.gid), f"/usr/{FACTORY}/{path}"
    if path in LINKED:
        return [tmpfiles.link(path, factory)]
    if _is_below(path, LINKED) or path.startswith("etc/"):
        return []
    if member.isreg():
        usr.copy(path, root, factory.removeprefix("/usr/"))
        return [tmpfiles.file_from(path, factory, member.mode, owner)]
    if member.issym():
        return [tmpfiles.link(path, member.linkname)]
    return [tmpfiles.folder(path, member.mode, owner)] if member.isdir() else []
