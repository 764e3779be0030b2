"""Python wheels for the tools root, resolved by this machine's pip with the index that it is configured for.

pip only says which files it would install; a `fetch` stage brings them, checked against the digests that stand in the
lock from then on.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import urllib.parse
from collections.abc import Mapping, Sequence
from typing import Any

from distrobuild.errors import DistrobuildError
from distrobuild.manifest.lock import LockedPackage, Request, Section

DISTRIBUTION = "python"
"""What stands in a request for wheels in the place of a distribution of packages."""
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""Python's name of a processor by Debian's."""
FIRST_GLIBC = 5
"""manylinux_2_5 is the oldest platform that a wheel names by its C library (PEP 600)."""
REPORT_VERSION = "1"
TAIL_LINES = 15


class WheelsUnresolved(DistrobuildError):
    """pip finds no set of wheels that fits, or cannot be asked."""


def resolve(request: Request, architecture: str, tools: Section, keep: Mapping[str, str]) -> Section:
    """What a request for wheels resolves to now, for the Python and the C library of the tools root.

    `keep` maps packages to versions that should stay, as far as they fit together. Raises `WheelsUnresolved`.
    """
    asked = {re.split(r"[=<>~!]", requirement)[0] for requirement in request.install}
    kept = [f"{name}=={version}" for name, version in sorted(keep.items()) if name not in asked]
    try:
        report = _ask(request.install, kept, architecture, tools)
    except WheelsUnresolved:
        if not kept:
            raise
        report = _ask(request.install, [], architecture, tools)
    found = (_locked(item, architecture) for item in report["install"])
    packages = sorted(found, key=lambda package: package.package)
    return Section(request=request, repositories=(), packages=tuple(packages))


def _ask(requirements: Sequence[str], constraints: Sequence[str], architecture: str, tools: Section) -> dict[str, Any]:
    """pip's installation report (pip.pypa.io, "Installation Report")."""
    machine = MACHINES[architecture]
    newest = int(_version(tools, "libc6").split(".")[1])
    platforms = [f"--platform=manylinux_2_{minor}_{machine}" for minor in range(newest, FIRST_GLIBC - 1, -1)]
    with tempfile.TemporaryDirectory(prefix="distrobuild-") as folder:
        command = [
            *(sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet", "--report=-"),
            *("--only-binary=:all:", f"--target={folder}", "--implementation=cp", *platforms),
            *(f"--python-version={_version(tools, 'python3')}", f"--platform=manylinux2014_{machine}"),
            *(*requirements, *constraints),
        ]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode:
        said = "\n".join(f"  {line}" for line in answer.stderr.splitlines()[-TAIL_LINES:])
        raise WheelsUnresolved(
            f"pip finds no wheels of {', '.join(requirements)} for the tools root:\n{said}",
            hint="the pip beside distrobuild must reach its index (`pip config list`), and be 22.2 or newer",
        )
    report: dict[str, Any] = json.loads(answer.stdout)
    if report["version"] != REPORT_VERSION:
        raise WheelsUnresolved(f"pip's report has version {report['version']}, not {REPORT_VERSION}")
    return report


def _version(tools: Section, package: str) -> str:
    """The first two numbers of a package's version: `3.13` of `3.13.5-1`."""
    found = next((locked.version for locked in tools.packages if locked.package == package), None)
    if found is None:
        raise WheelsUnresolved(f"the tools root has no `{package}`, for which the wheels of Portage would be chosen")
    return ".".join(re.findall(r"\d+", found.rpartition(":")[2])[:2])


def _locked(item: Mapping[str, Any], architecture: str) -> LockedPackage:
    url = item["download_info"]["url"]
    name = urllib.parse.unquote(url.rpartition("/")[2])
    digest = item["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256")
    if digest is None:
        raise WheelsUnresolved(f"{name}: the index gives no SHA-256 digest, without which nothing is locked")
    return LockedPackage(
        package=item["metadata"]["name"].lower(),
        version=item["metadata"]["version"],
        architecture="all" if name.endswith("-any.whl") else architecture,
        name=name,
        url=url,
        size=None,
        sha256=digest,
    )
