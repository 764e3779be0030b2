"""Runs Portage in the sandbox: a repository for it to know, its configuration, and its programs from the environment.

Portage comes as Python wheels and believes that it manages a system below the folder of its environment, which is
read-only here. So the environment's `etc/portage` and `var` lead to the work folder (`LINKS`), where each stage writes
its own configuration, and `--prefix=` makes emerge install to `/`. Its own sandboxes are switched off: it runs in ours.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from distrobuild.formats.template import render
from distrobuild.stages.stage import Job

WHEELS = ("portage==3.0.83", "pkgcheck==0.10.36", "pkgcore==0.12.30")
"""Portage and its checker, as pip is asked for them. Newer ones of pkgcheck and pkgcore refuse a bash before 5.3."""
TEMPLATES = Path(__file__).parent / "templates" / "portage"
PLACE = "/inputs/python"
"""Where a stage must bind the environment with Portage: its input `python`."""
CONFIGURATION = "config/etc/portage"
VAR = "var"
LINKS = (
    ("etc/portage", f"/work/{CONFIGURATION}"),
    ("var", f"/work/{VAR}"),
    ("bin/gtar", "/usr/bin/tar"),  # Portage unpacks by the name that GNU tar has everywhere
)
"""What the environment must refer to, as the options of its stage name it."""
REPOSITORY = "repository"
"""Folder below /work of the repository that Portage knows."""
ARCHITECTURE = "amd64"
FEATURES = (
    *("strict", "-sandbox", "-usersandbox", "-userpriv", "-userfetch", "-network-sandbox", "-ipc-sandbox"),
    *("-pid-sandbox", "-mount-sandbox", "-ebuild-locks", "-distlocks", "-news", "-merge-wait", "-parallel-fetch"),
)
FIXED_ORDER = {"PYTHONHASHSEED": "0"}
"""Portage writes sets of names as Python happens to have them."""


def write_repository(folder: Path, name: str, fragments: Iterable[Path], diversions: Collection[str] = ()) -> Path:
    """Write an ebuild repository `name` at `folder`: its own files, and the packages and licences of all `fragments`.

    `diversions` are the paths that its packages take over from others. Returns the folder of its profile.
    """
    for fragment in fragments:
        shutil.copytree(fragment, folder, dirs_exist_ok=True)
    categories = sorted({place.parent.parent.name for place in folder.glob("*/*/*.ebuild")})
    profile = folder / "profiles" / name / ARCHITECTURE
    profile.mkdir(parents=True)
    (folder / "metadata").mkdir()
    shutil.copyfile(TEMPLATES / "layout.conf", folder / "metadata" / "layout.conf")
    texts = {
        "profiles/repo_name": name,
        "profiles/eapi": "8",
        "profiles/arch.list": ARCHITECTURE,
        "profiles/categories": "\n".join(categories),
        "profiles/profiles.desc": f"{ARCHITECTURE} {name}/{ARCHITECTURE} stable",
        f"profiles/{name}/{ARCHITECTURE}/eapi": "8",
    }
    for path, text in texts.items():
        (folder / path).write_text(f"{text}\n", "utf-8")
    defaults = render(TEMPLATES / "make.defaults.j2", {"diversions": sorted(diversions)})
    (profile / "make.defaults").write_text(defaults, "utf-8")
    return profile


class Portage:
    """Portage with one repository, `/work/repository`. Its programs run in the sandbox of a job."""

    def __init__(self, job: Job, name: str, settings: Mapping[str, str] | None = None) -> None:
        """Write the configuration: repository `name` with its profile, and the variables `settings` of make.conf."""
        configuration = job.work / CONFIGURATION
        configuration.mkdir(parents=True)
        var = job.work / VAR
        for folder in (var, job.work / "tmp"):
            folder.mkdir()
        variables = {
            "PORTAGE_TMPDIR": "/work/tmp",
            "ACCEPT_LICENSE": "*",
            "EMERGE_DEFAULT_OPTS": "--color=n --quiet-build=n --jobs=1",
            "MAKEOPTS": f"--jobs={job.cpus}",
            "PORTAGE_NICENESS": "0",
            # The environment of an ebuild has what stands here, and little else.
            "SOURCE_DATE_EPOCH": str(job.epoch),
            **FIXED_ORDER,
            **(settings or {}),
        }
        variables["FEATURES"] = " ".join([*FEATURES, variables.get("FEATURES", "")])
        text = "".join(f'{variable}="{value}"\n' for variable, value in variables.items())
        (configuration / "make.conf").write_text(text, "utf-8")
        shutil.copyfile(TEMPLATES / "bashrc", configuration / "bashrc")
        profile = f"/work/{REPOSITORY}/profiles/{name}/{ARCHITECTURE}"
        (configuration / "make.profile").symlink_to(profile)
        self._sandbox = dataclasses.replace(job.sandbox, extra={**job.sandbox.extra, "/var": var})
        self._environment = {
            "PATH": f"{PLACE}/bin:/usr/sbin:/usr/bin",
            "PORTAGE_CONFIGROOT": "/work/config",
            "PORTAGE_REPOSITORIES": f"[DEFAULT]\nmain-repo = {name}\n[{name}]\nlocation = /work/{REPOSITORY}\n",
            # The tools root has no account of Portage's.
            "PORTAGE_USERNAME": "root",
            "PORTAGE_GRPNAME": "root",
            "NO_COLOR": "1",
            **FIXED_ORDER,
        }

    def emerge(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        """Run emerge."""
        self.run("emerge", "--prefix=", *arguments, environment=environment)

    def run(self, program: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        """Run one of Portage's programs. Raises `ProgramFailed`."""
        command = ["python3", f"{PLACE}/lib/portage/bin/{program}", *arguments]
        self._sandbox.run(command, environment={**self._environment, **(environment or {})})

    def check(self, *arguments: str) -> str:
        """What pkgcheck says of the repository; empty if nothing. Raises `ProgramFailed` where it cannot tell."""
        scan = ["scan", "--repo", f"/work/{REPOSITORY}", *arguments]
        command = ["python3", "-m", "pkgcheck", "--config", f"/work/{CONFIGURATION}", *scan]
        return self._sandbox.read(command, environment=self._environment).decode()
