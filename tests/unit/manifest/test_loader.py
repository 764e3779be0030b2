"""Every mistake of a manifest, at its place, with a way out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from distrobuild.errors import InvalidInput, Location
from distrobuild.manifest.flatcar_sources import DebianSource, OfficialSource, ReleaseSource
from distrobuild.manifest.loader import UnreadableManifest, load
from distrobuild.manifest.models import AptSource, FolderSource, GitSource, KernelOrgSource
from distrobuild.manifest.targets import FlatcarTarget

MANIFEST = Path("distro.yaml")
SHA256 = "a" * 64
COMMIT = "b" * 40
NAME_SHAPE = "lower-case letters, digits, `+`, `.` and `-`, beginning with a letter or a digit"

BAD_LINES = {
    "unknown key": (12, "    kernal: acme-6.12",
        "12:5: unknown key `kernal` in `targets.box`", "did you mean `kernel`?"),
    "unknown key that is like no other": (
        1, "name: acme\nxyzzy: 1", "2:1: unknown key `xyzzy`",
        "the keys there are: `epoch`, `kernels`, `maintainer`, `name`, `signing`, `targets`, `title`, `tools`, "
        "`version`",
    ),
    "key that belongs elsewhere": (
        14, "    tests: {path: checks}\n    patches: patches", "15:5: unknown key `patches` in `targets.box`",
        "there is `kernels.*.patches`",
    ),
    "missing key": (1, "title: Acme", "1:1: `name` is missing",
        "Short name of the distribution; goes into os-release, the volume id and file names."),
    "text for a list": (13, "    packages: hello",
        "13:15: `targets.box.packages` must be a list of names, not a text", "write [hello]"),
    "mapping for a list": (13, "    packages: {hello: 1}",
        "13:15: `targets.box.packages` must be a list of names, not a mapping", None),
    "list for a mapping": (14, "    tests: [checks]", "14:12: `targets.box.tests` must be a mapping, not a list", None),
    "text for a whole number": (
        1, 'name: acme\nepoch: "5"', "2:8: `epoch` must be a whole number of at least 0, not a text",
        "write it without quotes"),
    "fraction for a whole number": (
        14, "    tests: {path: checks, cpus: 1.5}",
        "14:33: `targets.box.tests.cpus` must be a whole number of at least 1, not 1.5", None),
    "number below its bound": (
        14, "    tests: {path: checks, memory_mib: 8}",
        "14:39: `targets.box.tests.memory_mib` must be a whole number of at least 256, not 8", None),
    "number that is infinite": (
        14, "    tests: {path: checks, timeout_seconds: .inf}",
        "14:44: `targets.box.tests.timeout_seconds` must be a number above 0, not .inf", None),
    "text for a boolean": (
        14, "    tests: {path: checks}\n    documentation: 'yes'",
        "15:20: `targets.box.documentation` must be `true` or `false`, not a text", "write it without quotes"),
    "version that YAML reads as a number": (
        2, "version: 1.10", "2:10: `version` must be a version, but YAML reads `1.10` as a number",
        'write it in quotes: "1.10"'),
    "name that YAML reads as a boolean": (
        1, "name: no", "1:7: `name` must be a name, but YAML reads `no` as a boolean", 'write it in quotes: "no"'),
    "item that YAML reads as a number of minutes": (
        13, "    packages: [hello, 22:30]",
        "13:23: `targets.box.packages[1]` must be a name, but YAML reads `22:30` as a number",
        'write it in quotes: "22:30"'),
    "key that YAML reads as a boolean": (
        10, "  on:", "10:3: YAML reads the key `on` as a boolean", 'write it in quotes: "on"'),
    "nothing behind the colon": (12, "    kernel:", "12:12: `targets.box.kernel` must be a name, not nothing",
        "write a value after the colon, or leave the key out"),
    "name with capital letters": (1, "name: Acme", "1:7: `name`: `Acme` is not a name", NAME_SHAPE),
    "name of a kernel": (4, "  Acme Kernel:", "4:3: `Acme Kernel` is not a name", NAME_SHAPE),
    "enumeration": (11, "    base: {distribution: debain, suite: trixie}",
        "11:26: `targets.box.base.distribution` cannot be `debain`", "did you mean `debian`?"),
    "only choice": (14, "    tests: {path: checks}\n    outputs: [isso]",
        "15:15: `targets.box.outputs[0]` cannot be `isso`", "did you mean `iso`?"),
    "absolute path": (14, "    tests: {path: /checks}", "14:19: `targets.box.tests.path`: `/checks` is not a path",
        "relative to the folder of the manifest"),
    "absolute path in a list": (
        14, "    tests: {path: [checks, /checks]}", "14:28: `targets.box.tests.path[1]`: `/checks` is not a path",
        "relative to the folder of the manifest"),
    "number in a list of paths": (
        14, "    tests: {path: [1]}",
        "14:20: `targets.box.tests.path[0]` must be a path, but YAML reads `1` as a number",
        'write it in quotes: "1"'),
    "mapping for a path or a list of them": (
        14, "    tests: {path: {a: b}}", "14:19: `targets.box.tests.path` must be a path or a list of paths, not a "
        "mapping", None),
    "number for a path or a list of them": (
        14, "    tests: {path: 1}", "14:19: `targets.box.tests.path` must be a path or a list of paths, but YAML reads "
        "`1` as a number", 'write it in quotes: "1"'),
    "empty list": (14, "    tests: {path: []}", "14:19: `targets.box.tests.path` is empty",
        "name at least one, or leave out what it belongs to"),
    "mirror without scheme": (11, "    base: {distribution: debian, suite: trixie, mirror: example.org/debian}",
        "11:57: `targets.box.base.mirror`: `example.org/debian` is not an address",
        "`http://HOST/PATH`, `https://HOST/PATH` or `file:///PATH`"),
    "private key for a public one": (
        14, "    tests: {path: checks}\n    users: [{name: ada, ssh_keys: [BEGIN OPENSSH PRIVATE KEY]}]",
        "15:36: `targets.box.users[0].ssh_keys[0]`: `BEGIN OPENSSH PRIVATE KEY` is not a public key",
        "one line as in `authorized_keys`: `ssh-ed25519 AAAA... name`"),
    "source with a slip in its only key": (
        5, "    source: {atp: linux-source-6.12}", "5:14: unknown key `atp` in `kernels.acme-6.12.source`",
        "did you mean `apt`?"),
    "source with a slip in its second key": (
        5, f"    source: {{kernel.org: 6.12.40, sha265: {SHA256}}}",
        "5:35: unknown key `sha265` in `kernels.acme-6.12.source`", "did you mean `sha256`?"),
    "source without a key": (
        5, "    source: {}", "5:13: `kernels.acme-6.12.source` needs one of `apt`, `kernel.org`, `git` or `folder`",
        "write {apt: ...} or {kernel.org: ..., sha256: ...} or {git: ..., commit: ...} or {folder: ...}"),
    "source in two forms": (
        5, "    source: {apt: linux-source-6.12, folder: linux}",
        "5:13: `kernels.acme-6.12.source` takes only one of `apt` and `folder`",
        "`apt` stands at distro.yaml:5:14; `folder` stands at distro.yaml:5:38; keep one (null removes that of an "
        "earlier file)"),
    "source that is a text": (
        5, "    source: linux-source-6.12", "5:13: `kernels.acme-6.12.source` must be a mapping, not a text", None),
    "short digest": (
        5, "    source: {kernel.org: 6.12.40, sha256: abc}",
        "5:43: `kernels.acme-6.12.source.sha256`: `abc` is not a SHA-256 digest",
        "64 hexadecimal digits, lower case, as `sha256sum` prints them"),
    "branch for a commit": (
        5, "    source: {git: /srv/linux.git, commit: master}",
        "5:43: `kernels.acme-6.12.source.commit`: `master` is not a commit id",
        "all 40 hexadecimal digits, as `git rev-parse` prints them"),
    "source of a target with a slip in its only key": (
        11, "    source: {offical: flatcar.bin.bz2}", "11:14: unknown key `offical` in `targets.box.source`",
        "did you mean `official`?"),
    "source of a target in two forms": (
        11, "    source: {debian: trixie, official: flatcar.bin.bz2}",
        "11:13: `targets.box.source` takes only one of `debian` and `official`",
        "`debian` stands at distro.yaml:11:14; `official` stands at distro.yaml:11:30; keep one (null removes that of "
        "an earlier file)"),
    "source of a target without a key": (
        11, "    source: {}", "11:13: `targets.box.source` needs one of `debian`, `official` or `release`",
        "write none or {debian: ...} or {official: ...} or {release: ..., keyring: ...}"),
    "source of a target that is nearly none": (
        11, "    source: None", "11:13: `targets.box.source` cannot be `None`", "did you mean `none`?"),
    "source of a target that is another word": (
        11, "    source: official", "11:13: `targets.box.source` cannot be `official`",
        "write none or {debian: ...} or {official: ...} or {release: ..., keyring: ...}"),
    "source of a target that is a list": (
        11, "    source: [debian]", "11:13: `targets.box.source` must be `none` or a mapping, not a list", None),
    "source of a target with a key of another form": (
        11, "    source: {debian: trixie, level: provision}",
        "11:30: unknown key `level` in `targets.box.source`", "there is `targets.*.source.level`"),
    "level that does not exist": (
        11, "    source: {official: flatcar.bin.bz2, sha256: " + SHA256 + ", level: usr}\n    ignition: box.bu",
        "11:122: `targets.box.source.level` cannot be `usr`", "it can be: `kernel`, `provision`"),
    "release without keys": (
        11, "    source: {release: 4593.2.5}\n    ignition: box.bu",
        "11:5: `targets.box.source.keyring` is missing", None),
    "release of no channel": (
        11, "    source: {release: 4593.5.0, keyring: flatcar.asc}\n    ignition: box.bu",
        "11:23: `targets.box.source.release`: `4593.5.0` is not a version of Flatcar",
        "such as `4593.2.5`; the second number is 0, 1, 2 or 3"),
    "kernel argument with a space": (
        11, "    source: none\n    ignition: box.bu\n    kernel_arguments: [quiet, 'a b']",
        "13:31: `targets.box.kernel_arguments[1]`: `a b` is not a word of a kernel command line",
        "printable ASCII without spaces, quotes, `$` and `\\`"),
    "key that stands twice": (
        1, "name: acme\nname: other", "2:1: key `name` stands twice; the first one is in line 1", "remove one"),
    "tab": (12, "\tkernel: acme-6.12", "12:1: not valid YAML: a tab stands here", "YAML is indented by spaces"),
}  # fmt: skip


def problems(paths: tuple[Path, ...] = (MANIFEST,), overrides: tuple[str, ...] = ()) -> list[str]:
    """What `load` complains about, one line for each problem and hint."""
    with pytest.raises(InvalidInput) as caught:
        load(paths, overrides)
    assert caught.value.exit_code == 2
    return str(caught.value).splitlines()


@pytest.mark.parametrize(("line", "text", "message", "hint"), BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_mistake_is_told_with_its_place_and_a_way_out(
    rewrite: Callable[[dict[int, str]], None], line: int, text: str, message: str, hint: str | None
) -> None:
    rewrite({line: text})
    expected = [f"distro.yaml:{message}"] + ([f"  hint: {hint}"] if hint else [])
    assert problems()[: len(expected)] == expected


GOOD_SOURCES = {
    "{apt: linux-source-6.12}": AptSource(apt="linux-source-6.12"),
    f"{{kernel.org: 6.12.40, sha256: {SHA256}}}": KernelOrgSource(version="6.12.40", sha256=SHA256),
    f"{{git: /srv/linux.git, commit: {COMMIT}}}": GitSource(git="/srv/linux.git", commit=COMMIT),
    "{folder: linux}": FolderSource(folder="linux"),
}


@pytest.mark.parametrize("text", GOOD_SOURCES)
def test_every_form_of_a_kernel_source_is_read(rewrite: Callable[[dict[int, str]], None], text: str) -> None:
    rewrite({5: f"    source: {text}"})
    assert load([MANIFEST]).manifest.kernels["acme-6.12"].source == GOOD_SOURCES[text]


IMAGE = "flatcar.bin.bz2"
GOOD_TARGET_SOURCES = {
    "none": "none",
    "{debian: trixie}": DebianSource(debian="trixie"),
    f"{{official: {IMAGE}, sha256: {SHA256}}}": OfficialSource(official=IMAGE, sha256=SHA256),
    f"{{official: {IMAGE}, signature: {IMAGE}, keyring: {IMAGE}, level: provision}}": OfficialSource(
        official=IMAGE, signature=IMAGE, keyring=IMAGE
    ),
    f"{{release: 4593.2.5, keyring: {IMAGE}}}": ReleaseSource(release="4593.2.5", keyring=IMAGE),
}


@pytest.mark.parametrize("text", GOOD_TARGET_SOURCES)
def test_every_form_of_a_targets_source_is_read(rewrite: Callable[[dict[int, str]], None], text: str) -> None:
    rewrite({11: f"    source: {text}\n    ignition: box.bu"})
    target = load([MANIFEST]).manifest.targets["box"]
    assert isinstance(target, FlatcarTarget)
    assert target.source == GOOD_TARGET_SOURCES[text]


def test_a_source_is_replaced_on_the_command_line(rewrite: Callable[[dict[int, str]], None]) -> None:
    rewrite({11: "    source: {debian: trixie}\n    ignition: box.bu"})
    target = load([MANIFEST], ("targets.box.source=none",)).manifest.targets["box"]
    assert isinstance(target, FlatcarTarget)
    assert target.source == "none"
    assert target.base is None
    assert target.unused_keys == ("kernel", "packages", "tests")


@pytest.mark.parametrize(
    "word", ["quiet", "console=ttyS0,115200n8", "root=LABEL=ROOT", "a.b-c_d=[x]{y}~!#%&()*+;<=>?@^|:"]
)
def test_a_word_of_a_kernel_command_line_is_taken(rewrite: Callable[[dict[int, str]], None], word: str) -> None:
    rewrite({11: f"    source: none\n    ignition: box.bu\n    kernel_arguments: ['{word}']"})
    target = load([MANIFEST]).manifest.targets["box"]
    assert isinstance(target, FlatcarTarget)
    assert target.kernel_arguments == (word,)


@pytest.mark.parametrize("word", ["", "a b", 'a"b', "$x", "a\\b", "`x`", "grüß", "a\tb"])
def test_what_grub_would_read_otherwise_is_no_word_of_a_kernel_command_line(
    rewrite: Callable[[dict[int, str]], None], word: str
) -> None:
    rewrite({11: f"    source: none\n    ignition: box.bu\n    kernel_arguments: ['{word}']"})
    assert any("is not a word of a kernel command line" in line for line in problems())


def test_all_mistakes_of_a_file_are_reported_in_one_pass_and_in_order(
    rewrite: Callable[[dict[int, str]], None],
) -> None:
    rewrite(
        {
            1: "nam: acme",
            2: "version: 1.10",
            7: "    config: [bose.config]",
            12: "    kernel: acme-6.13\n    kernel: acme-6.12",
            13: "    packages: [helo]",
        }
    )
    assert [line for line in problems() if not line.startswith("  ")] == [
        "distro.yaml:1:1: unknown key `nam`",
        "distro.yaml:2:10: `version` must be a version, but YAML reads `1.10` as a number",
        "distro.yaml:7:14: `kernels.acme-6.12.config[0]`: there is no file `bose.config`",
        "distro.yaml:12:13: `targets.box.kernel`: there is no kernel `acme-6.13`",
        "distro.yaml:13:5: key `kernel` stands twice; the first one is in line 12",
        "distro.yaml:14:16: `targets.box.packages[0]`: there is no package `helo` (packages/helo/package.yaml)",
    ]


def test_a_value_that_is_wrong_in_itself_is_reported_once(rewrite: Callable[[dict[int, str]], None]) -> None:
    rewrite({12: "    kernel: Acme!"})
    assert problems() == ["distro.yaml:12:13: `targets.box.kernel`: `Acme!` is not a name", f"  hint: {NAME_SHAPE}"]


def test_paths_start_at_the_folder_of_the_first_file(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert load([project / MANIFEST]).root == project


def test_every_key_path_has_a_location(project: Path) -> None:
    loaded = load([MANIFEST])
    assert loaded.location("targets", "box", "base") == Location(MANIFEST, 11, 11)
    assert loaded.location("kernels", "acme-6.12", "config", 0) == Location(MANIFEST, 7, 14)
    assert loaded.location("targets", "box", "timezone") == Location(MANIFEST, 10, 3), "a default: the key above it"
    assert loaded.location("tools") == Location(MANIFEST, 1, 1)


def test_a_missing_manifest_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UnreadableManifest, match="there is no manifest") as caught:
        load([tmp_path / "distro.yaml"])
    assert caught.value.hint == f"`distrobuild init {tmp_path}` writes one"
    assert caught.value.exit_code == 2


def test_a_folder_in_place_of_a_manifest_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableManifest, match="cannot be read: Is a directory"):
        load([tmp_path])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "1:1: the file is empty"),
        (b"# only a comment\n", "1:1: the file is empty"),
        (b"- name\n", "1:1: a manifest is a mapping of keys, not a list"),
        (b"name: caf\xe9\n", "1:10: this byte is not UTF-8"),
        (b"name: acme\ntitle: \x07\n", "2:8: the character U+0007 is not allowed in YAML"),
        (b"name: a\n--- \nname: b\n", "2:1: not valid YAML: a second document begins here"),
        (b"name: *acme\n", "1:7: not valid YAML: found undefined alias 'acme'"),
        (b"[" * 1500, "1:1: lists and mappings are nested too deeply"),
    ],
)
def test_what_is_no_manifest_at_all_is_told(project: Path, content: bytes, message: str) -> None:
    MANIFEST.write_bytes(content)
    assert problems()[0] == f"distro.yaml:{message}"


def test_broken_yaml_in_one_file_does_not_hide_that_in_another(project: Path) -> None:
    MANIFEST.write_text("name: [\n")
    Path("over.yaml").write_text("title: @\n")
    lines = problems((MANIFEST, Path("over.yaml")))
    assert [line.partition(": ")[0] for line in lines] == ["distro.yaml:2:1", "over.yaml:1:8"]
