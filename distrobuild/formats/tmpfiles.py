"""Lines of tmpfiles.d(5): what systemd-tmpfiles makes on a machine where it is not there yet."""

from __future__ import annotations


def folder(path: str, mode: int, owner: tuple[int, int]) -> str:
    """A folder; `owner` is uid and gid."""
    return _line("d", path, f"{mode:04o}", owner)


def link(path: str, target: str) -> str:
    """A symbolic link."""
    return _line("L", path, "-", None, target)


def file_from(path: str, source: str, mode: int, owner: tuple[int, int]) -> str:
    """A copy of the file `source`, an absolute path."""
    return _line("C", path, f"{mode:04o}", owner, source)


def _line(kind: str, path: str, mode: str, owner: tuple[int, int] | None, argument: str = "") -> str:
    uid, gid = ("-", "-") if owner is None else owner
    words = [
        kind,
        _word(f"/{path}"),
        mode,
        str(uid),
        str(gid),
        "-",
        *([_specifiers_escaped(argument)] if argument else []),
    ]
    return " ".join(words) + "\n"


def _word(path: str) -> str:
    """A path as one word: only blanks and quotes need quotes, and the backslash is the escape character."""
    escaped = _specifiers_escaped(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if any(letter in escaped for letter in " \t'\"") else escaped


def _specifiers_escaped(text: str) -> str:
    return text.replace("%", "%%")
