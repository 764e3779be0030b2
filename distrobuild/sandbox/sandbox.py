"""The one place where a program is started.

`Sandbox.run` starts a program by bubblewrap: it sees the tools root read-only, its inputs read-only, an
empty work folder and its output folder, a fixed clock for reproducible files, no network and none of
the caller's environment. As root no user namespace is made (bubblewrap's own maps one uid, so that
`chown` to gid 42 fails); otherwise the caller's subordinate ids are entered first.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TypeAlias

from distrobuild.errors import DistrobuildError
from distrobuild.sandbox import contract

Command: TypeAlias = Sequence[str | os.PathLike[str]]

TAIL_LINES = 30
"""How many of a failing program's last lines are kept with the error."""

HOST_FOLDERS = {"usr", "etc", "bin", "sbin", "lib", "lib32", "lib64", "libx32"}
ROOT_FOLDERS = HOST_FOLDERS | {"opt", "var"}
ENTER_SUBORDINATE_IDS = ("unshare", "--user", "--map-auto", "--map-root-user", "--")
"""Unprivileged: root inside, and the caller's subordinate ids (/etc/subuid) behind uid 1 and up."""


class ProgramFailed(DistrobuildError):
    """A program in the sandbox ended with a status other than 0.

    `command` is the program's own argument list, `status` its exit status (128+N: ended by signal N),
    `reproduction` a shell line that starts it again in the same sandbox.
    """

    def __init__(self, command: Sequence[str], status: int, tail: Sequence[str], reproduction: str) -> None:
        super().__init__(f"`{shlex.join(command)}` ended with exit status {status}")
        self.command = tuple(command)
        self.status = status
        self.tail = tuple(tail)
        self.reproduction = reproduction


@dataclass(frozen=True)
class Sandbox:
    """Where programs run: `root` is the tools root (None: the host's own `/usr`, to make the tools root).

    `inputs` appear below `/inputs`, `work` as `/work`, `output` as `/out`; `extra` binds further host
    folders writable at a path inside (a compiler cache), `devices` host devices. `epoch` becomes
    SOURCE_DATE_EPOCH. `log` gets every line a program prints.
    """

    root: Path | None
    inputs: Mapping[str, Path]
    work: Path
    output: Path
    epoch: int
    network: bool = False
    extra: Mapping[str, Path] = field(default_factory=dict)
    devices: Sequence[Path] = ()
    log: Callable[[str], None] = print

    def run(
        self,
        command: Command,
        *,
        cwd: str = "/work",
        environment: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
    ) -> None:
        """Run `command`, every line it prints going to the log; raise `ProgramFailed` unless it exits 0."""
        with self.start(command, cwd=cwd, environment=environment, stdout=subprocess.PIPE, stdin=stdin) as process:
            assert process.stdout is not None
            tail = self._log_lines(process.stdout)
        self._check(command, process.returncode, tail, cwd, environment)

    def read(
        self,
        command: Command,
        *,
        cwd: str = "/work",
        environment: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
    ) -> bytes:
        """Run `command` and return what it wrote to stdout; stderr goes to the log."""
        with tempfile.TemporaryFile() as errors:
            process = self.start(
                command, cwd=cwd, environment=environment, stdout=subprocess.PIPE, stderr=errors, stdin=stdin
            )
            result, _ = process.communicate()
            errors.seek(0)
            tail = self._log_lines(errors)
        if process.returncode:  # many programs explain themselves on stdout
            tail.extendleft(reversed(result.decode("utf-8", "replace").splitlines()[-TAIL_LINES:]))
        self._check(command, process.returncode, tail, cwd, environment)
        return result

    def start(
        self,
        command: Command,
        *,
        cwd: str = "/work",
        environment: Mapping[str, str] | None = None,
        stdout: IO[bytes] | int | None = None,
        stderr: IO[bytes] | int = subprocess.STDOUT,
        stdin: bytes | IO[bytes] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start `command` and return at once; it dies with this process. For programs that are spoken to (QEMU)."""
        with contextlib.ExitStack() as stack:
            source: IO[bytes] | int = subprocess.DEVNULL
            if isinstance(stdin, bytes):
                source = stack.enter_context(tempfile.TemporaryFile())
                source.write(stdin)
                source.seek(0)
            elif stdin is not None:
                source = stdin
            return subprocess.Popen(
                self.command_line(command, cwd=cwd, environment=environment),
                stdin=source,
                stdout=stdout,
                stderr=stderr,
                umask=contract.UMASK,
            )

    def command_line(
        self, command: Command, *, cwd: str = "/work", environment: Mapping[str, str] | None = None
    ) -> list[str]:
        """The whole command with which the host starts `command` in the sandbox; it can be pasted into a shell."""
        line = [] if os.geteuid() == 0 else list(ENTER_SUBORDINATE_IDS)
        line += ["bwrap", "--die-with-parent", "--unshare-pid", "--unshare-ipc"]
        line += ["--unshare-uts", "--hostname", contract.HOSTNAME]
        line += [] if self.network else ["--unshare-net"]
        line += ["--cap-add", "ALL", *self._mounts(), "--clearenv"]
        variables = {**contract.ENVIRONMENT, "SOURCE_DATE_EPOCH": str(self.epoch), **(environment or {})}
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

    def _log_lines(self, stream: IO[bytes]) -> deque[str]:
        tail: deque[str] = deque(maxlen=TAIL_LINES)
        for raw in stream:
            text = raw.decode("utf-8", "replace").rstrip("\n")
            tail.append(text)
            self.log(text)
        return tail

    def _check(
        self,
        command: Command,
        status: int,
        tail: deque[str],
        cwd: str,
        environment: Mapping[str, str] | None,
    ) -> None:
        if status:
            reproduction = shlex.join(self.command_line(command, cwd=cwd, environment=environment))
            raise ProgramFailed([os.fspath(word) for word in command], status, list(tail), reproduction)
