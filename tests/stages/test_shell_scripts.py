"""Every shell script of the repository is sound, as far as shellcheck can tell without running it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = re.compile(r"#! ?/\S*?(?:/env )?(?:ba|da)?sh\b")
SOURCED = re.compile(r"^\s*# shellcheck source=(\S+)", re.MULTILINE)

pytestmark = pytest.mark.skipif(shutil.which("shellcheck") is None, reason="this machine has no shellcheck")


@pytest.fixture(scope="module")
def scripts() -> dict[Path, str]:
    """Programs for a shell and files for a program to read in, templates of both among them, with their text."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=False, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("this is no checkout of git")
    found: dict[Path, str] = {}
    for path in (ROOT / name for name in listed.stdout.split("\0") if name):
        if path.is_file() and not path.is_symlink():
            text = path.read_bytes().decode("utf-8", "replace")
            if PROGRAM.match(text) or path.suffix == ".sh":
                found[path] = text
    return found


def complaints(files: Iterable[Path]) -> str:
    """What shellcheck says of these files and of what they read in; nothing where all is well."""
    command = ["shellcheck", "--format=gcc", "--external-sources", "--check-sourced", "--source-path=SCRIPTDIR"]
    return subprocess.run([*command, *files], cwd=ROOT, check=False, capture_output=True, text=True).stdout


def test_shellcheck_has_nothing_to_say_of_the_scripts(scripts: dict[Path, str]) -> None:
    sourced = {(path.parent / name).resolve() for path, text in scripts.items() for name in SOURCED.findall(text)}
    assert sourced & scripts.keys()
    # What is read in is checked where it is: only there its variables are set and used.
    whole = [path for path in scripts if path.suffix != ".j2" and path not in sourced]
    assert len(whole) > 10
    assert complaints(whole) == ""


def test_shellcheck_has_nothing_to_say_of_the_templates_of_scripts(scripts: dict[Path, str], tmp_path: Path) -> None:
    rendered = []
    for path, text in scripts.items():
        if path.suffix == ".j2":
            place = tmp_path / path.relative_to(ROOT)
            place.parent.mkdir(parents=True, exist_ok=True)
            # With a word for each value and every branch taken, once.
            place.write_text(re.sub(r"\{\{.*?\}\}", "value", re.sub(r"\{%.*?%\}", "", text)), "utf-8")
            rendered.append(place)
    assert len(rendered) > 4
    assert complaints(rendered) == ""
