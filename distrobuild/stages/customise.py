"""What makes an installed root file system this image: users, names, sources, and the project's overlay.

The result is a layer, a small archive that goes over the root and never holds a copy of it. So a change here
costs seconds, however large the root is: it is neither installed nor packed again. The kernel's overlayfs
takes a folder's owner and mode from the uppermost layer that has it, and a folder in a layer would hide a
symbolic link below it (`/lib`); each path is therefore looked up in the root first.
"""

from __future__ import annotations

import tarfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import ClassVar

from distrobuild.errors import DistrobuildError
from distrobuild.formats.accounts import ADMINISTRATORS, Accounts, Person
from distrobuild.formats.root_tar import RootTar, TarWriter
from distrobuild.formats.template import render
from distrobuild.stages.stage import Job, Options, Stage

TEMPLATES = Path(__file__).parent / "templates" / "customise"
ZONES = "usr/share/zoneinfo"
LOGIN_UNITS = ("getty@tty1.service", "serial-getty@ttyS0.service")
ACCOUNT_FILES = {"passwd": 0o644, "shadow": 0o640, "group": 0o644, "gshadow": 0o640, "subuid": 0o644, "subgid": 0o644}


class UnknownTimezone(DistrobuildError):
    """The image's tzdata has no such zone."""


class OverlayConflict(DistrobuildError):
    """The overlay has a folder where the root has a file, or the other way round."""


class UnknownShell(DistrobuildError):
    """A user's login shell is not in the image."""


class UserOptions(Options):
    """A person who can log in by ssh key."""

    name: str
    groups: tuple[str, ...] = ()
    ssh_keys: tuple[str, ...] = ()
    shell: str = "/bin/bash"


class SourceOptions(Options):
    """One paragraph of the image's apt sources (deb822 style, sources.list(5))."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    keyring: str
    """File of the image that verifies the archive."""


class CustomiseOptions(Options):
    """Names, people and sources of an image."""

    hostname: str
    users: tuple[UserOptions, ...] = ()
    locale: str = "C.UTF-8"
    timezone: str = "UTC"
    sources: tuple[SourceOptions, ...] = ()
    """Where the image fetches its updates."""
    dev: bool = False
    """Log root in on the consoles, for debugging. Never in an image that leaves the desk."""


class CustomiseStage(Stage[CustomiseOptions]):
    """A root file system and an overlay folder -> the layer over it."""

    kind: ClassVar[str] = "customise"
    inputs: ClassVar[Mapping[str, str]] = {
        "rootfs": "what the rootfs stage made",
        "install": "what the install stage made: the layer over it",
        "overlay": "folder that is copied over the root; optional",
    }
    outputs: Mapping[str, str] = {"layer.tar": "the layer"}

    def run(self, job: Job) -> None:
        """Write the layer. Raises the errors of this module and those of `formats.accounts`."""
        with RootTar(job.inputs["rootfs"] / "rootfs.tar", job.inputs["install"] / "layer.tar") as root:
            layer = _Layer(root)
            self._name(layer)
            self._add_users(layer, job.epoch)
            if self.options.sources:
                layer.file("etc/apt/sources.list.d/base.sources", _rendered("base.sources.j2", self.options))
            if self.options.dev:
                for unit in LOGIN_UNITS:
                    login = (TEMPLATES / "autologin.conf").read_bytes()
                    layer.file(f"etc/systemd/system/{unit}.d/50-autologin.conf", login)
            if "overlay" in job.inputs:
                _add_overlay(layer, job.inputs["overlay"])
            layer.write(job.output / "layer.tar", job.epoch)

    def _name(self, layer: _Layer) -> None:
        options = self.options
        zone = f"{ZONES}/{options.timezone}"
        if layer.root.lookup(layer.root.resolve(zone)) is None:
            hint = "a name such as `Europe/Berlin`; some old names are in the package `tzdata-legacy`"
            raise UnknownTimezone(f"the image has no time zone `{options.timezone}`", hint=hint)
        layer.file("etc/hostname", f"{options.hostname}\n".encode())
        layer.file("etc/hosts", _rendered("hosts.j2", options))
        layer.file("etc/locale.conf", f"LANG={options.locale}\n".encode())
        if layer.root.lookup("etc/timezone"):  # gone in newer releases; where it is, it must not contradict
            layer.file("etc/timezone", f"{options.timezone}\n".encode())
        layer.link("etc/localtime", f"/{zone}")
        # PAM (pam_env) reads the old place; newer releases make it a link to locale.conf.
        layer.link("etc/default/locale", "../locale.conf")

    def _add_users(self, layer: _Layer, epoch: int) -> None:
        if not self.options.users:
            return
        present = {name for name in ACCOUNT_FILES if layer.root.lookup(f"etc/{name}")}
        accounts = Accounts.parse({name: layer.root.read(f"etc/{name}").decode() for name in present})
        for user in self.options.users:
            if layer.root.lookup(layer.root.resolve(user.shell)) is None:
                raise UnknownShell(f"user `{user.name}`: the image has no {user.shell}", hint="install its package")
            accounts, number = accounts.with_person(Person(user.name, user.groups, user.shell), epoch)
            _add_home(layer, user, (number, number))
            if ADMINISTRATORS in user.groups:
                layer.file("etc/sudoers.d/50-no-password", (TEMPLATES / "sudoers").read_bytes(), mode=0o440)
        for name, text in accounts.texts().items():
            layer.file(f"etc/{name}", text.encode(), mode=ACCOUNT_FILES[name])


class _Layer:
    """The members of a layer by path; what the root has at a path decides about owner and mode."""

    def __init__(self, root: RootTar) -> None:
        self.root = root
        self._folders: dict[str, tuple[int, tuple[int, int]]] = {}
        self._files: dict[str, tuple[bytes, int, tuple[int, int]]] = {}
        self._links: dict[str, tuple[str, tuple[int, int]]] = {}

    def folder(self, path: str, mode: int = 0o755, owner: tuple[int, int] = (0, 0)) -> None:
        """Add a folder and those above it. One that the root has keeps its owner and mode."""
        # `x` stands for anything inside: a link at the very end is followed as well.
        place = str(PurePosixPath(self.root.resolve(f"{path}/x")).parent)
        if place == "." or place in self._folders:
            return
        self.folder(str(PurePosixPath(place).parent))
        known = self.root.lookup(place)
        if (known is not None and not known.isdir()) or place in self._files or place in self._links:
            raise OverlayConflict(f"/{place} is a folder in the overlay, but not in the image")
        self._folders[place] = (mode, owner) if known is None else (known.mode, (known.uid, known.gid))

    def file(self, path: str, content: bytes, mode: int = 0o644, owner: tuple[int, int] = (0, 0)) -> None:
        """Add a file. One that replaces a file of the root keeps that one's owner, and who may read and write it."""
        place, known = self._place(path)
        if known is not None and known.isreg():
            mode, owner = _replaced_mode(known.mode, mode), (known.uid, known.gid)
        self._links.pop(place, None)
        self._files[place] = content, mode, owner

    def link(self, path: str, target: str, owner: tuple[int, int] = (0, 0)) -> None:
        """Add a symbolic link."""
        place, _ = self._place(path)
        self._files.pop(place, None)
        self._links[place] = target, owner

    def _place(self, path: str) -> tuple[str, tarfile.TarInfo | None]:
        place = self.root.resolve(path)
        known = self.root.lookup(place)
        if (known is not None and known.isdir()) or place in self._folders:
            raise OverlayConflict(f"/{place} is a folder in the image, but not in the overlay")
        self.folder(str(PurePosixPath(place).parent))
        return place, known

    def write(self, path: Path, epoch: int) -> None:
        """Write the archive: folders first, each before what it holds."""
        with TarWriter(path, epoch) as tar:
            top = self.root.lookup(".")
            tar.folder(".", 0o755 if top is None else top.mode)
            for place, (mode, owner) in sorted(self._folders.items()):
                tar.folder(place, mode, owner)
            for place, (content, mode, owner) in sorted(self._files.items()):
                tar.file(place, content, mode, owner)
            for place, (target, owner) in sorted(self._links.items()):
                tar.link(place, target, owner)


def _replaced_mode(old: int, new: int) -> int:
    """`new` decides whether the file can be executed, `old` by whom it can be read, written or executed at all."""
    return (old & 0o666) | (old >> 2 & 0o111 if new & 0o100 else 0)


def _add_overlay(layer: _Layer, overlay: Path) -> None:
    for path in sorted(overlay.rglob("*")):
        place = str(path.relative_to(overlay))
        if path.is_symlink():
            layer.link(place, str(path.readlink()))
        elif path.is_dir():
            layer.folder(place)
        else:
            layer.file(place, path.read_bytes(), mode=0o755 if path.stat().st_mode & 0o100 else 0o644)


def _add_home(layer: _Layer, user: UserOptions, owner: tuple[int, int]) -> None:
    home = f"home/{user.name}"
    layer.folder(home, 0o700, owner)
    for path in layer.root:
        member = layer.root.lookup(path)
        if path.startswith("etc/skel/") and member is not None and member.isreg():
            layer.file(f"{home}/{path.removeprefix('etc/skel/')}", layer.root.read(path), member.mode, owner)
    if user.ssh_keys:
        layer.folder(f"{home}/.ssh", 0o700, owner)
        keys = "".join(f"{key}\n" for key in user.ssh_keys)
        layer.file(f"{home}/.ssh/authorized_keys", keys.encode(), 0o600, owner)


def _rendered(name: str, options: CustomiseOptions) -> bytes:
    return render(TEMPLATES / name, options.model_dump()).encode()
