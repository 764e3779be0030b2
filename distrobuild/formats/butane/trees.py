"""Local folders whose files and symbolic links are written to the machine: `storage.trees`."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterator
from pathlib import Path, PurePath

from distrobuild.formats.butane.fields import FILE, LINK, RESOURCE
from distrobuild.formats.butane.local_files import LocalFileError, LocalFiles, read
from distrobuild.formats.butane.report import Report
from distrobuild.formats.butane.resources import data_url
from distrobuild.formats.butane.section import Section
from distrobuild.manifest.yaml_positions import KeyPath

EXECUTABLE, ORDINARY = 0o755, 0o644
TAKEN = "matching filesystem node has existing contents or different type"


def add(config: Section, local_files: LocalFiles, report: Report) -> None:
    """Add what lies in the trees of a config to its files and links.

    A file or link of the config with the same path and no contents gets them from the tree, and keeps all else.
    """
    storage = config.section("storage")
    trees = [tree for tree in storage.sections("trees") if tree.text("local")]
    storage.drop("trees")
    nodes = _Nodes(storage)
    for tree in trees:
        local, base = tree.text("local") or "", tree.text("path") or "/"
        if not base.startswith("/"):
            report.error(tree.at("path"), "path not absolute", f"write `/{base}`")
            continue
        try:
            folder = local_files.find(local)
            if not stat.S_ISDIR(_status(folder, follow=True).st_mode):
                raise LocalFileError("root of tree must be a directory", hint="a single file is a `contents.local`")
        except LocalFileError as error:
            report.error(tree.origin, error.message, error.hint)
            continue
        for path in _walk(folder, tree.origin, report):
            try:
                nodes.take(path, _target(base, path.relative_to(folder)), tree.origin)
            except LocalFileError as error:
                report.error(tree.origin, error.message, error.hint)
    nodes.store()


class _Nodes:
    """The files, directories and links of a config by their path."""

    def __init__(self, storage: Section) -> None:
        self.storage = storage
        self.files = storage.sections("files")
        self.links = storage.sections("links")
        self.by_path = {
            each.text("path"): each for each in [*storage.sections("directories"), *self.files, *self.links]
        }

    def take(self, source: Path, target: str, origin: KeyPath) -> None:
        """Add what lies at `source`. Raises LocalFileError."""
        try:
            str(source).encode()
        except UnicodeEncodeError:
            raise LocalFileError(f"{source!a}: the name is not UTF-8") from None
        mode = _status(source, follow=False).st_mode
        if stat.S_ISREG(mode):
            self.take_file(source, target, origin, EXECUTABLE if mode & 0o111 else ORDINARY)
        elif stat.S_ISLNK(mode):
            self.take_link(source, target, origin)
        else:
            raise LocalFileError(f"trees may only contain files, directories, and symlinks: {source}")

    def take_file(self, source: Path, target: str, origin: KeyPath, mode: int) -> None:
        file = self.by_path.get(target)
        if file is None:
            file = self.new(self.files, Section(FILE, origin), target)
        if file.struct is not FILE or file.section("contents").text("source"):
            raise LocalFileError(f"{TAKEN}: {target}")
        contents = file.section("contents")
        encoded = data_url(read(source), contents.text("compression"))
        contents = Section(RESOURCE, contents.origin, dict(contents.values), dict(contents.origins))
        contents.set("source", encoded.url, origin)
        if encoded.compression is not None:
            contents.set("compression", encoded.compression, origin)
        file.set("contents", contents, file.at("contents"))
        if file.number("mode") is None:
            file.set("mode", mode, origin)

    def take_link(self, source: Path, target: str, origin: KeyPath) -> None:
        link = self.by_path.get(target)
        if link is None:
            link = self.new(self.links, Section(LINK, origin), target)
        if link.struct is not LINK or link.text("target"):
            raise LocalFileError(f"{TAKEN}: {target}")
        link.set("target", os.fsencode(source.readlink()).decode("utf-8", "replace"), origin)

    def new(self, nodes: list[Section], node: Section, target: str) -> Section:
        """A node that the config does not have yet; every message about it points at the tree."""
        for field in node.struct.fields:
            node.origins[field.name] = node.origin
        node.values["path"] = target
        nodes.append(node)
        self.by_path[target] = node
        return node

    def store(self) -> None:
        """Put the nodes back into the config."""
        for name, nodes in (("files", self.files), ("links", self.links)):
            if nodes:
                self.storage.set(name, nodes, self.storage.at(name))


def _target(base: str, path: PurePath) -> str:
    """Where something of a tree is to lie on the machine."""
    target = posixpath.normpath(posixpath.join(base, path.as_posix()))
    # POSIX keeps two slashes at the beginning; Ignition does not.
    return f"/{target.lstrip('/')}"


def _walk(folder: Path, origin: KeyPath, report: Report) -> Iterator[Path]:
    """All that is no directory, in the order of the bytes of the names, each directory at its own place."""
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        report.error(origin, f"{folder}: {error.strerror}")
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), origin, report)
        else:
            yield Path(entry.path)


def _status(path: Path, *, follow: bool) -> os.stat_result:
    """What lies at `path`. Raises LocalFileError."""
    try:
        return path.stat(follow_symlinks=follow)
    except OSError as error:
        raise LocalFileError(f"{path}: {error.strerror}") from None
