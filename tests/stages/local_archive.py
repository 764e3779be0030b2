"""Signed apt archives in a folder, made of a few tiny packages or of real ones: what a mirror looks like offline."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from distrobuild.formats.deb_repository import BinaryPackage, Suite, packages_index, read_deb, release_index

EPOCH = 1767225600


@dataclass(frozen=True)
class SigningKey:
    """A key in its own gpg home; `keyring` is its public half, as apt's Signed-By takes it.

    The home goes with the key. Its path is short, wherever the test's folder is: gpg's sockets must fit into 107 bytes.
    """

    home: Path
    keyring: Path

    @classmethod
    def make(cls, folder: Path, name: str) -> SigningKey:
        home = Path(tempfile.mkdtemp(prefix="key-"))
        gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet"]
        uid = f"{name} <{name}@localhost>"
        subprocess.run([*gpg, "--passphrase", "", "--quick-gen-key", uid, "ed25519", "sign", "never"], check=True)
        keyring = folder / f"{name}.gpg"
        keyring.write_bytes(subprocess.run([*gpg, "--export"], check=True, capture_output=True).stdout)
        made = cls(home, keyring)
        weakref.finalize(made, shutil.rmtree, home, ignore_errors=True)
        return made

    def sign(self, release: Path) -> None:
        """Write InRelease beside a Release."""
        gpg = ["gpg", "--homedir", str(self.home), "--batch", "--quiet", "--yes", "--clearsign"]
        subprocess.run([*gpg, "--output", str(release.with_name("InRelease")), str(release)], check=True)


def make_deb(
    folder: Path, name: str, version: str, depends: str = "", files: Mapping[str, str] | None = None, **fields: str
) -> Path:
    """A package with these files in it, by default none."""
    tree = folder / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    for path, text in (files or {}).items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text, "utf-8")
    control = {
        "Package": name,
        "Version": version,
        "Architecture": "amd64",
        "Maintainer": "Test <test@localhost>",
        "Description": "a package of a test",
        **fields,
    }
    if depends:
        control["Depends"] = depends
    (tree / "DEBIAN" / "control").write_text("".join(f"{key}: {value}\n" for key, value in control.items()))
    place = folder / f"{name}_{version}_amd64.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "--build", str(tree), str(place)], check=True, capture_output=True
    )
    shutil.rmtree(tree)
    return place


def write_archive(
    folder: Path,
    suites: Mapping[str, Mapping[str, Iterable[Path]]],
    key: SigningKey,
    *,
    origin: str = "Debian",
    **fields: str,
) -> None:
    """Write `suites` (suite -> component -> packages) below `folder`, signed by `key`; `fields` go in each Release."""
    for suite, components in suites.items():
        indexes = {}
        for component, debs in components.items():
            packages = [_into_pool(folder, component, deb) for deb in debs]
            indexes[f"{component}/binary-amd64/Packages"] = packages_index(packages)
        place = folder / "dists" / suite
        for path, content in indexes.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(content)
        release = release_index(Suite(origin, origin, suite, "amd64", EPOCH), indexes)
        fields["Components"] = " ".join(components)
        more = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in fields.items()).encode()
        lines = [line for line in release.splitlines(keepends=True) if not line.startswith(b"Components:")]
        # The digests do not come last: debootstrap loses the last line of a signed text.
        (place / "Release").write_bytes(b"".join(lines) + more)
        key.sign(place / "Release")


def _into_pool(folder: Path, component: str, deb: Path) -> BinaryPackage:
    pool = folder / "pool" / component
    pool.mkdir(parents=True, exist_ok=True)
    if not (pool / deb.name).exists():
        shutil.copyfile(deb, pool / deb.name)
    return replace(read_deb(deb), path=f"pool/{component}/{deb.name}")
