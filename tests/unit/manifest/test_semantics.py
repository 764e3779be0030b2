"""What only the whole project shows: names and files that must be there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from distrobuild.errors import InvalidInput
from distrobuild.manifest import semantics
from distrobuild.manifest.checks import box_tests, files, kernel_tests, packages, sources, targets
from distrobuild.manifest.loader import load
from distrobuild.manifest.models import FolderSource

Rewrite = Callable[[dict[int, str]], None]
MANIFEST = Path("distro.yaml")

BOX = "    source: {debian: trixie}\n    containers: {web: "
"""A target with a container, whose keys follow in braces."""

BAD_LINES = {
    "kernel": (12, "    kernel: acme-6.11", "12:13: `targets.box.kernel`: there is no kernel `acme-6.11`",
        "did you mean `acme-6.12`?"),
    "flavour": (12, "    kernel: acme-6.12\n    flavour: sever",
        "13:14: `targets.box.flavour`: kernel `acme-6.12` has no flavour `sever`", "did you mean `server`?"),
    "flavour that is only the default": (8, "    flavours: {vm: {}}",
        "12:13: `targets.box.flavour`: kernel `acme-6.12` has no flavour `server`", "the flavours there are: `vm`"),
    "flavour of a kernel without any": (8, "\n", None, None),
    "flavour of a kernel's test": (8, "    tests: {a: {flavour: vmm}}",
        "8:26: `kernels.acme-6.12.tests.a.flavour`: kernel `acme-6.12` has no flavour `vmm`",
        "the flavours there are: `server`"),
    "program of a kernel's test": (8, "    tests: {a: {program: kernel/a.c}}",
        "8:26: `kernels.acme-6.12.tests.a.program`: there is no file `kernel/a.c`", None),
    "selftest beside a program": (8, "    tests: {a: {program: base.config, selftest: a_b}}",
        "8:49: `kernels.acme-6.12.tests.a.selftest`: there is a `program` beside it", "make two tests of it"),
    "counted time of two processors": (8, "    tests: {a: {counted: true, cpus: 2}}",
        "8:38: time that is counted in instructions takes one processor", "leave `cpus` out, or `counted`"),
    "flavour of contents": (14, "    tests: {path: checks}\n    flavours: {vmm: {}}",
        "15:16: `targets.box.flavours`: kernel `acme-6.12` has no flavour `vmm`", "did you mean `vm`?"),
    "patches": (6, "    patches: patch", "6:14: `kernels.acme-6.12.patches`: there is no folder `patch`",
        "did you mean `patches`?"),
    "patches that are a file": (6, "    patches: base.config",
        "6:14: `kernels.acme-6.12.patches`: there is no folder `base.config`", "it exists, but is no folder"),
    "patches without a series": (6, "    patches: checks",
        "6:14: `kernels.acme-6.12.patches`: there is no file `series` in `checks`",
        "it lists the patches, one in a line, in the order in which they are applied"),
    "fragment of a kernel": (7, "    config: [base.config, bass.config]",
        "7:27: `kernels.acme-6.12.config[1]`: there is no file `bass.config`", "did you mean `base.config`?"),
    "fragment of a flavour": (8, "    flavours: {server: {config: [x/y.config]}}",
        "8:34: `kernels.acme-6.12.flavours.server.config[0]`: there is no file `x/y.config`", None),
    "path out of the project": (7, "    config: [../base.config]",
        "7:14: `kernels.acme-6.12.config[0]`: `../base.config` leads out of the folder of the manifest",
        "what a build depends on stands inside it"),
    "kernel folder": (5, "    source: {folder: linus}",
        "5:22: `kernels.acme-6.12.source.folder`: there is no folder `linus`", "did you mean `linux`?"),
    "kernel folder that is no kernel": (5, "    source: {folder: checks}",
        "5:22: `kernels.acme-6.12.source.folder`: `checks` is no kernel tree", "there is no file `Kconfig` in it"),
    "overlay": (14, "    tests: {path: checks}\n    overlay: over", "15:14: `targets.box.overlay`: there is no folder "
        "`over`", None),
    "tests": (14, "    tests: {path: check}", "14:19: `targets.box.tests.path`: there is no folder `check`",
        "did you mean `checks`?"),
    "tests of a flavour": (14, "    flavours: {vm: {tests: {path: check}}}",
        "14:35: `targets.box.flavours.vm.tests.path`: there is no folder `check`", "did you mean `checks`?"),
    "tests that are none": (14, "    tests: {path: patches}",
        "14:19: `targets.box.tests.path`: there is no `test_*.py` in `patches`",
        "a target without a test would count as proven"),
    "one of the folders of tests": (14, "    tests: {path: [checks, check]}",
        "14:28: `targets.box.tests.path[1]`: there is no folder `check`", "did you mean `checks`?"),
    "one of the folders of tests that are none": (14, "    flavours: {vm: {tests: {path: [patches, checks]}}}",
        "14:36: `targets.box.flavours.vm.tests.path[0]`: there is no `test_*.py` in `patches`",
        "a target without a test would count as proven"),
    "folder of tests that stands twice": (14, "    tests: {path: [checks, checks/]}",
        "14:28: `targets.box.tests.path[1]`: `checks/` stands twice; the first one is in line 14", None),
    "folder of tests inside of another": (14, "    tests: {path: [checks/node, checks]}",
        "14:33: `targets.box.tests.path[1]`: `checks/node` lies in `checks`, whose tests are those of all folders in "
        "it", "name folders that lie beside each other"),
    "folder of tests with a file of the same name": (14, "    tests: {path: [checks, site]}",
        "14:28: `targets.box.tests.path[1]`: `machine.py` and `test_box.py` stand in `checks` as well",
        "give one of them another name; only `conftest.py` is about its own folder"),
    "folders of tests that go together": (14, "    tests: {path: [checks, node]}", None, None),
    "package": (13, "    packages: [hello, helo]",
        "13:23: `targets.box.packages[1]`: there is no package `helo` (packages/helo/package.yaml)",
        "did you mean `hello`?"),
    "package of a flavour": (14, "    flavours: {vm: {packages: [other]}}",
        "14:32: `targets.box.flavours.vm.packages[0]`: there is no package `other` (packages/other/package.yaml)",
        "the packages there are: `hello`"),
    "package that stands twice": (13, "    packages: [hello, hello]",
        "13:23: `targets.box.packages[1]`: `hello` stands twice; the first one is in line 13", None),
    "user that stands twice": (14, "    tests: {path: checks}\n    users: [{name: ada}, {name: ada}]",
        "15:33: `targets.box.users[1].name`: `ada` stands twice; the first one is in line 15", None),
    "suite of the other distribution": (11, "    base: {distribution: ubuntu, suite: trixie}",
        "11:41: `targets.box.base.suite`: `trixie` is a suite of debian, not of ubuntu",
        "did you mean `debian:trixie`?"),
    "time zone": (14, "    tests: {path: checks}\n    timezone: Europe/Berlni",
        "15:15: `targets.box.timezone`: there is no time zone `Europe/Berlni`", "did you mean `Europe/Berlin`?"),
    "signature without keys": (5, f"    source: {{kernel.org: 6.12.40, sha256: {'a' * 64}, signature: base.config}}",
        "5:120: `kernels.acme-6.12.source.signature`: there is no `keyring` beside it",
        "a signature is checked against keys"),
    "target that makes nothing": (11, "    source: none", "11:13: `targets.box` would make nothing",
        "write `sysext`, `ignition` or both"),
    "image that would stay as it is": (11, f"    source: {{official: flatcar.bin.bz2, sha256: {'a' * 64}}}",
        "11:24: `targets.box` would leave the image as it is", "write `ignition`, `kernel_arguments` or both"),
    "image that nobody vouches for": (11, "    source: {official: flatcar.bin.bz2}\n    ignition: box.bu",
        "11:24: `targets.box.source.official`: nothing says that `flatcar.bin.bz2` is what Flatcar released",
        "write its `sha256`, or `signature` and `keyring`"),
    "image": (11, f"    source: {{official: flatcar.bin, sha256: {'a' * 64}}}\n    ignition: box.bu",
        "11:24: `targets.box.source.official`: there is no file `flatcar.bin`", "did you mean `flatcar.bin.bz2`?"),
    "signature of an image without keys": (
        11, "    source: {official: flatcar.bin.bz2, signature: box.bu}\n    ignition: box.bu",
        "11:52: `targets.box.source.signature`: there is no `keyring` beside it",
        "a signature is checked against keys"),
    "keys of an image": (
        11, "    source: {official: flatcar.bin.bz2, signature: box.bu, keyring: key.asc}\n    ignition: box.bu",
        "11:69: `targets.box.source.keyring`: there is no file `key.asc`", None),
    "keys of a release": (11, "    source: {release: 4593.2.5, keyring: key.asc}\n    ignition: box.bu",
        "11:42: `targets.box.source.keyring`: there is no file `key.asc`", None),
    "release that would stay as it is": (11, "    source: {release: 4593.2.5, keyring: flatcar.bin.bz2}",
        "11:23: `targets.box` would leave the image as it is", "write `ignition`, `kernel_arguments` or both"),
    "container without a program": (11, f"{BOX}{{install: [python3], entrypoint: []}}}}",
        "12:23: `targets.box.containers.web` runs no program", "name one as `entrypoint`, by its absolute path"),
    "program without its folder": (11, f"{BOX}{{entrypoint: [python3]}}}}",
        "12:37: `targets.box.containers.web.entrypoint[0]`: `python3` is not an absolute path",
        "the first word is a program, such as `/bin/sh`"),
    "arguments that go to an entrypoint": (11, f"{BOX}{{entrypoint: [/bin/sh], command: [script]}}}}", None, None),
    "package of a container": (11, f"{BOX}{{packages: [helo], command: [/bin/sh]}}}}",
        "12:35: `targets.box.containers.web.packages[0]`: there is no package `helo` (packages/helo/package.yaml)",
        "did you mean `hello`?"),
    "port that stands twice": (11, f"{BOX}{{command: [/bin/sh], ports: [80/tcp, 80/tcp]}}}}",
        "12:60: `targets.box.containers.web.ports[1]`: `80/tcp` stands twice; the first one is in line 12", None),
    "port that no machine has": (11, f"{BOX}{{command: [/bin/sh], ports: [65536/tcp]}}}}",
        "12:52: `targets.box.containers.web.ports[0]`: `65536/tcp` is not a port",
        "a number up to 65535 and a protocol, such as `8080/tcp`"),
    "signing key": (14, "    tests: {path: checks}\nsigning: {key: release.key}",
        "15:16: `signing.key`: there is no file `release.key`", None),
}  # fmt: skip


def messages() -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        load([MANIFEST])
    return str(caught.value).splitlines()


@pytest.mark.parametrize(("line", "text", "message", "hint"), BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_name_or_file_that_is_not_there_is_told_at_the_value(
    rewrite: Rewrite, line: int, text: str, message: str | None, hint: str | None
) -> None:
    rewrite({line: text})
    if message is None:
        load([MANIFEST])
        return
    assert messages() == [f"distro.yaml:{message}"] + ([f"  hint: {hint}"] if hint else [])


def test_a_name_too_long_for_a_partition_is_told_at_the_version(rewrite: Rewrite) -> None:
    version, layout = "1.0.0-rc.1+20261121.git12345", "    source: {debian: trixie}\n    layout: systemd"
    rewrite({2: f'version: "{version}"', 11: layout})
    assert messages() == [
        f"distro.yaml:2:10: `version`: the partition `acme_{version}_verity` would have 4 characters too many for its"
        " name",
        "  hint: `targets.box.layout: systemd` names partitions for `name` and `version`",
    ]
    rewrite({2: 'version: "1.0"', 11: layout})
    load([MANIFEST])


def test_a_target_that_is_made_of_packages_needs_a_kernel(rewrite: Rewrite) -> None:
    rewrite({11: "    source: {debian: trixie}", 12: ""})
    assert messages() == [
        "distro.yaml:10:3: `targets.box.kernel` is missing",
        "  hint: it names which of `kernels` boots",
    ]


@pytest.mark.parametrize(
    "image", [f"official: flatcar.bin.bz2, sha256: {'a' * 64}", "release: 4593.2.5, keyring: flatcar.bin.bz2"]
)
def test_a_release_that_gets_a_kernel_needs_one_and_nothing_else(rewrite: Rewrite, image: str) -> None:
    rewrite({11: f"    source: {{{image}, level: kernel}}", 12: ""})
    assert messages() == [
        "distro.yaml:10:3: `targets.box.kernel` is missing",
        "  hint: it names which of `kernels` boots",
    ]
    rewrite({11: f"    source: {{{image}, level: kernel}}", 12: "    kernel: acme-6.12"})
    load([MANIFEST])


def test_a_patch_that_the_series_names_must_exist(project: Path) -> None:
    (project / "patches" / "series").write_text("# first\n0001-first.patch -p1  # strip\n\n0002-second.patch\n")
    assert messages() == [
        "patches/series:4:1: there is no patch `0002-second.patch`",
        "  hint: did you mean `0001-first.patch`?",
    ]


def test_a_mistake_in_a_packages_description_is_reported_with_the_manifests(project: Path) -> None:
    description = project / "packages" / "hello" / "package.yaml"
    description.write_text(description.read_text().replace("name: hello", "name: hallo"))
    assert any("packages/hello/package.yaml" in line and "hallo" in line for line in messages())


def test_every_package_must_be_able_to_be_an_ebuild_where_ebuilds_are_made(project: Path, rewrite: Rewrite) -> None:
    description = project / "packages" / "beside" / "package.yaml"
    description.parent.mkdir()
    text = (project / "packages" / "hello" / "package.yaml").read_text().replace("name: hello", "name: beside")
    description.write_text(f"{text}depends: [hello, chrony]\n")
    target = "    source: {debian: trixie}"
    rewrite({11: target})
    load([MANIFEST])
    rewrite({11: f"{target}\n    ebuilds: true"})
    assert messages() == [
        "packages/beside/package.yaml:4:18: `chrony` has no name in Gentoo",
        "  hint: write `{gentoo: category/name, otherwise: chrony}`, or `gentoo:` for nothing",
    ]


def test_a_kernel_folder_may_stand_outside_the_project(
    rewrite: Rewrite, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tree = tmp_path_factory.mktemp("linux")
    (tree / "Kconfig").touch()
    rewrite({5: f"    source: {{folder: {tree}}}"})
    assert load([MANIFEST]).manifest.kernels["acme-6.12"].source == FolderSource(folder=str(tree))


def test_every_check_is_registered() -> None:
    takes_a_project = {
        name
        for module in (box_tests, files, kernel_tests, packages, sources, targets)
        for name, value in vars(module).items()
        if getattr(value, "__annotations__", {}) == {"project": "Project", "return": "Iterator[Problem]"}
    }
    assert len(takes_a_project) > 10
    assert {function.__name__ for function in semantics.CHECKS} == takes_a_project
