"""Rules for files, directories and links."""

from __future__ import annotations

import posixpath

from distrobuild.formats.butane.fields import DIRECTORY, FILE, LINK, OWNER, STORAGE
from distrobuild.formats.butane.report import Report
from distrobuild.formats.butane.section import Section
from distrobuild.manifest.yaml_positions import KeyPath

LAST_MODE = 0o7777
SPECIAL_BITS = 0o7000
UNITS = "/etc/systemd/system"
NODES = {"directories": "directory", "files": "file", "links": "link"}


def check_path(path: str, place: KeyPath, report: Report) -> None:
    """A path is absolute, and written as simply as it can be."""
    if not path:
        report.error(place, "path not specified")
    elif not path.startswith("/"):
        report.error(place, "path not absolute", f"write `/{posixpath.normpath(path).lstrip('./')}`")
    elif (simple := f"/{posixpath.normpath(path).lstrip('/')}") != path:
        report.error(place, "path is not fully simplified", f"write `{simple}`")


def check_units(config: Section, report: Report) -> None:
    """What Ignition writes for a unit or a drop-in, it writes only once."""
    taken = set()
    for unit in config.section("systemd").sections("units"):
        path = f"{UNITS}/{unit.text('name')}"
        taken |= {path} if unit.text("contents") else set()
        taken |= {f"{path}.d/{each.text('name')}" for each in unit.sections("dropins") if each.text("contents")}
    for kind in NODES:
        for node in config.section("storage").sections(kind):
            if node.text("path") in taken:
                report.error(node.at("path"), "path conflicts with systemd unit or dropin")


def _node(node: Section, report: Report) -> None:
    check_path(node.text("path") or "", node.at("path"), report)
    mode = node.number("mode")
    if mode is None:
        return
    if not 0 <= mode <= LAST_MODE:
        report.error(node.at("mode"), "illegal file mode", "a mode is between 0 and 07777")
    elif mode & SPECIAL_BITS:
        report.warning(
            node.at("mode"),
            "setuid/setgid/sticky bits are not supported or functional in spec versions older than 3.6.0",
        )


def _file(file: Section, report: Report) -> None:
    _node(file, report)
    if file.flag("overwrite") and file.section("contents").text("source") is None:
        report.error(
            file.at("overwrite"),
            "overwrite must be false if source is unspecified",
            'give `contents`; `contents: {inline: ""}` makes an empty file',
        )


def _owner(owner: Section, report: Report) -> None:
    if owner.number("id") is not None and owner.text("name"):
        report.error(owner.origin, "cannot set both id and name")


def _storage(storage: Section, report: Report) -> None:
    """What lies below a link would be written to wherever the link leads."""
    links = {f"{link.text('path')}/" for link in storage.sections("links") if link.text("path")}
    for kind, word in NODES.items():
        for node in storage.sections(kind):
            if any((node.text("path") or "").startswith(link) for link in links):
                report.error(node.origin, f"{word} path includes link in config")
    directories = {directory.text("path") for directory in storage.sections("directories")}
    for link in storage.sections("links"):
        _link(link, directories, report)
    _devices(storage, report)


def _link(link: Section, directories: set[str | None], report: Report) -> None:
    path, target = link.text("path") or "", link.text("target")
    if not target:
        report.error(link.at("target"), "link target is required")
    elif link.flag("hard"):
        if posixpath.normpath(posixpath.join(path, target)) in directories:
            report.error(link.origin, "hard link target is a directory")
        for kind in ("user", "group"):
            owner = link.section(kind)
            for name in owner.values:
                report.warning(owner.at(name), "user/group ignored for hard link", "give the owner to its target")


def _devices(storage: Section, report: Report) -> None:
    """A file system on a whole disk, while the disk is partitioned or wiped."""
    disks = {disk.text("device"): disk for disk in storage.sections("disks")}
    for filesystem in storage.sections("filesystems"):
        disk = disks.get(filesystem.text("device"))
        if disk is None:
            continue
        if disk.sections("partitions"):
            report.warning(filesystem.at("device"), "filesystem overwrites partitioned device")
        elif disk.flag("wipe_table") and not filesystem.flag("wipe_filesystem"):
            text = "device matches disk with wipeTable enabled; filesystem will be wiped"
            report.warning(filesystem.at("device"), text)


RULES = {STORAGE: _storage, DIRECTORY: _node, FILE: _file, LINK: _node, OWNER: _owner}
