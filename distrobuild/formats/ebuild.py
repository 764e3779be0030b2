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
    blake2b, sha512 = hashlib.blake2b(), hashlib.sha512()
    with file.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            blake2b.update(chunk)
            sha512.update(chunk)
    size = file.stat().st_size
    return f"DIST {file.name} {size} BLAKE2B {blake2b.hexdigest()} SHA512 {sha512.hexdigest()}\n"
