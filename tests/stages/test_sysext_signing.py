"""A signed extension: its root hash stands for every byte, and its signature is one by the key of the certificate."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from distrobuild.formats import gpt_read
from distrobuild.formats.disk_layout import SECTOR
from distrobuild.formats.verity import CorruptBlock, verify
from distrobuild.sandbox.sandbox import ProgramFailed
from distrobuild.stages.stage import Job
from distrobuild.stages.sysext import SysextOptions, SysextStage
from distrobuild.stages.sysext_signing import BadExtensionKey
from tests.stages.local_archive import make_deb

MakeJob = Callable[..., Job]


class Pair(NamedTuple):
    key: Path
    certificate: Path


def make_pair(job: Job, name: str, algorithm: str = "rsa:2048") -> Pair:
    """A key and its certificate, as the hint of an error says to make them."""
    command = ["openssl", "req", "-x509", "-newkey", *algorithm.split(), "-nodes", "-subj", f"/CN={name}"]
    job.sandbox.run([*command, "-keyout", f"/out/{name}.key", "-out", f"/out/{name}.pem"])
    return Pair(job.output / f"{name}.key", job.output / f"{name}.pem")


@pytest.fixture
def keys(make_job: MakeJob) -> Job:
    return make_job({}, "keys")


@pytest.fixture
def pair(keys: Job) -> Pair:
    return make_pair(keys, "maker")


@pytest.fixture
def debs(tmp_path: Path) -> Path:
    (tmp_path / "deb" / "debs").mkdir(parents=True)
    # Enough for several blocks, compressed: the hash of a single one would be the root hash.
    noise = "".join(hashlib.sha256(bytes([number])).hexdigest() for number in range(256))
    make_deb(tmp_path / "deb" / "debs", "tool", "1.0", files={"usr/bin/tool": "#!/bin/sh\n", "usr/lib/noise": noise})
    return tmp_path / "deb"


def made(make_job: MakeJob, debs: Path, pair: Pair, name: str = "job", **options: object) -> tuple[Job, Path]:
    job = make_job({"debs/tool": debs, "key": pair.key, "certificate": pair.certificate}, name)
    stage = SysextStage(
        SysextOptions.model_validate({"name": "box", "version": "1.0", "fits": "any", "signed": True, **options})
    )
    stage.run(job)
    return job, job.output / stage.options.file_name


def partitions(image: Path) -> dict[str, bytes]:
    """Content of each partition by its name."""
    with image.open("rb") as disk:
        found = {}
        for partition in gpt_read.read(disk).partitions:
            disk.seek(partition.first * SECTOR)
            found[partition.name] = disk.read(partition.sectors * SECTOR)
    return found


def signature(image: Path) -> dict[str, str]:
    """The signature partition: JSON, filled up with zeros (Discoverable Partitions Specification)."""
    found: dict[str, str] = json.loads(partitions(image)["root-x86-64-verity-sig"].rstrip(b"\0"))
    return found


def check_signature(keys: Job, found: dict[str, str], certificate: Path) -> None:
    """Let openssl say whether the root hash was signed by the key of this certificate, and of no other one."""
    (keys.output / "signature").write_bytes(base64.b64decode(found["signature"]))
    (keys.output / "root-hash").write_text(found["rootHash"], "ascii")
    command = ["openssl", "smime", "-verify", "-binary", "-inform", "der", "-in", "/out/signature", "-nointern"]
    # Any extension's certificate signs itself: there is no chain to follow.
    keys.sandbox.run([*command, "-noverify", "-content", "/out/root-hash", "-certfile", f"/out/{certificate.name}"])


@pytest.mark.parametrize("filesystem", ["squashfs", "erofs"])
def test_its_root_hash_is_signed_and_stands_for_every_byte(
    make_job: MakeJob, debs: Path, keys: Job, pair: Pair, filesystem: str
) -> None:
    job, image = made(make_job, debs, pair, format=filesystem)
    found = signature(image)
    check_signature(keys, found, pair.certificate)
    data, tree = (partitions(image)[name] for name in ("root-x86-64", "root-x86-64-verity"))
    verify(io.BytesIO(data), io.BytesIO(tree), found["rootHash"])
    flipped = bytes([data[1024] ^ 1])
    with pytest.raises(CorruptBlock):
        verify(io.BytesIO(data[:1024] + flipped + data[1025:]), io.BytesIO(tree), found["rootHash"])
    (job.work / "data").write_bytes(data)
    unpack = {
        "squashfs": ["unsquashfs", "-no-progress", "-dest", "/work/again", "/work/data"],
        "erofs": ["fsck.erofs", "--extract=/work/again", "/work/data"],
    }
    job.sandbox.run(unpack[filesystem])
    assert (job.work / "again/usr/bin/tool").read_text() == "#!/bin/sh\n"
    assert "ID=_any" in (job.work / "again/usr/lib/extension-release.d/extension-release.box").read_text()


def test_another_certificate_does_not_vouch_for_it(make_job: MakeJob, debs: Path, keys: Job, pair: Pair) -> None:
    _, image = made(make_job, debs, pair)
    stranger = make_pair(keys, "stranger")
    with pytest.raises(ProgramFailed):
        check_signature(keys, signature(image), stranger.certificate)


def test_another_root_hash_is_not_signed(make_job: MakeJob, debs: Path, keys: Job, pair: Pair) -> None:
    _, image = made(make_job, debs, pair)
    found = signature(image)
    with pytest.raises(ProgramFailed):
        check_signature(keys, {**found, "rootHash": found["rootHash"][::-1]}, pair.certificate)


@pytest.mark.parametrize("filesystem", ["squashfs", "erofs"])
def test_it_is_the_same_whenever_it_is_made(make_job: MakeJob, debs: Path, pair: Pair, filesystem: str) -> None:
    first, second = (made(make_job, debs, pair, name, format=filesystem)[1].read_bytes() for name in ("one", "two"))
    assert first == second


def test_the_certificate_is_published_and_the_key_is_nowhere(make_job: MakeJob, debs: Path, pair: Pair) -> None:
    job, image = made(make_job, debs, pair)
    assert {path.name for path in job.output.iterdir()} == {image.name, "box.crt"}
    assert (job.output / "box.crt").read_bytes() == pair.certificate.read_bytes()
    secret = pair.key.read_bytes().splitlines()[1]
    files = [path for folder in (job.work, job.output) for path in folder.rglob("*") if path.is_file()]
    assert [path for path in files if secret in path.read_bytes()] == []


@pytest.mark.parametrize(
    ("algorithm", "message"),
    [("ec -pkeyopt ec_paramgen_curve:P-256", "no RSA key"), ("rsa:2048", "that of another key")],
)
def test_a_key_that_cannot_sign_it_is_refused(
    make_job: MakeJob, debs: Path, keys: Job, pair: Pair, algorithm: str, message: str
) -> None:
    other = make_pair(keys, "other", algorithm)
    with pytest.raises(BadExtensionKey, match=message):
        made(make_job, debs, Pair(other.key, pair.certificate))


def test_a_file_that_is_no_key_is_refused(make_job: MakeJob, debs: Path, pair: Pair) -> None:
    with pytest.raises(BadExtensionKey, match="cannot be read"):
        made(make_job, debs, Pair(pair.certificate, pair.certificate))
