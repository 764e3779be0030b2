"""Brings a series in as commits, so that patches are easy to change, and each can be looked at by itself."""

from __future__ import annotations

from collections.abc import Sequence

from distrobuild.errors import DistrobuildError
from distrobuild.formats.patch import Patch
from distrobuild.formats.patch_series import Series
from distrobuild.sandbox.sandbox import ProgramFailed
from distrobuild.stages.kernel_make import TREE
from distrobuild.stages.kernel_source import SHARED, tree_version
from distrobuild.stages.stage import Job

PERSON = {"NAME": "distrobuild", "EMAIL": "distrobuild@localhost"}
ENVIRONMENT = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in PERSON.items()}


class SeriesDoesNotApply(DistrobuildError):
    """A patch that git cannot apply to the tree."""


def commit_series(job: Job, series: Series) -> None:
    """Make the unpacked tree a git repository: a commit with the tree as it came, then one for each patch.

    Raises `SeriesDoesNotApply`.
    """
    commit_base(job)
    commit_patches(job, series.patches)


def commit_base(job: Job) -> None:
    """The commit with the tree as it came, and the tag `base` for it."""
    version = tree_version((job.work / TREE / "Makefile").read_text("utf-8"))
    _git(job, "init", "--quiet", "--initial-branch=series")
    # Files that the tree's own .gitignore names are part of it, where a release carries generated ones.
    _git(job, "add", "--all", "--force")
    _git(job, "commit", "--quiet", f"--message=Linux {version}")
    _git(job, "tag", "base")


def commit_patches(job: Job, patches: Sequence[Patch]) -> None:
    """A commit for each patch, by `git am`, which takes no fuzz either. Raises `SeriesDoesNotApply`."""
    if not patches:
        return
    try:
        _git(job, "am", "--quiet", "--whitespace=nowarn", *(place(job, patch) for patch in patches))
    except ProgramFailed as failed:
        reasons = "\n".join(line for line in failed.tail if not line.startswith("hint:"))
        hint = "`distrobuild kernel refresh` says of every hunk why it has no place"
        raise SeriesDoesNotApply(reasons, hint=hint) from None


def place(job: Job, patch: Patch) -> str:
    """Where the sandbox sees a patch."""
    inputs = [each for each in job.inputs if each == "patches" or each.startswith(SHARED)]
    name = patch.path.name
    return next(f"/inputs/{each}/{name}" for each in inputs if (job.inputs[each] / name).is_file())


def _git(job: Job, *arguments: str) -> None:
    # git asks who owns the folder, which in the sandbox is not who runs it.
    command = ["git", "-c", "safe.directory=*", "-c", "gc.auto=0", *arguments]
    job.sandbox.run(command, cwd=f"/work/{TREE}", environment=ENVIRONMENT)
