"""The program by which a machine of layout `flatcar` updates itself, and the key that it trusts, as a part of /usr.

update_engine is Flatcar's own and not in Debian, so the payload is applied by a small program of this project. It is
linked statically: the image's libraries may be of another release than the tools root's.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from distrobuild.stages.stage import Job, Options, Stage

SOURCE = Path(__file__).parent / "templates" / "updater" / "apply-payload.c"
FLAGS = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-s")
PROGRAM = "lib/image/apply-payload"
KEY = "share/update_engine/update-payload-key.pub.pem"
"""Where Flatcar has it."""


class UpdaterOptions(Options):
    """Nothing to choose."""


class UpdaterStage(Stage[UpdaterOptions]):
    """The public key of updates -> a part of /usr."""

    kind: ClassVar[str] = "updater"
    inputs: ClassVar[Mapping[str, str]] = {"key": "what the update-key stage made"}
    outputs: Mapping[str, str] = {f"usr/{PROGRAM}": "the program", f"usr/{KEY}": "the key"}

    def run(self, job: Job) -> None:
        """Compile. Raises `ProgramFailed`."""
        for path in self.outputs:
            (job.output / path).parent.mkdir(parents=True)
        shutil.copyfile(SOURCE, job.work / SOURCE.name)
        libraries = ("-lcrypto", "-lzstd", "-lz", "-lbz2")
        program = f"/out/usr/{PROGRAM}"
        job.sandbox.run(["gcc", *FLAGS, "-o", program, f"/work/{SOURCE.name}", *libraries])
        shutil.copyfile(job.inputs["key"] / "public.pem", job.output / "usr" / KEY)
