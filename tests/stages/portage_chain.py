"""From a package's description to its files on a machine, by way of ebuild, repository and signed binary package."""

from __future__ import annotations

import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from distrobuild.stages.binpkgs import BinpkgsOptions, BinpkgsStage
from distrobuild.stages.deb import DebOptions, DebStage
from distrobuild.stages.ebuild import EbuildOptions, EbuildStage
from distrobuild.stages.gpkg import GpkgOptions, GpkgStage
from distrobuild.stages.overlay import OverlayOptions, OverlayStage
from distrobuild.stages.portage import REPOSITORY, Portage, write_repository
from distrobuild.stages.stage import Job

PACKAGES = Path(__file__).parents[2] / "packages"
OWN = tuple(sorted(folder.name for folder in PACKAGES.iterdir()))
FACTS = {
    "name": "mlos",
    "title": "MLOS Linux",
    "version": "1.0.0",
    "maintainer": "MLOS Linux maintainers <maintainers@mlos.invalid>",
    "base_distribution": "debian",
    "base_suite": "trixie",
}
NOT_COMPARED = ("usr/share/doc", "usr/share/man", "usr/share/lintian", "var/db", "var/lib/portage", "var/cache/edb")
"""Documentation, and what a package manager writes for itself."""
MADE_BY_PORTAGE = {"etc/csh.env", "etc/environment.d/10-gentoo-env.conf", "etc/ld.so.conf", "etc/profile.env"}
"""What env-update makes of all packages together."""
MakeJob = Callable[..., Job]


def make_ebuild(job: Job, name: str) -> Path:
    EbuildStage(EbuildOptions(package=name, own=OWN, **FACTS)).run(job)
    return job.output


def make_overlay(job: Job) -> Path:
    OverlayStage(OverlayOptions(name="mlos")).run(job)
    return job.output


def make_gpkg(job: Job) -> Path:
    GpkgStage(GpkgOptions(name="mlos")).run(job)
    return job.output


def make_binpkgs(job: Job) -> Path:
    BinpkgsStage(BinpkgsOptions(name="mlos", title="MLOS Linux")).run(job)
    return job.output


def make_deb(job: Job, name: str) -> Path:
    DebStage(DebOptions(package=name, **FACTS)).run(job)
    (deb,) = (job.output / "debs").iterdir()
    return deb


def install(job: Job, *atoms: str, **settings: str) -> Path:
    """Install from the signed packages below /inputs/host as a machine does that trusts their key."""
    job.sandbox.run(["mkdir", "--mode=700", "/work/trusted"])
    gpg = ["gpg", "--homedir=/work/trusted", "--batch", "--quiet"]
    job.sandbox.run([*gpg, "--import", "/inputs/host/binpkgs-key.asc"])
    listed = job.sandbox.read([*gpg, "--list-keys", "--with-colons"]).decode().splitlines()
    fingerprint = next(line.split(":")[9] for line in listed if line.startswith("fpr:"))
    job.sandbox.run([*gpg, "--import-ownertrust"], stdin=f"{fingerprint}:6:\n".encode())
    job.sandbox.run([*gpg, "--check-trustdb"])
    write_repository(job.work / REPOSITORY, "mlos", [])
    trusting = {
        "PKGDIR": "/inputs/host/binpkgs",
        "FEATURES": "binpkg-request-signature",
        "BINPKG_GPG_VERIFY_GPG_HOME": "/work/trusted",
        "GPG_VERIFY_USER_DROP": "",
        "GPG_VERIFY_GROUP_DROP": "",
    }
    (job.work / "root").mkdir(exist_ok=True)
    portage = Portage(job, "mlos", {**trusting, **settings})
    portage.emerge("--usepkgonly", "--nodeps", "--oneshot", *atoms, environment={"ROOT": "/work/root"})
    return job.work / "root"


def content(root: Path) -> dict[str, tuple[str, int, str]]:
    """Path to kind, mode and content (of a link: its target) of everything that is no folder, and modes of folders."""
    found = {}
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        status = path.lstat()
        if name in MADE_BY_PORTAGE or any(f"{name}/".startswith(f"{folder}/") for folder in NOT_COMPARED):
            continue
        if path.is_symlink():
            found[name] = ("link", 0, str(path.readlink()))
        elif path.is_file():
            mode = stat.S_IMODE(status.st_mode)
            # Portage makes every shared library executable, and Debian's policy (10.2) forbids it.
            found[name] = ("file", mode & ~0o111 if ".so." in path.name else mode, path.read_bytes().hex())
        elif any(each.is_symlink() or each.is_file() for each in path.rglob("*")):
            found[name] = ("folder", stat.S_IMODE(status.st_mode), "")
    empty = [name for name, (kind, *_) in found.items() if kind == "folder" and not _has_files(name, found)]
    return {name: entry for name, entry in found.items() if name not in empty}


def _has_files(folder: str, found: Mapping[str, tuple[str, int, str]]) -> bool:
    return any(name.startswith(f"{folder}/") and entry[0] != "folder" for name, entry in found.items())


def everything(make_job: MakeJob, python: Path, ebuild: Path) -> Path:
    """From an ebuild to the signed packages, past pkgcheck."""
    overlay = make_overlay(make_job({"ebuilds/one": ebuild, "python": python}, "overlay"))
    assert (overlay / "overlay/profiles/repo_name").read_text() == "mlos\n"
    gpkg = make_gpkg(make_job({"ebuild": ebuild, "python": python}, "gpkg"))
    return make_binpkgs(make_job({"gpkgs/one": gpkg, "python": python}, "binpkgs"))
