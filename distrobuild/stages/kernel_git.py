"""Brings a series in as commits, so that a person can change patches where they are easiest to change."""

from __future__ import annotations

from distrobuild.errors import DistrobuildError
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

    The tag `base` names the first. `git am` takes no fuzz either. Raises `SeriesDoesNotApply`.
    """
    version = tree_version((job.work / TREE / "Makefile").read_text("utf-8"))
    _git(job, "init", "--quiet", "--initial-branch=series")
    # Files that the tree's own .gitignore names are part of it, where a release carries generated ones.
    _git(job, "add", "--all", "--force")
    _git(job, "commit", "--quiet", f"--message=Linux {version}")
    _git(job, "tag", "base")
    if series.patches:
        places = [_place(job, patch.path.name) for patch in series.patches]
        try:
            _git(job, "am", "--quiet", "--whitespace=nowarn", *places)
        except ProgramFailed as failed:
            reasons = "\n".join(line for line in failed.tail if not line.startswith("hint:"))
            hint = "`distrobuild kernel refresh` says of every hunk why it has no place"
            raise SeriesDoesNotApply(reasons, hint=hint) from None


def _git(job: Job, *arguments: str) -> None:
    # git asks who owns the folder, which in the sandbox is not who runs it.
    command = ["git", "-c", "safe.directory=*", "-c", "gc.auto=0", *arguments]
    job.sandbox.run(command, cwd=f"/work/{TREE}", environment=ENVIRONMENT)


def _place(job: Job, name: str) -> str:
    """Where the sandbox sees a patch."""
    inputs = [each for each in job.inputs if each == "patches" or each.startswith(SHARED)]
    return next(f"/inputs/{each}/{name}" for each in inputs if (job.inputs[each] / name).is_file())
