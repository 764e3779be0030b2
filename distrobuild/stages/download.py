"""Bring one file from an address, for every stage with network; what it is worth, the stage finds out itself."""

from __future__ import annotations

import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path

from distrobuild.errors import DistrobuildError

ATTEMPTS = 3
TIMEOUT_SECONDS = 60.0
CHUNK_BYTES = 1 << 20


class FileGone(DistrobuildError):
    """The server has no such file."""


class DownloadFailed(DistrobuildError):
    """No answer, or a broken one."""


def download(url: str, place: Path) -> None:
    """Write what is at `url` to `place`. Raises `FileGone` or, after some attempts, `DownloadFailed`."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer, place.open("wb") as stream:
                shutil.copyfileobj(answer, stream, CHUNK_BYTES)
            return
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            gone = isinstance(error, urllib.error.HTTPError) and error.code in (404, 410)
            if gone or isinstance(getattr(error, "reason", None), FileNotFoundError):
                raise FileGone(f"{url}: there is no such file") from error
            if attempt == ATTEMPTS:
                raise DownloadFailed(f"{url}: {getattr(error, 'reason', error)}") from error
            time.sleep(attempt)
