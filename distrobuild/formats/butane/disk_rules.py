"""Rules for disks, partitions, RAID, LUKS and file systems."""

from __future__ import annotations

import re
from itertools import combinations

from distrobuild.formats.butane.fields import DISK, FILESYSTEM, LUKS, PARTITION, RAID
from distrobuild.formats.butane.node_rules import check_path
from distrobuild.formats.butane.report import Report
from distrobuild.formats.butane.section import Section
from distrobuild.manifest.suggestion import hint

PARTITION_LABEL = 36
"""UTF-16 code units in a GPT entry; Ignition counts bytes of UTF-8."""
LUKS_LABEL = 47
FILESYSTEM_LABELS = {"ext4": 16, "btrfs": 256, "xfs": 12, "swap": 15, "vfat": 11}
"""The longest label of each format, in bytes."""
FORMATS = (*FILESYSTEM_LABELS, "none")
RAID_WITHOUT_SPARES = ("linear", "raid0", "0", "stripe")
RAID_LEVELS = (
    *RAID_WITHOUT_SPARES, "raid1", "1", "mirror", "raid4", "4", "raid5", "5", "raid6", "6", "raid10", "10",
)  # fmt: skip
GUID = re.compile("[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}|")


def _device(section: Section, report: Report, name: str = "device") -> None:
    value = section.text(name)
    if value:
        check_path(value, section.at(name), report)
    else:
        report.error(section.at(name), "disk device is required")


def _disk(disk: Section, report: Report) -> None:
    _device(disk, report)
    partitions = disk.sections("partitions")
    numbers: set[int] = set()
    labels: set[str] = set()
    for partition in partitions:
        number, label = partition.number("number"), partition.text("label")
        if number and number in numbers:
            report.error(partition.origin, "partition numbers collide")
        if label is not None and label in labels:
            report.error(partition.origin, "cannot use the same partition label twice")
        numbers |= {number} if number else set()
        labels |= {label} if label is not None else set()
    for first, second in combinations(partitions, 2):
        if _overlap(first, second):
            report.error(second.origin, "partitions overlap")
    gone = any(partition.flag("should_exist") is False for partition in partitions)
    if gone and not all(partition.number("number") for partition in partitions):
        report.error(
            disk.at("partitions"),
            "shouldExist is false for a partition and other partition(s) has start or size 0",
            "where one partition must not exist, each needs a `number`",
        )


def _overlap(one: Section, other: Section) -> bool:
    """Whether two partitions share a mebibyte, as far as their places are known: a start of 0 is chosen later."""
    places = []
    for partition in (one, other):
        start, size = partition.number("start_mib"), partition.number("size_mib")
        if not start or size is None:
            return False
        # A size of 0 fills what is free, and is at least where it begins.
        places.append((start, start + max(size, 1) - 1))
    (start, end), (other_start, other_end) = places
    return start <= other_end and other_start <= end


def _partition(partition: Section, report: Report) -> None:
    label = partition.text("label")
    described = [name for name in ("type_guid", "guid") if partition.text(name)]
    described += [name for name in ("label", "start_mib", "size_mib") if name in partition.values]
    if partition.flag("should_exist") is False and described:
        text = "shouldExist specified false with other options also specified"
        report.error(partition.origin, text, f"remove {', '.join(sorted(described))}")
    if not partition.number("number") and label is None:
        report.error(partition.origin, "a partition number >= 1 or a label must be specified")
    if label is not None and len(label.encode()) > PARTITION_LABEL:
        report.error(partition.at("label"), f"partition labels may not exceed {PARTITION_LABEL} characters")
    elif label is not None and ":" in label:
        report.error(partition.at("label"), "partition label will be truncated to text before the colon")
    for name in ("guid", "type_guid"):
        if not GUID.fullmatch(partition.text(name) or ""):
            report.error(partition.at(name), 'doesn\'t match the form "01234567-89AB-CDEF-EDCB-A98765432101"')


def _raid(raid: Section, report: Report) -> None:
    level = raid.text("level")
    if not level:
        report.error(raid.at("level"), "raid level is required")
    elif level not in RAID_LEVELS:
        report.error(raid.at("level"), "unrecognized raid level", hint(level, RAID_LEVELS, otherwise="known"))
    elif level in RAID_WITHOUT_SPARES and raid.number("spares"):
        report.error(raid.at("level"), "spares unsupported for linear and raid0 arrays")
    devices = raid.entries("devices")
    if not devices:
        report.error(raid.at("devices"), "raid devices required")
    for device in devices:
        check_path(device.value, device.origin, report)


def _filesystem(filesystem: Section, report: Report) -> None:
    kind, label, path = (filesystem.text(name) for name in ("format", "label", "path"))
    if path:
        check_path(path, filesystem.at("path"), report)
    check_path(filesystem.text("device") or "", filesystem.at("device"), report)
    described = any(filesystem.values.get(name) for name in ("path", "label", "uuid", "wipe_filesystem"))
    if not kind and (described or filesystem.entries("options") or filesystem.entries("mount_options")):
        others = "path, label, uuid, wipeFilesystem, options, or mountOptions"
        report.error(filesystem.at("format"), f"format cannot be empty when {others} is specified")
    elif kind and kind not in FORMATS:
        report.error(filesystem.at("format"), "invalid filesystem format", hint(kind, FORMATS, otherwise="known"))
    if not label:
        return
    if not kind:
        report.error(filesystem.at("label"), "filesystem must specify format if label is specified")
    elif len(label.encode()) > (longest := FILESYSTEM_LABELS.get(kind, len(label.encode()))):
        text = f"filesystem labels cannot be longer than {longest} characters when using {kind}"
        report.error(filesystem.at("label"), text)


def _luks(luks: Section, report: Report) -> None:
    if "/" in (luks.text("name") or ""):
        report.error(luks.at("name"), "device names cannot contain slashes")
    if len((luks.text("label") or "").encode()) > LUKS_LABEL:
        report.error(luks.at("label"), f"luks device labels cannot be longer than {LUKS_LABEL} characters")
    _device(luks, report)


RULES = {DISK: _disk, PARTITION: _partition, RAID: _raid, FILESYSTEM: _filesystem, LUKS: _luks}
