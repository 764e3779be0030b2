"""`kernel refresh` reads any form of source, writes only what a whole series fits, and pins the base it fits."""

from __future__ import annotations

import hashlib
import io
import lzma
import tarfile
from pathlib import Path

import pytest

from distrobuild.engine.kernel_refresh import refresh_series, write_series
from distrobuild.errors import DistrobuildError
from distrobuild.formats.patch_refresh import Fit
from distrobuild.stages.kernel_source import NoKernelSource

MAKEFILE = "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 9\nEXTRAVERSION =\n"
ONE = "Subject: one\n\n--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"
TWO = "Subject: two\n\n--- a/g\n+++ b/g\n@@ -1 +1 @@\n-x\n+y\n"
THREE = "Subject: three\n\n--- a/f\n+++ b/f\n@@ -2,2 +2,3 @@\n B\n c\n+d\n"


@pytest.fixture
def series(tmp_path: Path) -> Path:
    folder = tmp_path / "patches"
    folder.mkdir()
    for name, text in (("1.patch", ONE), ("2.patch", TWO), ("3.patch", THREE)):
        (folder / name).write_text(text)
    (folder / "series").write_text("# Name: k\n# Base: 6.12.1\n1.patch\n2.patch\n3.patch\n")
    return folder


def tree(place: Path, **files: str) -> Path:
    for name, text in {"Makefile": MAKEFILE, **files}.items():
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    return place


def test_each_patch_is_judged_on_top_of_those_before_it(series: Path, tmp_path: Path) -> None:
    report = refresh_series(series, tree(tmp_path / "linux", f="0\na\nb\nc\n", g="y\n"))
    assert (report.version, report.base) == ("6.12.9", "6.12.1")
    assert [each.fit for each in report.patches] == [Fit.OFFSET, Fit.UPSTREAM, Fit.OFFSET]


def test_writing_moves_hunks_drops_what_is_upstream_and_pins_the_base(series: Path, tmp_path: Path) -> None:
    source = tree(tmp_path / "linux", f="0\na\nb\nc\n", g="y\n")
    written = write_series(series, refresh_series(series, source))
    assert [path.name for path in written] == ["1.patch", "3.patch", "series"]
    assert (series / "series").read_text() == (
        "# Name: k\n# Base: 6.12.9\n1.patch\n# 2.patch: part of 6.12.9\n3.patch\n"
    )
    again = refresh_series(series, source)
    assert [each.fit for each in again.patches] == [Fit.CLEAN, Fit.CLEAN]


def test_nothing_is_written_while_a_patch_conflicts(series: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in series.iterdir()}
    report = refresh_series(series, tree(tmp_path / "linux", f="0\na\nb\nc\n", g="z\n"))
    assert [each.fit for each in report.patches] == [Fit.OFFSET, Fit.CONFLICT, Fit.OFFSET]
    with pytest.raises(DistrobuildError, match=r"nothing is written while patches conflict: 2\.patch"):
        write_series(series, report)
    assert {path: path.read_bytes() for path in series.iterdir()} == before


@pytest.fixture
def tarball(tmp_path: Path) -> Path:
    """A source as a tarball, which the series fits."""
    path = tmp_path / "source/linux-6.12.9.tar.xz"
    path.parent.mkdir()
    with tarfile.open(path, "w:xz") as archive:
        for name, text in (("Makefile", MAKEFILE), ("f", "a\nb\nc\n"), ("g", "x\n")):
            member = tarfile.TarInfo(f"linux-6.12.9/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return path


def test_a_tarball_is_as_good_as_a_tree(series: Path, tarball: Path) -> None:
    assert [each.fit for each in refresh_series(series, tarball.parent).patches] == [Fit.CLEAN] * 3


def test_the_base_is_pinned_with_the_digest_of_its_tarball(series: Path, tarball: Path) -> None:
    assert not refresh_series(series, tarball).is_of_base
    write_series(series, refresh_series(series, tarball))
    digest = hashlib.sha256(tarball.read_bytes()).hexdigest()
    assert f"# Base: 6.12.9 sha256:{digest}\n1.patch\n" in (series / "series").read_text()
    assert refresh_series(series, tarball).is_of_base
    tarball.write_bytes(lzma.compress(lzma.decompress(tarball.read_bytes()) + bytes(10240)))
    report = refresh_series(series, tarball)
    assert (report.base, report.version, report.is_of_base) == ("6.12.9", "6.12.9", False)


def test_a_tree_of_the_release_is_taken_for_its_base(series: Path, tarball: Path, tmp_path: Path) -> None:
    write_series(series, refresh_series(series, tarball))
    assert refresh_series(series, tree(tmp_path / "linux", f="a\nb\nc\n", g="x\n")).is_of_base


def test_a_folder_without_a_kernel_is_refused(series: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NoKernelSource, match="no kernel source"):
        refresh_series(series, tmp_path / "empty")


@pytest.fixture
def line(series: Path) -> Path:
    """The folder of a second line, which shares the first two patches."""
    folder = series.parent / "7.2"
    folder.mkdir()
    (folder / "3.patch").write_text(THREE)
    (folder / "series").write_text("# Name: l\n# Base: 7.2.1\n../patches/1.patch\n../patches/2.patch\n3.patch\n")
    return folder


def test_a_shared_patch_that_moved_is_left_as_the_other_line_has_it(line: Path, series: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in series.iterdir()}
    report = refresh_series(line, tree(tmp_path / "linux", f="0\na\nb\nc\n", g="x\n"))
    assert [each.fit for each in report.patches] == [Fit.OFFSET, Fit.CLEAN, Fit.OFFSET]
    assert write_series(line, report) == [line / "3.patch", line / "series"]
    assert {path: path.read_bytes() for path in series.iterdir()} == before


def test_a_shared_patch_that_is_upstream_is_commented_out_in_this_line_alone(line: Path, tmp_path: Path) -> None:
    report = refresh_series(line, tree(tmp_path / "linux", f="a\nb\nc\n", g="y\n"))
    write_series(line, report)
    assert "\n# ../patches/2.patch: part of 6.12.9\n" in (line / "series").read_text()


def test_a_shared_patch_with_another_context_is_no_longer_shared(line: Path, tmp_path: Path) -> None:
    report = refresh_series(line, tree(tmp_path / "linux", f="A\nb\nc\n", g="x\n"))
    assert report.patches[0].fit is Fit.FUZZ
    with pytest.raises(DistrobuildError, match=r"patches that are shared need fuzz: 1\.patch") as error:
        write_series(line, report)
    assert "its own copy" in str(error.value.hint)
