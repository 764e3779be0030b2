"""`distrobuild init`: a small distribution that builds, as a place to begin."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2

from distrobuild.errors import DistrobuildError
from distrobuild.manifest.values import NAME

TEMPLATES = Path(__file__).parent / "templates" / "starter"
"""The tree that becomes the project; what ends in `.j2` is filled in."""

MANIFEST_FILE = "distro.yaml"
FALLBACK_NAME = "mydistro"
"""Name of a distribution whose folder's name cannot be one."""

_TEMPLATE_SUFFIX = ".j2"


class AlreadyThere(DistrobuildError):
    """The folder has files that a new project would overwrite."""

    exit_code = 2


def write_starter(folder: Path) -> list[Path]:
    """Write the project into `folder`, which is made if need be; return the new files, sorted.

    The distribution is named after the folder. Raises `AlreadyThere` before anything is written.
    """
    files = starter_files(folder.resolve().name)
    taken = sorted(str(path) for path in files if (folder / path).exists() or (folder / path).is_symlink())
    if taken:
        hint = "choose an empty folder, or move these files away"
        raise AlreadyThere(f"`{folder}` already has {', '.join(taken)}", hint=hint)
    written = []
    for path, text in sorted(files.items()):
        target = folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("x", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise DistrobuildError(f"cannot write `{target}`: {error.strerror}") from error
        written.append(target)
    return written


def starter_files(folder_name: str) -> dict[Path, str]:
    """The new project's files, by path, for a folder of that name."""
    name = distribution_name(folder_name)
    facts = {"name": name, "title": f"{name[:1].upper()}{name[1:]} Linux"}
    files = {}
    for template in sorted(path for path in TEMPLATES.rglob("*") if path.is_file() and path.suffix != ".pyc"):
        path = template.relative_to(TEMPLATES)
        text = template.read_text("utf-8")
        if path.suffix == _TEMPLATE_SUFFIX:
            path = path.with_suffix("")
            text = jinja2.Template(text, undefined=jinja2.StrictUndefined, keep_trailing_newline=True).render(facts)
        files[path] = text
    return files


def distribution_name(folder_name: str) -> str:
    """The folder's name as that of a distribution, or `FALLBACK_NAME` where it cannot be made one."""
    name = re.sub(r"[^a-z0-9+-]+", "-", folder_name.lower()).strip("-+")
    return name if re.search(NAME, name) and name[:1].isalpha() else FALLBACK_NAME
