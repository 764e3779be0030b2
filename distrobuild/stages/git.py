"""Fetch one commit of a git repository: a source whose name is its digest."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from distrobuild.errors import DistrobuildError
from distrobuild.sandbox.sandbox import ProgramFailed
from distrobuild.stages.stage import Job, Options, Stage

Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]


class GitOptions(Options):
    """Which commit. Where from is no part of it: git checks every object against the commit's id."""

    commit: Commit


class CommitGone(DistrobuildError):
    """The repository does not answer, or does not give out the commit."""


class GitStage(Stage[GitOptions]):
    """One commit -> its tree, without history."""

    kind = "git"
    outputs = {".": "the tree"}
    uses_network = True

    def __init__(self, options: GitOptions, address: str) -> None:
        """`address` is the repository's URL."""
        super().__init__(options)
        self.address = address

    def run(self, job: Job) -> None:
        """Fetch only this commit, check every object of it, and unpack its tree."""
        git = ["git", "-C", "/work/repository"]
        commit = self.options.commit
        job.sandbox.run(["git", "init", "--quiet", "--bare", "/work/repository"])
        try:
            job.sandbox.run([*git, "fetch", "--quiet", "--depth=1", "--no-tags", self.address, commit])
        except ProgramFailed as error:
            reason = error.tail[-1] if error.tail else str(error)
            raise CommitGone(f"{self.address}: commit {commit[:12]}: {reason}") from error
        job.sandbox.run([*git, "fsck", "--strict", "--no-dangling", commit])
        job.sandbox.run([*git, "archive", "--format=tar", "--output=/work/tree.tar", commit])
        job.sandbox.run(["tar", "--extract", "--no-same-owner", "--file=/work/tree.tar", "--directory=/out"])
