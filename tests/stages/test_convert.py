"""Each format holds the disk bit for bit, and comes out the same whenever it is made."""

from __future__ import annotations

import json
import random
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from distrobuild.formats import vhd
from distrobuild.formats.sparse import data_blocks
from distrobuild.stages.convert import ConvertOptions, ConvertStage, Format, OddSize
from distrobuild.stages.stage import Job
from tests.jobs import EPOCH

MakeJob = Callable[..., Job]
FORMATS: tuple[Format, ...] = get_args(Format)
NAMES = {"qcow2": "box.qcow2", "vmdk": "box.vmdk", "vhd": "box.vhd", "gce": "box-gce.tar.gz"}
QEMU_NAMES = {"vhd": "vpc"}
MEBIBYTE = 1 << 20
SIZE = 67 * MEBIBYTE


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A folder with a sparse disk: content that packs, content that does not, data at odd places, holes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with (folder / "box.raw").open("wb") as file:
        file.truncate(SIZE)
        for place, data in (
            (0, b"boot record" * 50),
            (2 * MEBIBYTE, random.Random(1).randbytes(3 * MEBIBYTE)),
            (9 * MEBIBYTE + 512, b"text " * 100_000),
            (40 * MEBIBYTE + 4097, b"x"),
            (SIZE - 512, b"backup table"),
        ):
            file.seek(place)
            file.write(data)
    return folder


def converted(job: Job, form: Format, image: str = "box_1") -> Path:
    stage = ConvertStage(ConvertOptions(format=form, file_name=NAMES[form], image=image))
    stage.run(job)
    return job.output / NAMES[form]


def raw(job: Job, form: Format) -> Path:
    """The disk again, by the program that the format belongs to."""
    if form == "gce":
        job.sandbox.run(["tar", "--extract", f"--file=/out/{NAMES[form]}"])
        return job.work / "disk.raw"
    known = QEMU_NAMES.get(form, form)
    job.sandbox.run(["qemu-img", "convert", "-f", known, "-O", "raw", f"/out/{NAMES[form]}", "/work/again.raw"])
    return job.work / "again.raw"


@pytest.mark.parametrize("form", FORMATS)
def test_converted_back_it_is_the_same_disk(make_job: MakeJob, disk: Path, form: Format) -> None:
    job = make_job({"disk": disk})
    converted(job, form)
    again = raw(job, form)
    assert again.stat().st_size == (1 << 30 if form == "gce" else SIZE)  # Compute Engine: whole GiB
    with again.open("r+b") as file:
        assert max(start + length for start, length in data_blocks(file)) <= SIZE
        file.truncate(SIZE)
    assert again.read_bytes() == (disk / "box.raw").read_bytes()


@pytest.mark.parametrize("form", FORMATS)
def test_holes_take_no_room(make_job: MakeJob, disk: Path, form: Format) -> None:
    status = converted(make_job({"disk": disk}), form).stat()
    assert status.st_blocks * 512 < 6 * MEBIBYTE


@pytest.mark.parametrize("form", FORMATS)
def test_it_is_the_same_whenever_it_is_made_and_wherever_the_disk_has_holes(
    make_job: MakeJob, disk: Path, tmp_path: Path, form: Format
) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    (whole / "box.raw").write_bytes((disk / "box.raw").read_bytes())
    made = [converted(make_job({"disk": place}, name), form) for name, place in (("one", disk), ("two", whole))]
    assert made[0].read_bytes() == made[1].read_bytes()


@pytest.mark.parametrize("form", ["vmdk", "vhd"])
def test_two_versions_have_two_numbers(make_job: MakeJob, disk: Path, form: Format) -> None:
    first, second = (converted(make_job({"disk": disk}, name), form, name).read_bytes() for name in ("box_1", "box_2"))
    assert first != second
    assert len(first) == len(second)


def test_a_qcow2_is_sound_compressed_and_of_the_old_format(make_job: MakeJob, disk: Path) -> None:
    job = make_job({"disk": disk})
    file = converted(job, "qcow2")
    job.sandbox.run(["qemu-img", "check", f"/out/{file.name}"])
    facts = json.loads(job.sandbox.read(["qemu-img", "info", "--output=json", f"/out/{file.name}"]))
    assert facts["format-specific"]["data"]["compat"] == "0.10"
    assert file.stat().st_size < 4 * MEBIBYTE


def test_a_vmdk_is_sound_and_says_which_controller_it_is_for(make_job: MakeJob, disk: Path) -> None:
    job = make_job({"disk": disk})
    file = converted(job, "vmdk")
    job.sandbox.run(["qemu-img", "check", f"/out/{file.name}"])
    assert b'ddb.adapterType = "lsilogic"' in file.read_bytes()[: 64 << 10]


def test_an_archive_for_compute_engine_has_one_sparse_file_that_other_programs_read(
    make_job: MakeJob, disk: Path
) -> None:
    with tarfile.open(converted(make_job({"disk": disk}), "gce")) as archive:
        (member,) = archive.getmembers()
        facts = (member.name, member.size, member.mtime, member.uid, member.mode)
        assert facts == ("disk.raw", 1 << 30, EPOCH, 0, 0o644)
        assert member.issparse()
        stream = archive.extractfile(member)
        assert stream is not None
        assert stream.read(SIZE) == (disk / "box.raw").read_bytes()


def test_a_vhd_has_the_footer_that_qemu_writes_but_for_its_number_and_time(make_job: MakeJob, disk: Path) -> None:
    job = make_job({"disk": disk})
    file = converted(job, "vhd")
    options = ["-f", "raw", "-O", "vpc", "-o", "subformat=fixed,force_size"]
    job.sandbox.run(["qemu-img", "convert", *options, "/inputs/disk/box.raw", "/work/theirs.vhd"])
    ours, theirs = (bytearray(path.read_bytes()[-vhd.FOOTER_SIZE :]) for path in (file, job.work / "theirs.vhd"))
    assert file.stat().st_size == SIZE + vhd.FOOTER_SIZE
    for footer in (ours, theirs):
        for field in (slice(24, 28), slice(64, 68), slice(68, 84)):  # time, checksum, number
            footer[field] = bytes(field.stop - field.start)
    assert ours == theirs


def test_a_disk_of_broken_mebibytes_is_refused(make_job: MakeJob, disk: Path) -> None:
    odd = disk.with_name("odd")
    shutil.copytree(disk, odd)
    with (odd / "box.raw").open("ab") as file:
        file.write(bytes(512))
    for form in FORMATS:
        job = make_job({"disk": odd}, f"odd-{form}")
        with pytest.raises(OddSize, match="512 bytes more than a whole number of MiB"):
            converted(job, form)
        assert not list(job.output.iterdir())
