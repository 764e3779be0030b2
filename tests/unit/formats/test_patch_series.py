"""A series is read as one: every mistake in it and in its patches is found before a build starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.formats.patch_series import check_series, read_series, shared_folders

GOOD = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n+b\n"
SHIPPED = Path(__file__).parents[3] / "patches"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path = tmp_path / "6.12"
    tmp_path.mkdir()
    (tmp_path / "0001-one.patch").write_text(GOOD)
    (tmp_path / "0002-two.patch").write_text(GOOD)
    (tmp_path / "series").write_text("# Name: test-1\n# Base: 6.12.1\n\n0001-one.patch\n0002-two.patch  # why\n")
    return tmp_path


def test_the_order_name_and_base_are_the_series_own(folder: Path) -> None:
    series = read_series(folder)
    assert [each.path.name for each in series.patches] == ["0001-one.patch", "0002-two.patch"]
    assert (series.name, series.base) == ("test-1", "6.12.1")


def test_the_identity_follows_every_byte_and_the_order_of_the_patches(folder: Path) -> None:
    identities = {read_series(folder).identity}
    (folder / "series").write_text("# Name: test-1\n0002-two.patch\n0001-one.patch\n")
    identities.add(read_series(folder).identity)
    (folder / "0001-one.patch").write_text(f"changed message\n{GOOD}")
    identities.add(read_series(folder).identity)
    assert len(identities) == 3
    assert all(identity.startswith("test-1+") for identity in identities)


def test_a_comment_in_the_series_leaves_the_identity_alone(folder: Path) -> None:
    before = read_series(folder).identity
    (folder / "series").write_text("# Name: test-1\n# Base: 6.12.9\n0001-one.patch\n# more\n0002-two.patch\n")
    assert read_series(folder).identity == before


def test_a_missing_patch_is_found_in_its_line_with_the_name_that_was_meant(folder: Path) -> None:
    (folder / "series").write_text("# Name: test-1\n  0001-won.patch\n0002-two.patch\n")
    (problem,) = check_series(folder, Path("patches/6.12"))
    assert str(problem.location) == "patches/6.12/series:2:3"
    assert problem.message == "there is no patch `0001-won.patch`"
    assert problem.hint == "did you mean `0001-one.patch`?"


def test_mistakes_of_the_series_and_of_all_its_patches_come_in_one_pass(folder: Path) -> None:
    (folder / "series").write_text("0001-one.patch\nnone.patch\n0002-two.patch\n/etc/passwd\n0001-one.patch\nx -p0\n")
    for name in ("0001-one.patch", "0002-two.patch"):
        (folder / name).write_text(GOOD.replace("-1 +1", "-1,7 +1"))
    found = [(problem.location.path.name, problem.location.line) for problem in check_series(folder)]
    series = [("series", line) for line in (2, 4, 5, 6)]
    assert found == [*series, ("0001-one.patch", 3), ("0002-two.patch", 3)]


@pytest.fixture
def line(folder: Path) -> Path:
    """The folder of a kernel line, whose series shares both patches of `folder`."""
    line = folder.parent / "7.2"
    line.mkdir()
    (line / "0003-three.patch").write_text(GOOD)
    shared = "".join(f"../{folder.name}/{name}\n" for name in ("0001-one.patch", "0002-two.patch"))
    (line / "series").write_text(f"# Name: test-2\n{shared}0003-three.patch\n")
    return line


def test_a_series_shares_patches_in_the_folder_beside_its_own(folder: Path, line: Path) -> None:
    assert shared_folders(line) == (folder.name,)
    paths = [each.path for each in read_series(line, Path("patches/7.2")).patches]
    assert paths == [
        Path(f"patches/{name}")
        for name in (f"{folder.name}/0001-one.patch", f"{folder.name}/0002-two.patch", "7.2/0003-three.patch")
    ]


def test_shared_patches_are_read_from_where_they_are_said_to_be(folder: Path, line: Path) -> None:
    before = read_series(line).identity
    elsewhere = folder.rename(folder.parent / "elsewhere")
    assert read_series(line, shared={folder.name: elsewhere}).identity == before
    assert [problem.message for problem in check_series(line)] == [
        f"there is no patch `../{folder.name}/{name}`" for name in ("0001-one.patch", "0002-two.patch")
    ]


def test_a_slip_in_the_name_of_a_shared_patch_is_answered_with_the_name_that_was_meant(
    line: Path, folder: Path
) -> None:
    (line / "series").write_text(f"../{folder.name}/0001-won.patch\n../../0001-one.patch\n")
    near, outside = check_series(line)
    assert near.hint == f"did you mean `../{folder.name}/0001-one.patch`?"
    assert outside.message == "`../../0001-one.patch` is outside the folder of the series"
    assert outside.hint is not None
    assert "`../common/NAME`" in outside.hint


def test_a_folder_without_a_series_is_refused(tmp_path: Path) -> None:
    (problem,) = check_series(tmp_path)
    assert problem.message == "there is no `series` file"


@pytest.mark.parametrize("folder", [path.parent for path in SHIPPED.glob("*/series")], ids=lambda path: path.name)
def test_the_shipped_series_are_sound_and_every_patch_says_where_it_comes_from(folder: Path) -> None:
    series = read_series(folder)
    assert series.base
    assert {path.name for path in folder.glob("*.patch")} == {
        each.path.name for each in series.patches if each.path.parent == folder
    }
    for each in series.patches:
        assert each.header("Origin"), each.path
        assert each.header("Forwarded"), each.path
        assert each.header("Signed-off-by"), each.path


def test_every_shared_patch_is_in_the_series_of_every_line() -> None:
    lines = [read_series(path.parent) for path in SHIPPED.glob("*/series")]
    for folder in {
        each.path.parent for series in lines for each in series.patches if each.path.parent.name == "common"
    }:
        for series in lines:
            assert {each.path for each in series.patches if each.path.parent == folder} == set(folder.glob("*.patch"))
