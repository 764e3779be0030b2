from __future__ import annotations

from pathlib import Path

from distrobuild.engine.sources import snapshot


def test_a_stage_sees_the_same_modes_and_times_whatever_the_checkout_has(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "bin").mkdir(parents=True, mode=0o700)
    for name, mode in (("bin/tool", 0o711), ("text", 0o600)):
        (source / name).write_text(name)
        (source / name).chmod(mode)
    (source / "link").symlink_to("text")
    (tmp_path / "copies").mkdir()
    copy = snapshot(source, tmp_path / "copies")
    modes = {
        str(path.relative_to(copy)): path.lstat().st_mode & 0o777 for path in copy.rglob("*") if path.name != "link"
    }
    assert modes == {"bin": 0o755, "bin/tool": 0o755, "text": 0o644}
    assert {path.lstat().st_mtime for path in [copy, *copy.rglob("*")]} == {0}
    assert (copy / "link").readlink() == Path("text")


def test_what_a_stage_reads_does_not_change_under_it(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("before")
    copy = snapshot(source, tmp_path)
    source.write_text("after")
    assert copy.read_text() == "before"
    assert snapshot(source, tmp_path) != copy
