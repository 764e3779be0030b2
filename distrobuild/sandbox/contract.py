"""What every program in the sandbox sees and can rely on. Part of every stage's key: a change here rebuilds all.

bubblewrap shows a program the tools root read-only, its inputs read-only, an empty work folder and its output folder; a
fixed clock for reproducible files, no network and none of the caller's environment. As root no user namespace is made
(bubblewrap's own maps one uid, so that `chown` to gid 42 fails); otherwise the caller's subordinate ids are entered
first.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

Command: TypeAlias = Sequence[str | os.PathLike[str]]

HOSTNAME = "distrobuild"
UMASK = 0o022
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/work",
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "TERM": "dumb",
    "USER": "root",
    "LOGNAME": "root",
}
"""The environment of a program, with SOURCE_DATE_EPOCH and what its command adds; nothing of the caller's leaks in."""
HOST_FOLDERS = {"usr", "etc", "bin", "sbin", "lib", "lib32", "lib64", "libx32"}
ROOT_FOLDERS = HOST_FOLDERS | {"opt", "var"}
ENTER_SUBORDINATE_IDS = ("unshare", "--user", "--map-auto", "--map-root-user", "--")
"""Unprivileged: root inside, and the caller's subordinate ids (/etc/subuid) behind uid 1 and up."""


@dataclass(frozen=True)
class Surroundings:
    """What programs see: `root` is the tools root (None: the host's own `/usr`, to make the tools root).

    `inputs` appear below `/inputs`, `work` as `/work`, `output` as `/out`; `extra` binds further host
    folders writable at a path inside (a compiler cache), `devices` host devices. `epoch` becomes
    SOURCE_DATE_EPOCH.
    """

    root: Path | None
    inputs: Mapping[str, Path]
    work: Path
    output: Path
    epoch: int
    network: bool = False
    extra: Mapping[str, Path] = field(default_factory=dict)
    devices: Sequence[Path] = ()

    def command_line(
        self, command: Command, *, cwd: str = "/work", environment: Mapping[str, str] | None = None
    ) -> list[str]:
        """The whole command with which the host starts `command` in the sandbox; it can be pasted into a shell."""
        line = [] if os.geteuid() == 0 else list(ENTER_SUBORDINATE_IDS)
        line += ["bwrap", "--die-with-parent", "--unshare-pid", "--unshare-ipc"]
        line += ["--unshare-uts", "--hostname", HOSTNAME]
        line += [] if self.network else ["--unshare-net"]
        line += ["--cap-add", "ALL", *self._mounts(), "--clearenv"]
        variables = {**ENVIRONMENT, "SOURCE_DATE_EPOCH": str(self.epoch), **(environment or {})}
        for name, value in variables.items():
            line += ["--setenv", name, value]
        return [*line, "--chdir", cwd, "--", *(os.fspath(word) for word in command)]

    def _mounts(self) -> list[str]:
        mounts: list[str] = []
        root = self.root or Path("/")
        # The sandbox's own root is bubblewrap's empty tmpfs: mount points can be made there, not in a read-only root.
        for entry in sorted(root.iterdir()):
            place = f"/{entry.name}"
            if entry.is_symlink():
                mounts += ["--symlink", str(entry.readlink()), place]
            elif entry.name in (HOST_FOLDERS if self.root is None else ROOT_FOLDERS):
                mounts += ["--ro-bind", str(entry), place]
        mounts += ["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--tmpfs", "/run", "--tmpfs", "/var/tmp"]
        if self.network and self.root is not None:
            mounts += ["--ro-bind-try", "/etc/resolv.conf", "/etc/resolv.conf"]
        for device in self.devices:
            mounts += ["--dev-bind", str(device), str(device)]
        for name, path in self.inputs.items():
            mounts += ["--ro-bind", str(path), f"/inputs/{name}"]
        mounts += ["--bind", str(self.work), "/work", "--bind", str(self.output), "/out"]
        for place, path in self.extra.items():
            mounts += ["--bind", str(path), place]
        return mounts
