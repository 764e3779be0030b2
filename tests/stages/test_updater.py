"""The program that machines of layout `flatcar` update themselves with, fed with payloads, good and bad."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from distrobuild.formats.update_payload import HEADER, MAGIC, VERSION, read_payload, write_payload
from distrobuild.release.update_signing import BadUpdateKey, read_key
from distrobuild.sandbox.sandbox import ProgramFailed
from distrobuild.stages.payload import PayloadOptions, PayloadStage
from distrobuild.stages.stage import Job
from distrobuild.stages.update_key import UpdateKeyOptions, UpdateKeyStage
from distrobuild.stages.updater import UpdaterOptions, UpdaterStage

MakeJob = Callable[..., Job]
MEBIBYTE = 1 << 20
USR = random.Random(1).randbytes(MEBIBYTE) + b"text" * (MEBIBYTE // 4) + bytes(3 * MEBIBYTE)
"""What stays as it is, what bzip2 makes smaller, and nothing."""
KERNEL = random.Random(2).randbytes(70001)
APPLY = "/inputs/updater/usr/lib/image/apply-payload"
KEY = "/inputs/updater/usr/share/update_engine/update-payload-key.pub.pem"


@dataclass(frozen=True)
class Machine:
    """A slot with something in it, and the program beside it."""

    job: Job

    def apply(self, payload: bytes, slot: int = 8 * MEBIBYTE) -> None:
        """Have the program apply a payload to a slot of this many bytes."""
        (self.job.work / "payload").write_bytes(payload)
        (self.job.work / "slot").write_bytes(b"\xff" * slot)
        self.job.sandbox.run([APPLY, KEY, "/work/payload", "/work/slot", "/work/kernel"])

    @property
    def slot(self) -> bytes:
        return (self.job.work / "slot").read_bytes()

    @property
    def kernel(self) -> bytes:
        return (self.job.work / "kernel").read_bytes()

    def refuses(self, payload: bytes, why: str, slot: int = 8 * MEBIBYTE) -> None:
        """The program fails, says why, and has written nothing."""
        with pytest.raises(ProgramFailed) as caught:
            self.apply(payload, slot)
        assert why in "\n".join(caught.value.tail)
        assert set(self.slot) == {0xFF}
        assert not (self.job.work / "kernel").exists()


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def machine(make_job: MakeJob, tmp_path: Path, key: rsa.RSAPrivateKey) -> Machine:
    """A machine that trusts the key."""
    private = tmp_path / "key.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = make_job({"key": private}, "public")
    UpdateKeyStage(UpdateKeyOptions(given=True)).run(public)
    assert sorted(path.name for path in public.output.iterdir()) == ["public.pem"]
    updater = make_job({"key": public.output}, "updater")
    UpdaterStage(UpdaterOptions()).run(updater)
    return Machine(make_job({"updater": updater.output}, "machine"))


@pytest.fixture
def payload(tmp_path: Path, key: rsa.RSAPrivateKey) -> bytes:
    return signed(tmp_path, key)


def signed(folder: Path, key: rsa.RSAPrivateKey) -> bytes:
    (folder / "usr").write_bytes(USR)
    (folder / "kernel").write_bytes(KERNEL)
    write_payload(folder / "payload", folder / "usr", folder / "kernel", key)
    return (folder / "payload").read_bytes()


def test_a_good_payload_fills_the_slot_and_brings_the_kernel(machine: Machine, payload: bytes) -> None:
    machine.apply(payload)
    assert machine.slot[: len(USR)] == USR
    assert set(machine.slot[len(USR) :]) == {0xFF}
    assert machine.kernel == KERNEL


def test_a_changed_payload_is_refused(machine: Machine, payload: bytes) -> None:
    changed = bytearray(payload)
    changed[len(changed) // 2] ^= 1
    machine.refuses(bytes(changed), "the signature of /work/payload does not fit")


def test_a_payload_of_another_key_is_refused(machine: Machine, tmp_path: Path) -> None:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    machine.refuses(signed(tmp_path, other), "the signature of /work/payload does not fit")


def test_an_unsigned_payload_is_refused(machine: Machine) -> None:
    machine.refuses(HEADER.pack(MAGIC, VERSION, 3) + b"\x18\x80\x20", "is not signed")


def test_a_payload_that_was_cut_off_is_refused(machine: Machine, payload: bytes) -> None:
    machine.refuses(payload[:-10], "was cut off")


def test_what_is_no_payload_is_refused(machine: Machine) -> None:
    machine.refuses(b"PK\x03\x04" + bytes(100), "is no update payload")


def test_a_payload_larger_than_the_slot_is_refused(machine: Machine, payload: bytes) -> None:
    machine.refuses(payload, f"has no room for {len(USR)} bytes", slot=MEBIBYTE)


def test_the_stage_signs_with_the_key_that_was_made_for_the_store(make_job: MakeJob, tmp_path: Path) -> None:
    made = make_job({}, "made")
    UpdateKeyStage(UpdateKeyOptions(given=False)).run(made)
    for name, files in (("verity", {"usr.img": USR}), ("uki", {"image.efi": KERNEL})):
        (tmp_path / name).mkdir()
        for file, content in files.items():
            (tmp_path / name / file).write_bytes(content)
    job = make_job({"verity": tmp_path / "verity", "uki": tmp_path / "uki", "key": made.output}, "payload")
    PayloadStage(PayloadOptions(name="mlos", version="1.1")).run(job)
    assert (job.output / "latest").read_text() == "1.1\n"
    private = read_key(made.output / "private.pem")
    read_payload(job.output / "mlos_1.1.update", private.public_key())
    job.sandbox.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd="/out")


def test_a_key_that_cannot_sign_is_an_error_that_says_why(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    elliptic = ec.generate_private_key(ec.SECP256R1())
    for content, why in (
        (b"no key", "cannot be read"),
        (elliptic.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), "is not for RSA"),
        (_pem(1024), "has 1024 bits"),
    ):
        path.write_bytes(content)
        with pytest.raises(BadUpdateKey, match=why):
            read_key(path)


def _pem(bits: int) -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
