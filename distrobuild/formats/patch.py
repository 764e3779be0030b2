"""Reads patches: unified diffs as `git format-patch` writes them.

`parse` checks the whole text without a tree to apply it to: every hunk must hold exactly the lines that its
header announces, every file must be named, nothing may be binary. So a patch damaged by an editor or a mailer
is found before a source tree is unpacked, with the line of the patch where it is wrong.

The format is that of GNU diffutils ("Detailed Unified") with git's extended headers (git-diff(1), "Generating
patch text with -p"). Line numbers count from 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from distrobuild.errors import InvalidInput, Location, Problem

NO_NEWLINE = "\\ No newline at end of file"
HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@(.*)$")
MODE = re.compile(r"^(?:new file|deleted file|old|new) mode ([0-7]{6})$")
SIGNATURE = "-- "
"""Line with which `git format-patch` ends a patch; what follows is git's version."""


@dataclass(frozen=True)
class Hunk:
    """One place of one file: what stood there and what shall stand there.

    `line` is where the header stands in the patch; `body` holds the lines with their first character (` `, `-`,
    `+`); `section` is the text behind the second `@@`. `old_ends` and `new_ends` say whether the last line of
    that side has a newline.
    """

    line: int
    number: int
    old_start: int
    new_start: int
    body: tuple[str, ...]
    section: str = ""
    old_ends: bool = True
    new_ends: bool = True

    @property
    def old(self) -> tuple[str, ...]:
        """The lines that must stand in the file."""
        return tuple(text[1:] for text in self.body if text[0] != "+")

    @property
    def new(self) -> tuple[str, ...]:
        """The lines that replace them."""
        return tuple(text[1:] for text in self.body if text[0] != "-")


@dataclass(frozen=True)
class FileChange:
    """What a patch does to one file. `old` is None for a new file, `new` None for a deleted one.

    `line` is where the change begins in the patch, `mode` the file's mode bits if the patch sets them.
    """

    line: int
    old: str | None
    new: str | None
    hunks: tuple[Hunk, ...]
    mode: int | None = None

    @property
    def path(self) -> str:
        """The file's name below the tree, after the change if it still exists then."""
        name = self.new or self.old
        assert name is not None
        return name


@dataclass(frozen=True)
class Patch:
    """A whole patch: its message (everything before the first change) and its changes."""

    path: Path
    message: tuple[str, ...]
    changes: tuple[FileChange, ...]

    @property
    def subject(self) -> str:
        """The `Subject:` without `[PATCH]`, or the file's name."""
        for number, line in enumerate(self.message):
            if line.startswith("Subject:"):
                words = [line.removeprefix("Subject:")]
                for more in self.message[number + 1 :]:
                    if not more.startswith((" ", "\t")):
                        break
                    words.append(more)
                return re.sub(r"^\[PATCH[^]]*\]\s*", "", " ".join(word.strip() for word in words).strip())
        return self.path.name

    @property
    def names(self) -> frozenset[str]:
        """Every file that it reads, writes, makes or deletes."""
        return frozenset(name for change in self.changes for name in (change.old, change.new) if name is not None)

    def header(self, name: str) -> str | None:
        """Value of a mail or DEP-3 header line (`Origin`, `Forwarded`, `Signed-off-by`), or None."""
        for line in self.message:
            if line.lower().startswith(f"{name.lower()}:"):
                return line.partition(":")[2].strip()
        return None


def split_lines(text: str) -> list[str]:
    """The lines of `text`, separated by newline alone: a form feed or a carriage return belongs to its line."""
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def read(path: Path, shown: Path | None = None) -> Patch:
    """Parse the patch in the file `path`; errors name it `shown`. Bytes that are no UTF-8 survive unchanged."""
    return parse(path.read_bytes().decode("utf-8", "surrogateescape"), shown or path)


def parse(text: str, path: Path) -> Patch:
    """Parse the patch `text`; raise `InvalidInput` with every mistake, located in `path`."""
    reader = _Reader(split_lines(text), path)
    changes = reader.changes()
    if not changes and not reader.problems:
        reader.complain(0, "not a patch: no file is changed", "export it with `git format-patch`")
    if reader.problems:
        raise InvalidInput(reader.problems)
    first = changes[0].line - 1
    return Patch(path, tuple(reader.lines[:first]), tuple(changes))


class _Reader:
    """Walks over the lines of a patch; `at` is the index of the line to be read next."""

    def __init__(self, lines: list[str], path: Path) -> None:
        self.lines = lines
        self.path = path
        self.at = 0
        self.problems: list[Problem] = []

    def complain(self, index: int, message: str, hint: str | None = None) -> None:
        self.problems.append(Problem(Location(self.path, index + 1), message, hint))

    def peek(self, ahead: int = 0) -> str:
        index = self.at + ahead
        return self.lines[index] if index < len(self.lines) else ""

    def changes(self) -> list[FileChange]:
        found = []
        while self.at < len(self.lines):
            if self.peek().startswith("diff --git ") or self._at_file_names():
                change = self._change()
                if change is not None:
                    found.append(change)
            elif HUNK.match(self.peek()) or self.peek().startswith("@@ "):
                hint = "`--- a/FILE` and `+++ b/FILE` precede it"
                self.complain(self.at, "a hunk without the file it belongs to", hint)
                self.at += 1
            else:
                self.at += 1
        return found

    def _at_file_names(self) -> bool:
        return self.peek().startswith("--- ") and self.peek(1).startswith("+++ ")

    def _change(self) -> FileChange | None:
        """One file: git's extended headers, the two names, the hunks."""
        begin = self.at
        names: dict[str, str | None] = _names_of_git_line(self.peek())
        mode: int | None = None
        if self.peek().startswith("diff --git "):
            self.at += 1
        while self.at < len(self.lines) and not self.peek().startswith(("diff --git ", "@@ ", SIGNATURE)):
            line = self.peek()
            if self._at_file_names():
                names["old"], names["new"] = _file_name(line[4:]), _file_name(self.peek(1)[4:])
                self.at += 2
                break
            mode = self._extended_header(line, names, mode)
            self.at += 1
        hunks = self._hunks()
        for name in names.values():
            if name is not None and (name.startswith("/") or ".." in name.split("/")):
                self.complain(begin, f"`{name}` is outside the tree", None)
                return None
        if names["old"] is None and names["new"] is None:
            self.complain(begin, "this change names no file")
            return None
        if not hunks and names["old"] == names["new"] and mode is None and not self.problems:
            self.complain(begin, f"nothing is changed in `{names['new']}`")
            return None
        return FileChange(begin + 1, names["old"], names["new"], tuple(hunks), mode)

    def _extended_header(self, line: str, names: dict[str, str | None], mode: int | None) -> int | None:
        if line.startswith(("GIT binary patch", "Binary files ")):
            self.complain(self.at, "a binary change cannot be applied", "patch text only")
        elif line.startswith("copy from "):
            self.complain(self.at, "a copy cannot be applied", "export the patch with `git format-patch --no-renames`")
        elif line.startswith("rename from "):
            names["old"] = line.removeprefix("rename from ")
        elif line.startswith("rename to "):
            names["new"] = line.removeprefix("rename to ")
        elif line.startswith("new file mode "):
            names["old"] = None
        elif line.startswith("deleted file mode "):
            names["new"] = None
        match = MODE.match(line)
        return int(match[1], 8) & 0o777 if match and not line.startswith(("old", "deleted")) else mode

    def _hunks(self) -> list[Hunk]:
        hunks: list[Hunk] = []
        while self.peek().startswith("@@ "):
            hunk = self._hunk(len(hunks) + 1)
            if hunk is not None:
                hunks.append(hunk)
        return hunks

    def _hunk(self, number: int) -> Hunk | None:
        begin = self.at
        match = HUNK.match(self.peek())
        self.at += 1
        if match is None:
            self.complain(begin, f"hunk {number}: malformed header", "it reads `@@ -LINE,COUNT +LINE,COUNT @@`")
            self._skip_body()
            return None
        wanted = (int(match[2] or 1), int(match[4] or 1))
        body, ends = self._body(wanted)
        if _counts(body) != wanted or self._body_goes_on():
            self.at = begin + 1
            old, new = _counts(self._skip_body())
            self.complain(
                begin,
                f"hunk {number}: its header announces {wanted[0]} old and {wanted[1]} new lines, "
                f"but {old} old and {new} new lines follow",
                "export the patch again instead of editing it, or correct the counts",
            )
            return None
        return Hunk(begin + 1, number, int(match[1]), int(match[3]), tuple(body), match[5], *ends)

    def _body(self, wanted: tuple[int, int]) -> tuple[list[str], tuple[bool, bool]]:
        """Lines up to the announced counts, and whether each side's last line ends with a newline."""
        body: list[str] = []
        old, new = wanted
        ends = [True, True]
        while self.at < len(self.lines):
            line = self.peek() or " "  # mailers strip the blank of an empty context line
            if line.startswith("\\") and body:
                ends[0] &= body[-1][0] == "+"
                ends[1] &= body[-1][0] == "-"
            elif (old, new) == (0, 0) or line[0] not in " +-":
                break
            else:
                old -= line[0] != "+"
                new -= line[0] != "-"
                if old < 0 or new < 0:
                    break
                body.append(line)
            self.at += 1
        return body, (ends[0], ends[1])

    def _body_goes_on(self) -> bool:
        line = self.peek()
        return line[:1] in {" ", "+", "-"} and line != SIGNATURE and not self._at_file_names()

    def _skip_body(self) -> list[str]:
        """Everything that looks like lines of a hunk, to count them and to find the next hunk."""
        body = []
        while self.at < len(self.lines) and (self._body_goes_on() or self.peek().startswith("\\")):
            if not self.peek().startswith("\\"):
                body.append(self.peek())
            self.at += 1
        return body


def _counts(body: Sequence[str]) -> tuple[int, int]:
    return sum(line[0] != "+" for line in body), sum(line[0] != "-" for line in body)


def _file_name(text: str) -> str | None:
    """The name in a `---` or `+++` line, without its `a/` or `b/` and without a time stamp; None for /dev/null."""
    name = text.partition("\t")[0].rstrip()
    return None if name == "/dev/null" else name.partition("/")[2] or name


def _names_of_git_line(line: str) -> dict[str, str | None]:
    """Both names of `diff --git a/X b/X`; they stand alone when only a mode changes, and are equal then."""
    words = line.removeprefix("diff --git ")
    half = words[: len(words) // 2]
    name = half.partition("/")[2] if line.startswith("diff --git ") else None
    return {"old": name, "new": name}
