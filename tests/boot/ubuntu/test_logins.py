"""Nobody gets in without a key."""

from __future__ import annotations

import pytest
from testinfra.host import Host


def test_no_account_has_a_password(host: Host) -> None:
    entries = [line.split(":") for line in host.file("/etc/shadow").content_string.splitlines()]
    assert entries
    # `!` and `*` match no password; an empty field would match the empty one (shadow(5)).
    assert [name for name, password, *_ in entries if not password.startswith(("!", "*"))] == []


@pytest.mark.parametrize(
    "setting", ["passwordauthentication no", "kbdinteractiveauthentication no", "permitemptypasswords no"]
)
def test_ssh_takes_no_passwords(ssh_settings: list[str], setting: str) -> None:
    assert setting in ssh_settings


def test_root_logs_in_by_key_only(ssh_settings: list[str]) -> None:
    allowed = {"permitrootlogin without-password", "permitrootlogin prohibit-password", "permitrootlogin no"}
    assert allowed & set(ssh_settings)


def test_the_only_key_of_root_is_the_one_of_this_boot(host: Host) -> None:
    keys = host.file("/root/.ssh/authorized_keys").content_string.splitlines()
    assert [key.split()[-1] for key in keys] == ["distrobuild"]


@pytest.mark.parametrize("unit", ["getty@tty1.service", "serial-getty@ttyS0.service"])
def test_no_console_logs_in_by_itself(host: Host, unit: str) -> None:
    command = host.check_output(f"systemctl show --property ExecStart {unit}")
    assert "agetty" in command
    assert "autologin" not in command


@pytest.fixture(scope="module")
def ssh_settings(host: Host) -> list[str]:
    """What the ssh server makes of its configuration."""
    return host.check_output("/usr/sbin/sshd -T").splitlines()
