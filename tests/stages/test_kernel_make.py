"""What a kernel is compiled by, and that its cache never hands out what was not compiled from the same."""

from __future__ import annotations

from pathlib import Path

from distrobuild.stages.kernel_make import TREE, Make
from distrobuild.stages.stage import Job
from tests.jobs import job_in

MAKEFILE = """\
all:
	gcc -Wp,-MMD,picture.d -c -o picture.o picture.S
	gcc -Wp,-MMD,word.d -c -DWORD='"$(WORD)"' -o word.o word.c
"""


def compiled(job: Job, picture: str, word: str) -> tuple[bytes, bytes]:
    """The objects of a source in assembler that includes a file, and of one in C."""
    tree = job.work / TREE
    tree.mkdir(exist_ok=True)
    (tree / "Makefile").write_text(MAKEFILE, "utf-8")
    (tree / "picture.S").write_text('.data\n.incbin "picture"\n', "utf-8")
    (tree / "word.c").write_text("const char *word = WORD;\n", "utf-8")
    (tree / "picture").write_text(picture, "utf-8")
    Make(job, "test", {"WORD": word}, ccache=True)("all")
    return (tree / "picture.o").read_bytes(), (tree / "word.o").read_bytes()


def test_what_assembler_includes_is_never_an_earlier_one(tmp_path: Path, tools_root: Path) -> None:
    job = job_in(tmp_path / "job", tools_root, {})
    compiled(job, "a kernel of yesterday", "yesterday")
    picture, word = compiled(job, "the kernel of today!!", "today")
    assert b"the kernel of today!!" in picture
    assert b"today" in word
