"""The fields of variant `flatcar`, versions 1.0.0 (Ignition 3.3.0) and 1.1.0 (Ignition 3.4.0).

Sources: the published specifications of Butane's variant `flatcar` and of Ignition 3.3.0 and 3.4.0. The order within
a mapping is the order of Ignition's JSON.
"""

from __future__ import annotations

from typing import Final

from distrobuild.formats.butane.schema import FIRST, Field, Kind, Struct, Version

VARIANT: Final = "flatcar"
SECOND: Final = (1, 1, 0)
IGNITION: Final[dict[Version, str]] = {FIRST: "3.3.0", SECOND: "3.4.0"}
"""The version of Ignition that each version of the variant is translated to."""

TEXT, NUMBER, FLAG = Kind

HTTP_HEADER = Struct("HTTP header", (Field("name", TEXT, always=True), Field("value", TEXT)), ("name",))
VERIFICATION = Struct("verification", (Field("hash", TEXT),))
RESOURCE = Struct(
    "resource",
    (
        Field("compression", TEXT),
        Field("http_headers", HTTP_HEADER, many=True),
        Field("source", TEXT),
        Field("verification", VERIFICATION),
        Field("inline", TEXT, own=True),
        Field("local", TEXT, own=True),
    ),
    ("source",),
)

CONFIG = Struct("ignition.config", (Field("merge", RESOURCE, many=True), Field("replace", RESOURCE)))
PROXY = Struct(
    "ignition.proxy",
    (Field("http_proxy", TEXT), Field("https_proxy", TEXT), Field("no_proxy", TEXT, many=True)),
)
TLS = Struct("ignition.security.tls", (Field("certificate_authorities", RESOURCE, many=True),))
SECURITY = Struct("ignition.security", (Field("tls", TLS),))
TIMEOUTS = Struct("ignition.timeouts", (Field("http_response_headers", NUMBER), Field("http_total", NUMBER)))
IGNITION_SECTION = Struct(
    "ignition",
    (Field("config", CONFIG), Field("proxy", PROXY), Field("security", SECURITY), Field("timeouts", TIMEOUTS)),
)

KERNEL_ARGUMENTS = Struct(
    "kernel_arguments",
    (
        Field("should_exist", TEXT, many=True, shared="argument"),
        Field("should_not_exist", TEXT, many=True, shared="argument"),
    ),
)

GROUP = Struct(
    "group",
    (
        Field("gid", NUMBER),
        Field("name", TEXT, always=True),
        Field("password_hash", TEXT),
        Field("should_exist", FLAG),
        Field("system", FLAG),
    ),
    ("name",),
)
USER = Struct(
    "user",
    (
        Field("gecos", TEXT),
        Field("groups", TEXT, many=True),
        Field("home_dir", TEXT),
        Field("name", TEXT, always=True),
        Field("no_create_home", FLAG),
        Field("no_log_init", FLAG),
        Field("no_user_group", FLAG),
        Field("password_hash", TEXT),
        Field("primary_group", TEXT),
        Field("ssh_authorized_keys", TEXT, many=True),
        Field("ssh_authorized_keys_local", TEXT, many=True, since=SECOND, own=True),
        Field("shell", TEXT),
        Field("should_exist", FLAG),
        Field("system", FLAG),
        Field("uid", NUMBER),
    ),
    ("name",),
)
PASSWD = Struct("passwd", (Field("groups", GROUP, many=True), Field("users", USER, many=True)))

OWNER = Struct("owner", (Field("id", NUMBER), Field("name", TEXT)))
NODE = (
    Field("group", OWNER),
    Field("overwrite", FLAG),
    Field("path", TEXT, always=True),
    Field("user", OWNER),
)
DIRECTORY = Struct("directory", (*NODE, Field("mode", NUMBER)), ("path",))
FILE = Struct(
    "file",
    (*NODE, Field("append", RESOURCE, many=True, repeats=True), Field("contents", RESOURCE), Field("mode", NUMBER)),
    ("path",),
)
LINK = Struct("link", (*NODE, Field("hard", FLAG), Field("target", TEXT)), ("path",))
TREE = Struct("tree", (Field("local", TEXT), Field("path", TEXT)))

PARTITION = Struct(
    "partition",
    (
        Field("guid", TEXT),
        Field("label", TEXT),
        Field("number", NUMBER, nonzero=True),
        Field("resize", FLAG),
        Field("should_exist", FLAG),
        Field("size_mib", NUMBER),
        Field("start_mib", NUMBER),
        Field("type_guid", TEXT),
        Field("wipe_partition_entry", FLAG),
    ),
    ("number", "label"),
)
DISK = Struct(
    "disk",
    (Field("device", TEXT, always=True), Field("partitions", PARTITION, many=True), Field("wipe_table", FLAG)),
    ("device",),
)
RAID = Struct(
    "raid",
    (
        Field("devices", TEXT, many=True),
        Field("level", TEXT),
        Field("name", TEXT, always=True),
        Field("options", TEXT, many=True, repeats=True),
        Field("spares", NUMBER),
    ),
    ("name",),
)
FILESYSTEM = Struct(
    "filesystem",
    (
        Field("device", TEXT, always=True),
        Field("format", TEXT),
        Field("label", TEXT),
        Field("mount_options", TEXT, many=True, repeats=True),
        Field("options", TEXT, many=True, repeats=True),
        Field("path", TEXT),
        Field("uuid", TEXT),
        Field("wipe_filesystem", FLAG),
        Field("with_mount_unit", FLAG, own=True),
    ),
    ("device",),
)
TANG = Struct(
    "tang server",
    (Field("advertisement", TEXT, since=SECOND), Field("thumbprint", TEXT), Field("url", TEXT)),
    ("url",),
)
CUSTOM = Struct("clevis.custom", (Field("config", TEXT), Field("needs_network", FLAG), Field("pin", TEXT)))
CLEVIS = Struct(
    "clevis",
    (
        Field("custom", CUSTOM),
        Field("tang", TANG, many=True),
        Field("threshold", NUMBER),
        Field("tpm2", FLAG),
    ),
)
LUKS = Struct(
    "luks",
    (
        Field("clevis", CLEVIS),
        Field("device", TEXT),
        Field("discard", FLAG, since=SECOND),
        Field("key_file", RESOURCE),
        Field("label", TEXT),
        Field("name", TEXT, always=True),
        Field("open_options", TEXT, many=True, since=SECOND, repeats=True),
        Field("options", TEXT, many=True, repeats=True),
        Field("uuid", TEXT),
        Field("wipe_volume", FLAG),
    ),
    ("name",),
)
STORAGE = Struct(
    "storage",
    (
        Field("directories", DIRECTORY, many=True, shared="path"),
        Field("disks", DISK, many=True),
        Field("files", FILE, many=True, shared="path"),
        Field("filesystems", FILESYSTEM, many=True),
        Field("links", LINK, many=True, shared="path"),
        Field("luks", LUKS, many=True),
        Field("raid", RAID, many=True),
        Field("trees", TREE, many=True, own=True, repeats=True),
    ),
)

DROPIN = Struct(
    "drop-in",
    (Field("contents", TEXT), Field("contents_local", TEXT, since=SECOND, own=True), Field("name", TEXT, always=True)),
    ("name",),
)
UNIT = Struct(
    "unit",
    (
        Field("contents", TEXT),
        Field("contents_local", TEXT, since=SECOND, own=True),
        Field("dropins", DROPIN, many=True),
        Field("enabled", FLAG),
        Field("mask", FLAG),
        Field("name", TEXT, always=True),
    ),
    ("name",),
)
SYSTEMD = Struct("systemd", (Field("units", UNIT, many=True),))

HEADING = Struct("config", (Field("variant", TEXT, own=True), Field("version", TEXT, own=True)))
ROOT = Struct(
    "config",
    (
        *HEADING.fields,
        Field("ignition", IGNITION_SECTION),
        Field("kernel_arguments", KERNEL_ARGUMENTS),
        Field("passwd", PASSWD),
        Field("storage", STORAGE),
        Field("systemd", SYSTEMD),
    ),
)
