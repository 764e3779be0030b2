"""The one place where a program is started.

`Sandbox` starts a program by bubblewrap in the surroundings that `distrobuild.sandbox.contract` describes, logs what it
prints, and turns an exit status into an error that tells how to see it again.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from distrobuild.errors import DistrobuildError
from distrobuild.sandbox import contract
from distrobuild.sandbox.contract import Command, Surroundings

TAIL_LINES = 30
"""How many of a failing program's last lines are kept with the error."""


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
class Sandbox(Surroundings):
    """Where programs run; `log` gets every line that they print."""

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
