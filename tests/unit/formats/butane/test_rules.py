"""Ignition's rules for a config, each where it is broken.

The answers are those of `ignition-validate` 2.14.0 to the same configs in Ignition 3.3.0, or of Butane; but where the
real one says a thing twice, we say it once.
"""

from __future__ import annotations

import pytest

from tests.unit.formats.butane.configs import Found, found, ignition, messages

GUID = "0fc63daf-8483-4772-8e79-3d69d8477de4"
LABEL_TOO_LONG = "filesystem labels cannot be longer than {} characters when using {}"
FORMAT_EMPTY = "format cannot be empty when path, label, uuid, wipeFilesystem, options, or mountOptions is specified"
SPECIAL_BITS = "setuid/setgid/sticky bits are not supported or functional in spec versions older than 3.6.0"
DECIMAL = "unreasonable mode would be reasonable if specified in octal; remember to add a leading zero"
NO_INSTALL = 'unit "{}" is enabled, but has no install section so enable does nothing'
OVERLAP = [("error", ".1", "partitions overlap")]
MIXED = "shouldExist is false for a partition and other partition(s) has start or size 0"
OTHERS = "shouldExist specified false with other options also specified"


def errors(place: str, *texts: str) -> list[Found]:
    return [("error", place, text) for text in texts]


def warnings(place: str, *texts: str) -> list[Found]:
    return [("warning", place, text) for text in texts]


NODES = {
    "{path: /a/}": errors("path", "path is not fully simplified"),
    "{path: /a//b}": errors("path", "path is not fully simplified"),
    "{path: //a}": errors("path", "path is not fully simplified"),
    "{path: /a/../b}": errors("path", "path is not fully simplified"),
    "{path: /}": [],
    "{path: ''}": errors("path", "path not specified"),
    "{overwrite: false}": errors("path", "path not specified"),
    "{path: a/b}": errors("path", "path not absolute"),
    "{path: /a, user: {id: 0, name: root}}": errors("user", "cannot set both id and name"),
    "{path: /a, group: {id: 0, name: ''}}": [],
}


@pytest.mark.parametrize("kind", ["files", "directories"])
@pytest.mark.parametrize(("node", "expected"), NODES.items())
def test_nodes(kind: str, node: str, expected: list[Found]) -> None:
    assert found(f"storage: {{{kind}: [{node}]}}") == [(s, f"storage.{kind}.0.{p}", t) for s, p, t in expected]


@pytest.mark.parametrize(
    ("mode", "file", "directory"),
    [
        ("0", [], []),
        ("0644", [], []),
        ("0750", [], []),
        ("0000", [], []),
        ("07777", [SPECIAL_BITS], [SPECIAL_BITS]),
        ("010000", ["illegal file mode"], ["illegal file mode"]),
        ("-1", ["illegal file mode"], ["illegal file mode"]),
        ("01777", [SPECIAL_BITS], [SPECIAL_BITS]),
        ("644", [DECIMAL, SPECIAL_BITS], [SPECIAL_BITS]),
        ("755", [DECIMAL, SPECIAL_BITS], [DECIMAL, SPECIAL_BITS]),
        ("600", [DECIMAL, SPECIAL_BITS], [SPECIAL_BITS]),
        ("1777", [SPECIAL_BITS], [DECIMAL, SPECIAL_BITS]),
        ("1755", [SPECIAL_BITS], [DECIMAL, SPECIAL_BITS]),
        ("4755", ["illegal file mode", DECIMAL], ["illegal file mode"]),
        ("2770", [DECIMAL, SPECIAL_BITS], [DECIMAL, SPECIAL_BITS]),
        ("420", [], []),
        ("493", [], []),
        ("888", [SPECIAL_BITS], [SPECIAL_BITS]),
    ],
)
def test_modes(mode: str, file: list[str], directory: list[str]) -> None:
    for kind, expected in (("files", file), ("directories", directory)):
        texts = [text for _, _, text in found(f"storage: {{{kind}: [{{path: /a, mode: {mode}}}]}}")]
        assert (kind, sorted(texts)) == (kind, sorted(expected))


STORAGE = {
    # files and links
    "files: [{path: /a, overwrite: true}]": errors(
        "files.0.overwrite", "overwrite must be false if source is unspecified"
    ),
    "files: [{path: /a, overwrite: true, contents: {source: ''}}]": [],
    "files: [{path: /a, overwrite: true, append: [{inline: x}]}]": errors(
        "files.0.overwrite", "overwrite must be false if source is unspecified"
    ),
    "files: [{path: /a, append: [{inline: x}, {inline: x}, {}]}]": [],
    "links: [{path: /a}]": errors("links.0.target", "link target is required"),
    "links: [{path: /a, target: ''}]": errors("links.0.target", "link target is required"),
    "links: [{path: /a, target: b}, {path: /a/b, target: c}]": errors("links.1", "link path includes link in config"),
    "links: [{path: /a, target: b}], files: [{path: /a/b}, {path: /ab}]": errors(
        "files.0", "file path includes link in config"
    ),
    "links: [{path: /a, target: b}], directories: [{path: /a/b/c}]": errors(
        "directories.0", "directory path includes link in config"
    ),
    "links: [{path: /a, target: /d, hard: true}], directories: [{path: /d}]": errors(
        "links.0", "hard link target is a directory"
    ),
    "links: [{path: /d/a, target: .., hard: true}], directories: [{path: /d}]": errors(
        "links.0", "hard link target is a directory"
    ),
    "links: [{path: /a, target: /d}], directories: [{path: /d}]": [],
    "links: [{path: /a, target: /b, hard: true, user: {id: 1}, group: {name: x}}]": [
        *warnings("links.0.user.id", "user/group ignored for hard link"),
        *warnings("links.0.group.name", "user/group ignored for hard link"),
    ],
    "directories: [{path: /a}], files: [{path: /a}], links: [{path: /a, target: b}]": [
        *errors("files.0", "duplicate entry defined"),
        *errors("links.0", "duplicate entry defined"),
    ],
    # disks
    "disks: [{wipe_table: true}]": errors("disks.0.device", "disk device is required"),
    "disks: [{device: sda}]": errors("disks.0.device", "path not absolute"),
    "disks: [{device: /dev/a}, {device: /dev/a}]": errors("disks.1", "duplicate entry defined"),
    # raid
    "raid: [{name: a}]": [
        *errors("raid.0.devices", "raid devices required"),
        *errors("raid.0.level", "raid level is required"),
    ],
    "raid: [{name: a, level: raid9, devices: [/dev/a]}]": errors("raid.0.level", "unrecognized raid level"),
    "raid: [{name: a, level: stripe, spares: 1, devices: [/dev/a]}]": errors(
        "raid.0.level", "spares unsupported for linear and raid0 arrays"
    ),
    "raid: [{name: a, level: raid0, spares: 0, devices: [/dev/a]}]": [],
    "raid: [{name: a, level: '5', spares: 1, devices: [a, /dev/b, /dev/b], options: [x, x]}]": [
        *errors("raid.0.devices.0", "path not absolute"),
        *errors("raid.0.devices.2", "duplicate entry defined"),
    ],
    # file systems
    "filesystems: [{format: ext4}]": errors("filesystems.0.device", "path not specified"),
    "filesystems: [{device: /dev/a, format: none, label: x}]": [],
    "filesystems: [{device: /dev/a, format: ext3}]": errors("filesystems.0.format", "invalid filesystem format"),
    "filesystems: [{device: /dev/a, uuid: x}]": errors("filesystems.0.format", FORMAT_EMPTY),
    "filesystems: [{device: /dev/a, wipe_filesystem: true}]": errors("filesystems.0.format", FORMAT_EMPTY),
    "filesystems: [{device: /dev/a, mount_options: [a, a]}]": errors("filesystems.0.format", FORMAT_EMPTY),
    "filesystems: [{device: /dev/a, wipe_filesystem: false, path: ''}]": [],
    "filesystems: [{device: /dev/a, format: ext4, path: a}]": errors("filesystems.0.path", "path not absolute"),
    "filesystems: [{device: /dev/a, label: x}]": [
        *errors("filesystems.0.format", FORMAT_EMPTY),
        *errors("filesystems.0.label", "filesystem must specify format if label is specified"),
    ],
    "filesystems: [{device: /dev/a, format: xfs, path: /a}, {device: /dev/b, format: xfs, path: /a}]": [],
    "filesystems: [{device: /dev/a, format: xfs}, {device: /dev/a, format: xfs}]": errors(
        "filesystems.1", "duplicate entry defined"
    ),
    "disks: [{device: /dev/a, partitions: [{number: 1}]}], filesystems: [{device: /dev/a}]": warnings(
        "filesystems.0.device", "filesystem overwrites partitioned device"
    ),
    "disks: [{device: /dev/a, wipe_table: true}], filesystems: [{device: /dev/a}]": warnings(
        "filesystems.0.device", "device matches disk with wipeTable enabled; filesystem will be wiped"
    ),
    "disks: [{device: /dev/a, wipe_table: true}],"
    "filesystems: [{device: /dev/a, format: ext4, wipe_filesystem: true}]": [],
    # luks
    "luks: [{name: a/b, device: /dev/a}]": errors("luks.0.name", "device names cannot contain slashes"),
    "luks: [{name: a}]": errors("luks.0.device", "disk device is required"),
    "luks: [{name: a, device: a}]": errors("luks.0.device", "path not absolute"),
    f"luks: [{{name: a, device: /dev/a, label: {'x' * 48}}}]": errors(
        "luks.0.label", "luks device labels cannot be longer than 47 characters"
    ),
    "luks: [{name: a, device: /dev/a, key_file: {source: 'oem:///x'}}]": errors(
        "luks.0.key_file.source", "invalid url scheme"
    ),
    "luks: [{name: a, device: /dev/a, options: [x, x]}, {name: a, device: /dev/b}]": errors(
        "luks.1", "duplicate entry defined"
    ),
    "luks: [{name: a, device: /dev/a, clevis: {}}]": [],
    "luks: [{name: a, device: /dev/a, clevis: {tang: [{url: x}], custom: {pin: x}}}]": errors(
        "luks.0.clevis", "clevis is not supported in this spec version"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), STORAGE.items())
def test_storage(body: str, expected: list[Found]) -> None:
    result = found(f"storage: {{{body}}}")
    assert sorted(result) == sorted((severity, f"storage.{path}", text) for severity, path, text in expected)


@pytest.mark.parametrize(("kind", "longest"), [("ext4", 16), ("btrfs", 256), ("xfs", 12), ("swap", 15), ("vfat", 11)])
def test_labels_of_file_systems(kind: str, longest: int) -> None:
    body = "storage: {{filesystems: [{{device: /dev/a, format: {}, label: {}}}]}}"
    assert found(body.format(kind, "x" * longest)) == []
    expected = errors("storage.filesystems.0.label", LABEL_TOO_LONG.format(longest, kind))
    assert found(body.format(kind, "x" * (longest + 1))) == expected
    assert found(body.format(kind, "é" * (longest // 2 + 1))) == expected


PARTITIONS = {
    "{}": errors(".0", "a partition number >= 1 or a label must be specified"),
    "{number: 0}": errors(".0", "a partition number >= 1 or a label must be specified"),
    "{label: ''}": [],
    "{number: 1}, {number: 1}, {number: 1}": [
        *errors(".1", "duplicate entry defined", "partition numbers collide"),
        *errors(".2", "duplicate entry defined", "partition numbers collide"),
    ],
    "{number: 1, label: a}, {number: 2, label: a}": errors(".1", "cannot use the same partition label twice"),
    "{label: a}, {label: a}": errors(".1", "duplicate entry defined", "cannot use the same partition label twice"),
    f"{{label: {'x' * 36}}}": [],
    f"{{label: {'x' * 37}}}": errors(".0.label", "partition labels may not exceed 36 characters"),
    f"{{label: {'é' * 19}}}": errors(".0.label", "partition labels may not exceed 36 characters"),
    "{label: 'a:b'}": errors(".0.label", "partition label will be truncated to text before the colon"),
    f"{{number: 1, guid: x, type_guid: {GUID}}}": errors(
        ".0.guid", 'doesn\'t match the form "01234567-89AB-CDEF-EDCB-A98765432101"'
    ),
    f"{{number: 1, guid: '', type_guid: {GUID}0}}": errors(
        ".0.type_guid", 'doesn\'t match the form "01234567-89AB-CDEF-EDCB-A98765432101"'
    ),
    "{number: 1, should_exist: false, label: a}": errors(".0", OTHERS),
    "{number: 1, should_exist: false, size_mib: 0}": errors(".0", OTHERS),
    "{number: 1, should_exist: false, guid: '', wipe_partition_entry: true}": [],
    "{number: 1, should_exist: false}, {label: a}": errors("", MIXED),
    "{number: 1, should_exist: false}, {number: 2, start_mib: 0, size_mib: 0}": [],
    "{number: 1, start_mib: 1, size_mib: 10}, {number: 2, start_mib: 11, size_mib: 10}": [],
    "{number: 1, start_mib: 1, size_mib: 11}, {number: 2, start_mib: 11, size_mib: 10}": OVERLAP,
    "{number: 1, start_mib: 5, size_mib: 2}, {number: 2, start_mib: 1, size_mib: 20}": OVERLAP,
    "{number: 1, start_mib: 5, size_mib: 0}, {number: 2, start_mib: 5, size_mib: 1}": OVERLAP,
    "{number: 1, start_mib: 5, size_mib: 0}, {number: 2, start_mib: 7, size_mib: 9}": [],
    "{number: 1, start_mib: 0, size_mib: 9}, {number: 2, start_mib: 1, size_mib: 9}": [],
}  # fmt: skip


@pytest.mark.parametrize(("partitions", "expected"), PARTITIONS.items())
def test_partitions(partitions: str, expected: list[Found]) -> None:
    result = found(f"storage: {{disks: [{{device: /dev/a, partitions: [{partitions}]}}]}}")
    assert result == [(severity, f"storage.disks.0.partitions{path}", text) for severity, path, text in expected]


RESOURCES = {
    "compression: xz, source: 'data:,'": errors("compression", "invalid compression method"),
    "verification: {hash: sha256-x}": [
        *errors("verification.hash", "source must be specified if verification is specified"),
        *errors("verification.hash", "incorrect size for hash sum"),
    ],
    "inline: x, verification: {hash: x}": errors("verification.hash", "malformed hash specifier"),
    "inline: x, verification: {hash: ''}": errors("verification.hash", "malformed hash specifier"),
    "inline: x, verification: {hash: md5-x}": errors("verification.hash", "unrecognized hash function"),
    f"inline: x, verification: {{hash: sha512-{'a' * 64}}}": errors("verification.hash", "incorrect size for hash sum"),
    f"inline: x, verification: {{hash: sha256-{'a' * 64}}}": [],
    "source: 'http://a', http_headers: [{value: x}, {name: a, value: ''}, {name: b}, {name: b, value: c}]": [
        *errors("http_headers.0.name", "HTTP header name can't be empty"),
        *errors("http_headers.1.value", "unable to parse HTTP header"),
        *errors("http_headers.3", "duplicate entry defined"),
    ],
    "http_headers: [{name: a, value: b}]": errors("http_headers", "unable to parse url"),
    "inline: x, http_headers: [{name: a, value: b}]": errors(
        "http_headers", "cannot use HTTP headers with this source scheme"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("resource", "expected"), RESOURCES.items())
def test_resources(resource: str, expected: list[Found]) -> None:
    result = found(f"storage: {{files: [{{path: /a, contents: {{{resource}}}}}]}}")
    assert result == [(severity, f"storage.files.0.contents.{path}", text) for severity, path, text in expected]


HEADS = {
    "config: {merge: [{}]}": errors("config.merge.0", "source is required"),
    "config: {merge: [{source: ''}]}": errors("config.merge.0", "source is required"),
    "config: {merge: [{source: 'oem:///x'}]}": errors("config.merge.0.source", "invalid url scheme"),
    "config: {merge: [{source: 'http://a'}, {source: 'http://a'}]}": errors(
        "config.merge.1", "duplicate entry defined"
    ),
    "config: {replace: {compression: gzip}}": [],
    "security: {tls: {certificate_authorities: [{verification: {}}]}}": errors(
        "security.tls.certificate_authorities.0", "source is required"
    ),
    "security: {tls: {certificate_authorities: [{inline: a}, {inline: a}]}}": errors(
        "security.tls.certificate_authorities.1", "duplicate entry defined"
    ),
    "proxy: {http_proxy: 'ftp://a'}": errors("proxy.http_proxy", "proxies must be http(s)"),
    "proxy: {http_proxy: ''}": errors("proxy.http_proxy", "proxies must be http(s)"),
    "proxy: {http_proxy: 'http://[::1]a'}": errors("proxy.http_proxy", "unable to parse url"),
    "proxy: {https_proxy: 'http://a'}": warnings(
        "proxy.https_proxy", "insecure plaintext HTTP proxy specified for HTTPS resources"
    ),
    "proxy: {no_proxy: [a, b, a]}": errors("proxy.no_proxy.2", "duplicate entry defined"),
    "timeouts: {http_total: -1}": [],
}


@pytest.mark.parametrize(("body", "expected"), HEADS.items())
def test_the_ignition_section(body: str, expected: list[Found]) -> None:
    assert found(f"ignition: {{{body}}}") == [(s, f"ignition.{path}", text) for s, path, text in expected]


OTHER_SECTIONS = {
    "kernel_arguments: {should_exist: [a], should_not_exist: [b, a]}": errors(
        "kernel_arguments.should_not_exist.1", "duplicate entry defined"
    ),
    "passwd: {users: [{name: a, groups: [g, g], ssh_authorized_keys: [k, k]}, {name: a}]}": [
        *errors("passwd.users.0.groups.1", "duplicate entry defined"),
        *errors("passwd.users.0.ssh_authorized_keys.1", "duplicate entry defined"),
        *errors("passwd.users.1", "duplicate entry defined"),
    ],
    "passwd: {groups: [{name: a}, {name: a}]}": errors("passwd.groups.1", "duplicate entry defined"),
    "systemd: {units: [{name: a}]}": errors("systemd.units.0.name", "invalid systemd unit extension"),
    "systemd: {units: [{name: a.mount.x}]}": errors("systemd.units.0.name", "invalid systemd unit extension"),
    "systemd: {units: [{name: .service}, {name: a.snapshot}]}": [],
    "systemd: {units: [{name: a.service, dropins: [{name: a}, {name: b.conf}, {name: b.conf}]}]}": [
        *errors("systemd.units.0.dropins.0.name", "invalid systemd drop-in extension"),
        *errors("systemd.units.0.dropins.2", "duplicate entry defined"),
    ],
    'systemd: {units: [{name: a.service, enabled: true, contents: "[Install]"}]}': warnings(
        "systemd.units.0.contents", NO_INSTALL.format("a.service")
    ),
    'systemd: {units: [{name: a.service, enabled: false, contents: "[Unit]"}]}': [],
    'systemd: {units: [{name: a.service, enabled: true, contents: "[Unit"}]}': errors(
        "systemd.units.0.contents", "invalid unit content: line 1 has a `[` without a `]`"
    ),
    "systemd: {units: [{name: a.service, enabled: true, contents: ''}]}": [],
    'systemd: {units: [{name: a.service, dropins: [{name: a.conf, contents: "[Unit"}]}]}': errors(
        "systemd.units.0.dropins.0.contents", "invalid unit content: line 1 has a `[` without a `]`"
    ),
    'systemd: {units: [{name: a@.service, contents: "[Unit]"}, {name: a@b.service, enabled: true}]}': warnings(
        "systemd.units.1.contents", 'template unit "a@.service" for "a@b.service" doesn\'t have Install section'
    ),
    'systemd: {units: [{name: a@.service, contents: "[Install]\\nAlias=x"}, {name: a@b.service, enabled: true}]}': [],
    "storage: {files: [{path: /etc/systemd/system/a.service}]}\n"
    'systemd: {units: [{name: a.service, contents: "[Unit]"}]}': errors(
        "storage.files.0.path", "path conflicts with systemd unit or dropin"
    ),
    "storage: {links: [{path: /etc/systemd/system/a.service.d/b.conf, target: x}]}\n"
    'systemd: {units: [{name: a.service, dropins: [{name: b.conf, contents: "[Unit]"}]}]}': errors(
        "storage.links.0.path", "path conflicts with systemd unit or dropin"
    ),
    "storage: {files: [{path: /etc/systemd/system/a.service}]}\nsystemd: {units: [{name: a.service, mask: true}]}": [],
    "storage: {files: [{path: /etc/systemd/system/a.service.d/b.conf}]}\n"
    "systemd: {units: [{name: a.service, dropins: [{name: b.conf}]}]}": [],
}


@pytest.mark.parametrize(("body", "expected"), OTHER_SECTIONS.items())
def test_the_other_sections(body: str, expected: list[Found]) -> None:
    assert found(body) == expected


def test_arn_is_known_from_the_second_version_on() -> None:
    body = "ignition: {config: {replace: {source: 'arn:aws:s3:::bucket/key'}}}"
    (message,) = messages(body)
    assert (message.text, message.hint) == ("invalid url scheme", "`arn` needs `version: 1.1.0`")
    assert found(body, version="1.1.0") == []


@pytest.mark.parametrize(
    ("name", "hint"), [("a.servce", "did you mean `a.service`?"), ("a", "a unit is named `NAME.se")]
)
def test_a_unit_with_a_wrong_name_gets_a_better_one(name: str, hint: str) -> None:
    (message,) = messages(f"systemd: {{units: [{{name: {name}}}]}}")
    assert (message.hint or "").startswith(hint)


def test_a_duplicate_names_the_first() -> None:
    (message,) = messages("passwd:\n  users:\n    - name: a\n    - name: a\n")
    assert message.hint == "the first one is in line 5"


def test_a_partition_without_a_number_is_written_without_one() -> None:
    body = "storage: {disks: [{device: /dev/a, partitions: [{number: 0, label: a, size_mib: 0}]}]}"
    assert ignition(body)["storage"]["disks"][0]["partitions"] == [{"label": "a", "sizeMiB": 0}]


def test_all_fields_of_both_versions_are_translated_under_ignitions_names() -> None:
    body = f"""\
ignition:
  config: {{replace: {{source: "https://a/b", http_headers: [{{name: n, value: v}}],
                     verification: {{hash: sha256-{"a" * 64}}}}}}}
  proxy: {{http_proxy: "http://a", https_proxy: "https://a", no_proxy: [b]}}
  security: {{tls: {{certificate_authorities: [{{source: "https://c/d"}}]}}}}
  timeouts: {{http_response_headers: 1, http_total: 2}}
kernel_arguments: {{should_exist: [a], should_not_exist: [b]}}
passwd:
  groups: [{{name: g, gid: 1, password_hash: x, should_exist: true, system: true}}]
  users:
    - {{name: u, gecos: x, groups: [g], home_dir: /h, no_create_home: true, no_log_init: true, no_user_group: true}}
    - {{name: v, password_hash: x, primary_group: g, ssh_authorized_keys: [k], shell: /s,
       should_exist: false, system: true, uid: 1}}
storage:
  directories: [{{path: /d, mode: 0700, overwrite: true, user: {{name: u}}, group: {{id: 1}}}}]
  disks:
    - device: /dev/a
      wipe_table: true
      partitions: [{{guid: {GUID}, label: l, number: 1, resize: true, should_exist: true, size_mib: 1, start_mib: 2,
                    type_guid: {GUID}, wipe_partition_entry: true}}]
  files: [{{path: /f, append: [{{source: "https://e/f", compression: gzip}}], mode: 0600}}]
  filesystems: [{{device: /dev/b, format: ext4, label: l, mount_options: [m], options: [o], path: /p, uuid: u,
                 wipe_filesystem: true}}]
  links: [{{path: /l, target: t, hard: false, overwrite: true}}]
  luks: [{{name: l, device: /dev/c, discard: true, key_file: {{source: "https://k/k"}}, label: l, open_options: [a],
          options: [o], uuid: u, wipe_volume: true}}]
  raid: [{{name: r, devices: [/dev/d], level: raid1, options: [o], spares: 1}}]
systemd:
  units: [{{name: u.service, contents: "[Unit]", enabled: false, mask: false,
           dropins: [{{name: d.conf, contents: ""}}]}}]
"""
    assert found(body, version="1.1.0") == []
    assert ignition(body, version="1.1.0") == {
        "ignition": {
            "config": {"replace": {"source": "https://a/b", "httpHeaders": [{"name": "n", "value": "v"}],
                                   "verification": {"hash": f"sha256-{'a' * 64}"}}},
            "proxy": {"httpProxy": "http://a", "httpsProxy": "https://a", "noProxy": ["b"]},
            "security": {"tls": {"certificateAuthorities": [{"source": "https://c/d"}]}},
            "timeouts": {"httpResponseHeaders": 1, "httpTotal": 2},
        },
        "kernelArguments": {"shouldExist": ["a"], "shouldNotExist": ["b"]},
        "passwd": {
            "groups": [{"name": "g", "gid": 1, "passwordHash": "x", "shouldExist": True, "system": True}],
            "users": [
                {"name": "u", "gecos": "x", "groups": ["g"], "homeDir": "/h", "noCreateHome": True, "noLogInit": True,
                 "noUserGroup": True},
                {"name": "v", "passwordHash": "x", "primaryGroup": "g", "sshAuthorizedKeys": ["k"], "shell": "/s",
                 "shouldExist": False, "system": True, "uid": 1},
            ],
        },
        "storage": {
            "directories": [{"path": "/d", "mode": 448, "overwrite": True, "user": {"name": "u"}, "group": {"id": 1}}],
            "disks": [{"device": "/dev/a", "wipeTable": True, "partitions": [
                {"guid": GUID, "label": "l", "number": 1, "resize": True, "shouldExist": True, "sizeMiB": 1,
                 "startMiB": 2, "typeGuid": GUID, "wipePartitionEntry": True}]}],
            "files": [{"path": "/f", "append": [{"source": "https://e/f", "compression": "gzip"}], "mode": 384}],
            "filesystems": [{"device": "/dev/b", "format": "ext4", "label": "l", "mountOptions": ["m"],
                             "options": ["o"], "path": "/p", "uuid": "u", "wipeFilesystem": True}],
            "links": [{"path": "/l", "target": "t", "hard": False, "overwrite": True}],
            "luks": [{"name": "l", "device": "/dev/c", "discard": True, "keyFile": {"source": "https://k/k"},
                      "label": "l", "openOptions": ["a"], "options": ["o"], "uuid": "u", "wipeVolume": True}],
            "raid": [{"name": "r", "devices": ["/dev/d"], "level": "raid1", "options": ["o"], "spares": 1}],
        },
        "systemd": {"units": [{"name": "u.service", "contents": "[Unit]", "enabled": False, "mask": False,
                               "dropins": [{"name": "d.conf", "contents": ""}]}]},
    }  # fmt: skip
