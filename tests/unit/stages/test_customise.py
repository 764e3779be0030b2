"""The layer that makes an installed root this image. The stage starts no program, so it runs here as it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from distrobuild.errors import DistrobuildError
from distrobuild.formats.root_tar import RootTar, TarWriter
from distrobuild.sandbox.sandbox import Sandbox
from distrobuild.stages.customise import (
    CustomiseOptions,
    CustomiseStage,
    OverlayConflict,
    SourceOptions,
    UnknownShell,
    UnknownTimezone,
    UserOptions,
)
from distrobuild.stages.stage import Job

EPOCH = 1767225600
Customise = Callable[..., RootTar]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root file system with what the stage looks at."""
    folder = tmp_path / "rootfs"
    folder.mkdir()
    with TarWriter(folder / "rootfs.tar", EPOCH) as tar:
        tar.folder(".")
        tar.folder("root", 0o700)
        tar.folder("var/mail", 0o2775, (0, 8))
        tar.folder("usr/bin")
        tar.link("bin", "usr/bin")
        tar.link("lib", "usr/lib")
        tar.file("usr/bin/bash", b"", 0o755)
        tar.file("usr/bin/su", b"", 0o4755)
        tar.file("usr/share/zoneinfo/Europe/Berlin", b"")
        tar.file("usr/share/zoneinfo/UTC", b"")
        tar.file("etc/passwd", b"root:x:0:0:root:/root:/bin/bash\n")
        tar.file("etc/shadow", b"root:*:20000:0:99999:7:::\n", 0o640, (0, 42))
        tar.file("etc/group", b"root:x:0:\nsudo:x:27:\nrender:x:992:\n")
        tar.file("etc/gshadow", b"root:*::\nsudo:*::\nrender:!::\n", 0o640, (0, 42))
        tar.file("etc/skel/.bashrc", b"# hello\n")
        tar.folder("etc/skel")
    return folder


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The layer of the project's own packages."""
    folder = tmp_path / "install"
    folder.mkdir()
    with TarWriter(folder / "layer.tar", EPOCH) as tar:
        tar.folder(".")
        tar.file("etc/skel/.profile", b"# ours\n")
    return folder


@pytest.fixture
def customise(root: Path, installed: Path, tmp_path: Path) -> Customise:
    """Run the stage with an overlay of these files, and open its layer."""

    def run(overlay: dict[str, str] | None = None, **options: object) -> RootTar:
        inputs = {"rootfs": root, "install": installed}
        if overlay is not None:
            inputs["overlay"] = tmp_path / "overlay"
            for path, text in overlay.items():
                place = inputs["overlay"] / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text)
                place.chmod(0o755 if text.startswith("#!") else 0o644)
        output = tmp_path / "output"
        output.mkdir(exist_ok=True)
        sandbox = Sandbox(root=None, inputs=inputs, work=tmp_path, output=output, epoch=EPOCH)
        job = Job(inputs, tmp_path, output, sandbox, print, EPOCH, 1, tmp_path)
        CustomiseStage(CustomiseOptions.model_validate({"hostname": "box", **options})).run(job)
        return RootTar(output / "layer.tar")

    return run


def mode(layer: RootTar, path: str) -> tuple[int, int, int]:
    member = layer.lookup(path)
    assert member is not None, path
    return member.mode, member.uid, member.gid


def test_the_image_knows_its_name_place_and_language(customise: Customise) -> None:
    layer = customise(locale="de_DE.UTF-8", timezone="Europe/Berlin")
    assert layer.read("etc/hostname") == b"box\n"
    assert b"127.0.1.1\tbox\n" in layer.read("etc/hosts")
    assert layer.read("etc/locale.conf") == b"LANG=de_DE.UTF-8\n"
    localtime = layer.lookup("etc/localtime")
    assert localtime is not None
    assert localtime.linkname == "/usr/share/zoneinfo/Europe/Berlin"


def test_a_user_logs_in_by_key_only(customise: Customise) -> None:
    user = UserOptions(name="ada", groups=("render",), ssh_keys=("ssh-ed25519 AAAA ada",))
    layer = customise(users=(user,))
    assert "ada:!:" in layer.read("etc/shadow").decode()
    assert layer.read("home/ada/.ssh/authorized_keys") == b"ssh-ed25519 AAAA ada\n"
    assert layer.read("home/ada/.bashrc") == b"# hello\n"
    assert layer.read("home/ada/.profile") == b"# ours\n"
    assert mode(layer, "home/ada") == mode(layer, "home/ada/.ssh") == (0o700, 1000, 1000)
    assert mode(layer, "home/ada/.ssh/authorized_keys") == (0o600, 1000, 1000)


def test_who_is_in_sudo_becomes_root_without_the_password_that_nobody_has(customise: Customise) -> None:
    layer = customise(users=(UserOptions(name="ada", groups=("sudo",)),))
    assert b"%sudo ALL=(ALL:ALL) NOPASSWD: ALL\n" in layer.read("etc/sudoers.d/50-no-password")
    assert mode(layer, "etc/sudoers.d/50-no-password") == (0o440, 0, 0)
    assert customise(users=(UserOptions(name="bob"),)).lookup("etc/sudoers.d/50-no-password") is None


def test_without_users_the_accounts_stay_the_packages_own(customise: Customise) -> None:
    assert customise().lookup("etc/passwd") is None


def test_password_hashes_stay_unreadable(customise: Customise) -> None:
    assert mode(customise(users=(UserOptions(name="ada"),)), "etc/shadow") == (0o640, 0, 42)


def test_an_overlay_file_under_a_linked_folder_goes_where_the_link_leads(customise: Customise) -> None:
    layer = customise({"lib/x.conf": "1", "bin/tool": "#!/bin/sh\n"})
    assert layer.read("usr/lib/x.conf") == b"1"
    assert mode(layer, "usr/bin/tool")[0] == 0o755
    assert layer.lookup("lib") is None, "a folder here would hide the link and with it the whole system"


def test_folders_of_the_image_keep_owner_and_mode(customise: Customise) -> None:
    layer = customise({"root/.profile": "x", "var/mail/ada": "x", "srv/new": "x"})
    assert mode(layer, "root") == (0o700, 0, 0)
    assert mode(layer, "var/mail") == (0o2775, 0, 8)
    assert mode(layer, "srv") == (0o755, 0, 0)


def test_a_replaced_file_keeps_who_may_read_it_but_no_set_user_id(customise: Customise) -> None:
    layer = customise({"etc/shadow": "root:*:::::::\n", "bin/su": "#!/bin/sh\n"})
    assert mode(layer, "etc/shadow") == (0o640, 0, 42)
    assert mode(layer, "usr/bin/su") == (0o755, 0, 0)


@pytest.mark.parametrize("overlay", [{"usr/bin": "a file"}, {"etc/passwd/x": "below a file"}])
def test_a_file_is_never_put_over_a_folder_or_a_folder_over_a_file(
    customise: Customise, overlay: dict[str, str]
) -> None:
    with pytest.raises(OverlayConflict):
        customise(overlay)


@pytest.mark.parametrize(
    ("options", "error", "named"),
    [
        ({"timezone": "Europe/Atlantis"}, UnknownTimezone, "Europe/Atlantis"),
        ({"users": (UserOptions(name="ada", shell="/bin/zsh"),)}, UnknownShell, "/bin/zsh"),
    ],
)
def test_what_the_image_lacks_is_named(
    customise: Customise, options: dict[str, object], error: type[DistrobuildError], named: str
) -> None:
    with pytest.raises(error, match=named):
        customise(**options)


def test_updates_come_from_the_named_sources_only_with_their_keyring(customise: Customise) -> None:
    source = {"suites": ("trixie", "trixie-updates"), "components": ("main",), "keyring": "/usr/share/keyrings/k.gpg"}
    layer = customise(sources=tuple(SourceOptions(uri=uri, **source) for uri in ("file:///a", "file:///b")))
    text = layer.read("etc/apt/sources.list.d/base.sources").decode()
    paragraphs = [part for part in text.split("\n\n") if "Types: deb" in part]
    assert len(paragraphs) == 2
    assert all("Signed-By: /usr/share/keyrings/k.gpg" in part for part in paragraphs)
    assert "Suites: trixie trixie-updates\nComponents: main\n" in paragraphs[1]


def test_only_a_build_for_debugging_logs_in_by_itself(customise: Customise) -> None:
    place = "etc/systemd/system/serial-getty@ttyS0.service.d/50-autologin.conf"
    assert customise().lookup(place) is None
    assert b"--autologin root" in customise(dev=True).read(place)


def test_the_same_layer_comes_out_whatever_the_order_and_times_of_files(customise: Customise, tmp_path: Path) -> None:
    files = {"b": "1", "a/x": "2"}
    first = customise(files)
    before = (tmp_path / "output/layer.tar").read_bytes()
    for path in (tmp_path / "overlay").rglob("*"):
        os.utime(path, (1, 1))
    customise(dict(reversed(files.items())))
    assert (tmp_path / "output/layer.tar").read_bytes() == before
    assert first.read("a/x") == b"2"
