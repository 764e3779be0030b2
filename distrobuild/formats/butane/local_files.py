"""The files that a config names by `local`: below one folder, and never outside of it."""

from __future__ import annotations

import os
from pathlib import Path

from distrobuild.errors import DistrobuildError

FILES_DIR_HINT = "say where the files are: `--files-dir DIR`"


class LocalFileError(DistrobuildError):
    """A local file cannot be had."""


class LocalFiles:
    """Reads below `folder`; None: there is no such folder, and nothing is read."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def find(self, local: str) -> Path:
        """The path of `local`, whether it exists or not.

        Raises LocalFileError where it leads out of the folder by `..`, or there is no folder. As in Butane, a symbolic
        link in the folder may lead anywhere: who owns the folder put it there.
        """
        if self.folder is None:
            message = "local file paths are relative to a files directory that must be specified with --files-dir"
            raise LocalFileError(message, hint=FILES_DIR_HINT)
        if "\0" in local:
            raise LocalFileError("a file name has no NUL character")
        base = os.path.abspath(self.folder)  # noqa: PTH100 - resolve() would follow links
        # `/etc/motd` is below the folder too: Butane joins the two.
        path = os.path.normpath(f"{base}/{local}")
        if path != base and not path.startswith(base.rstrip("/") + "/"):
            raise LocalFileError("local file path traverses outside the files directory", hint=f"it is {base}")
        return Path(path)

    def read(self, local: str) -> bytes:
        """The contents of `local`. Raises LocalFileError."""
        return read(self.find(local))

    def read_text(self, local: str) -> str:
        """The contents of `local`, which must be UTF-8. Raises LocalFileError."""
        try:
            return self.read(local).decode("utf-8")
        except UnicodeDecodeError as error:
            raise LocalFileError(f"{local} is not UTF-8 text (byte {error.start})") from None


def read(path: Path) -> bytes:
    """The contents of the file at `path`. Raises LocalFileError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise LocalFileError(f"{path}: {error.strerror}") from None
