"""Fetch the image of a release of Flatcar, and keep it only if Flatcar has signed it.

Files, folders and signatures as on Flatcar's release servers: `BOARD/VERSION/flatcar_production_image.bin.bz2`, beside
it the same name with `.sig`, a detached OpenPGP signature of the packed file.
"""

from __future__ import annotations

from pydantic import Field

from distrobuild.formats.flatcar_image import PUBLISHED
from distrobuild.stages.download import FileGone, download
from distrobuild.stages.signature import INPUTS, check_signature
from distrobuild.stages.stage import Job, Options, Stage

SIGNATURE = f"{PUBLISHED}.sig"
CHANNELS = ("alpha", "beta", "stable", "lts")
"""By the second number of a version."""


def release_folder(version: str, architecture: str) -> str:
    """Address of the folder with a version's files; `architecture` is Debian's word."""
    channel = CHANNELS[int(version.split(".")[1])]
    return f"https://{channel}.release.flatcar-linux.net/{architecture}-usr/{version}"


class ReleaseOptions(Options):
    """Which release. Where from is no part of it: the signature says whose file it is."""

    version: str = Field(pattern=r"^[0-9]+\.[0-3]\.[0-9]+$")
    architecture: str
    """Debian's word for the machine it is for."""


class ReleaseStage(Stage[ReleaseOptions]):
    """A version -> its image, packed as it was published."""

    kind = "release"
    inputs = {"keyring": INPUTS["keyring"]}
    outputs = {PUBLISHED: "the image", SIGNATURE: "its signature"}
    uses_network = True

    def __init__(self, options: ReleaseOptions, folder: str) -> None:
        """`folder` is the address of the folder with the version's files."""
        super().__init__(options)
        self.folder = folder.removesuffix("/")

    def run(self, job: Job) -> None:
        """Fetch both, the small one first. Raises `FileGone`, `DownloadFailed` or `BadSignature`."""
        for name in (SIGNATURE, PUBLISHED):
            try:
                download(f"{self.folder}/{name}", job.output / name)
            except FileGone as error:
                hint = f"is `{self.options.version}` a release of Flatcar for {self.options.architecture}?"
                raise FileGone(error.message, hint=hint) from error
        check_signature(job, f"/out/{PUBLISHED}", f"{self.folder}/{PUBLISHED}", f"/out/{SIGNATURE}")
