"""Pieces of a Portage repository's files: quoting in ebuilds, names of licences, digests in Manifest files.

Formats: Package Manager Specification for EAPI 8; GLEP 44 and GLEP 59 (Manifest), GLEP 23 (licences).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

LICENCES = {"Apache-2.0": "Apache-2.0", "GPL-2.0-only": "GPL-2", "MIT": "MIT"}
"""Gentoo's name of a licence by its SPDX identifier."""
CHUNK_BYTES = 1 << 20


def quoted(text: str) -> str:
    """A text between double quotes, as bash reads it back unchanged."""
    for special in ("\\", '"', "$", "`"):
        text = text.replace(special, f"\\{special}")
    return f'"{text}"'


def manifest(distfiles: Iterable[Path]) -> str:
    """The thin Manifest of a package whose sources are these files: size in bytes and two digests of each."""
    return "".join(_entry(file) for file in sorted(distfiles, key=lambda file: file.name))


def _entry(file: Path) -> str:
    digests = {"BLAKE2B": hashlib.blake2b(), "SHA512": hashlib.sha512()}
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            for digest in digests.values():
                digest.update(chunk)
    words = [word for name, digest in digests.items() for word in (name, digest.hexdigest())]
    return " ".join(["DIST", file.name, str(file.stat().st_size), *words]) + "\n"
