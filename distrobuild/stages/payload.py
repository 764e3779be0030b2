"""What brings machines of layout `flatcar` to this version: a signed payload, and which version is the newest.

The folder can be published as it is, by any web server: a machine reads `latest`, and fetches NAME_VERSION.update if
that is newer than what it runs. The payload is a full one as Flatcar's update_engine reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from distrobuild.formats.update_payload import write_payload
from distrobuild.release.checksums import checksums
from distrobuild.release.update_signing import read_key
from distrobuild.stages.stage import Job, Options, Stage

SUMS = "SHA256SUMS"
LATEST = "latest"
PRIVATE_KEY = "private.pem"


class PayloadOptions(Options):
    """Which version of what."""

    name: str
    """Name of the image."""
    version: str
    """Version of the image."""

    @property
    def file_name(self) -> str:
        """Name of the payload."""
        return f"{self.name}_{self.version}.update"


class PayloadStage(Stage[PayloadOptions]):
    """/usr with its hash tree, the kernel and a private key -> a folder that machines update from."""

    kind: ClassVar[str] = "update"
    inputs: ClassVar[Mapping[str, str]] = {
        "verity": "what the verity stage made",
        "uki": "what the uki stage made",
        "key": "RSA private key in PEM, or what the update-key stage made",
    }
    outputs: Mapping[str, str] = {LATEST: "the version", SUMS: "digests of the files"}

    def __init__(self, options: PayloadOptions) -> None:
        super().__init__(options)
        self.outputs = {**self.outputs, options.file_name: "the payload"}

    def run(self, job: Job) -> None:
        """Write the folder. Raises `BadUpdateKey` or `CannotMakePayload`."""
        key = job.inputs["key"]
        write_payload(
            job.output / self.options.file_name,
            job.inputs["verity"] / "usr.img",
            job.inputs["uki"] / "image.efi",
            read_key(key / PRIVATE_KEY if key.is_dir() else key),
            workers=job.cpus,
        )
        (job.output / LATEST).write_text(f"{self.options.version}\n", "utf-8")
        (job.output / SUMS).write_text(checksums(job.output, {}), "utf-8")
