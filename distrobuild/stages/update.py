"""What systemd-sysupdate needs to bring machines to this version: both partitions and the kernel, named for it.

The names carry the version and the GUID that a partition gets, by which the kernel finds /usr (sysupdate.d(5)). The
folder can be published as it is: SHA256SUMS is the list that systemd-sysupdate reads from the web.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import ClassVar

from distrobuild.formats.disk_layout import verity_guids
from distrobuild.release.checksums import checksums
from distrobuild.stages.stage import Job, Options, Stage

SUMS = "SHA256SUMS"


class UpdateOptions(Options):
    """Which version of what."""

    name: str
    """Name of the image."""
    version: str
    """Version of the image."""


class UpdateStage(Stage[UpdateOptions]):
    """/usr, its hash tree and the kernel -> a folder for systemd-sysupdate."""

    kind: ClassVar[str] = "update"
    inputs: ClassVar[Mapping[str, str]] = {"verity": "what the verity stage made", "uki": "what the uki stage made"}
    outputs: Mapping[str, str] = {SUMS: "digests of the files that make up the update"}

    def run(self, job: Job) -> None:
        """Write the folder."""
        prefix = f"{self.options.name}_{self.options.version}"
        data, tree = verity_guids((job.inputs["verity"] / "roothash").read_text("ascii").strip())
        for source, name in (
            (job.inputs["verity"] / "usr.img", f"{prefix}_{data}.usr.raw"),
            (job.inputs["verity"] / "usr-verity.img", f"{prefix}_{tree}.usr-verity.raw"),
            (job.inputs["uki"] / "image.efi", f"{prefix}.efi"),
        ):
            shutil.copyfile(source, job.output / name)
        (job.output / SUMS).write_text(checksums(job.output, {}), "utf-8")
