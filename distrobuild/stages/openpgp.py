"""Signs with the manifest's key, or with one that is made for this build and thrown away."""

from __future__ import annotations

import shutil
from types import TracebackType

from distrobuild.errors import DistrobuildError
from distrobuild.sandbox.sandbox import ProgramFailed
from distrobuild.stages.stage import Job

HOME = "gnupg"
GPG = ("gpg", f"--homedir=/work/{HOME}", "--batch", "--quiet", "--pinentry-mode=loopback")
SECRET = "key"
"""Name of a stage's input with the manifest's key."""


class BadSigningKey(DistrobuildError):
    """The manifest's signing key cannot sign."""


class Signer:
    """A home of gpg in the work folder with the one key that signs; a context manager, which removes it again.

    Raises `BadSigningKey` where the manifest's key is none.
    """

    def __init__(self, job: Job, title: str) -> None:
        """`title` is what a key is called that is made for this build alone."""
        self._job = job
        self._title = title
        self.lasting = SECRET in job.inputs
        """Whether it is the manifest's key."""

    def __enter__(self) -> Signer:
        (self._job.work / HOME).mkdir(mode=0o700)
        try:
            if self.lasting:
                self._import_key()
            else:
                self._job.log("no signing key in the manifest: signing with one that is thrown away")
                owner = f"{self._title} of one build"
                self.gpg("--passphrase", "", "--quick-generate-key", owner, "ed25519", "sign", "never")
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    @property
    def clock(self) -> tuple[str, ...]:
        """Arguments that make the signature by one key the same bytes every time."""
        return "--faked-system-time", f"{self._job.epoch}!"

    @property
    def fingerprint(self) -> str:
        """The key's fingerprint, in hexadecimal digits."""
        listed = self._job.sandbox.read([*GPG, "--list-secret-keys", "--with-colons"]).decode().splitlines()
        return next(line.split(":")[9] for line in listed if line.startswith("fpr:"))

    def gpg(self, *arguments: str) -> None:
        """Run gpg."""
        self._job.sandbox.run([*GPG, *self.clock, *arguments])

    def _import_key(self) -> None:
        hint = "export it by `gpg --armor --export-secret-keys KEY`, without a passphrase"
        try:
            self.gpg("--import", f"/inputs/{SECRET}")
        except ProgramFailed as error:
            raise BadSigningKey(f"the signing key cannot be read: {' / '.join(error.tail)}", hint=hint) from error
        if not self._job.sandbox.read([*GPG, "--list-secret-keys", "--with-colons"]):
            raise BadSigningKey("the signing key's file holds no secret key", hint=hint)

    def _remove(self) -> None:
        # The work folder of a failed stage is kept, a secret key must not be.
        shutil.rmtree(self._job.work / HOME)
