"""Let lintian judge a `.deb`, while what needs the package goes on."""

from __future__ import annotations

from distrobuild.stages.stage import Job, Options, Stage


class LintOptions(Options):
    """Nothing to choose: exceptions stand in the package, with their reason."""


class LintStage(Stage[LintOptions]):
    """A package -> no complaint."""

    kind = "lint"
    inputs = {"package": "what the deb stage made"}

    def run(self, job: Job) -> None:
        """Raises `ProgramFailed` for an error or a warning."""
        debs = sorted(file.name for file in (job.inputs["package"] / "debs").iterdir())
        lintian = ["lintian", "--fail-on", "error,warning", "--allow-root"]
        job.sandbox.run([*lintian, *(f"/inputs/package/debs/{name}" for name in debs)])
