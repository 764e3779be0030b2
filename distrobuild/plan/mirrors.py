"""Where an archive is: what the manifest names, else what the host's own apt reaches, else mmdebstrap's default."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from distrobuild.sandbox.sandbox import ProgramFailed, Sandbox

HOST_LISTS = Path("/var/lib/apt")


@dataclass(frozen=True)
class HostRepository:
    """One repository that the host's apt has read: its address and the names in its Release file."""

    mirror: str
    origin: str
    label: str


def host_repositories() -> list[HostRepository]:
    """What the host's apt is configured for and has fetched at least once; empty where apt never ran."""
    if not HOST_LISTS.is_dir():
        return []
    with _sandbox() as sandbox:
        text = sandbox.read(
            ["apt-get", "indextargets", "--format", "$(REPO_URI)|$(ORIGIN)|$(LABEL)"],
            environment={"APT_CONFIG": "/work/apt.conf"},
        ).decode()
    found = [HostRepository(*line.split("|")) for line in text.splitlines() if line.count("|") == 2]
    return list(dict.fromkeys(found))


def host_mirror(label: str) -> str | None:
    """Address of the host's repository whose Release file says `label` (`Debian`, `Debian-Security`, `Ubuntu`)."""
    return next((r.mirror.rstrip("/") for r in host_repositories() if r.label == label), None)


def default_mirrors(suite: str) -> dict[str, str]:
    """Suite to address, as mmdebstrap's own table has it for the distribution of `suite`; asks no server."""
    lines: list[str] = []
    with _sandbox(lines.append) as sandbox:
        (sandbox.work / "show").write_text('#!/bin/sh\ncat "$1"/etc/apt/sources.list\nexit 1\n')
        (sandbox.work / "show").chmod(0o755)
        with contextlib.suppress(ProgramFailed):  # meant: the hook stops mmdebstrap before it would ask the network
            sandbox.run(["mmdebstrap", "--variant=custom", "--setup-hook=/work/show", suite, "/dev/null"])
    matches = (re.match(r"deb (?:\[[^]]*\] )?(\S+) (\S+) ", line) for line in lines)
    return {match[2]: match[1] for match in matches if match}


@contextmanager
def _sandbox(log: Callable[[str], None] = lambda _line: None) -> Iterator[Sandbox]:
    with tempfile.TemporaryDirectory(prefix="distrobuild-") as folder:
        work, output = Path(folder, "work"), Path(folder, "out")
        work.mkdir()
        output.mkdir()
        (work / "apt.conf").write_text('Dir::State "/inputs/apt";\nDir::State::status "/dev/null";\n')
        yield Sandbox(root=None, inputs={"apt": HOST_LISTS}, work=work, output=output, epoch=0, log=log)
