"""The image's files: nothing dangles, nobody becomes root by accident, nobody writes where all read."""

from __future__ import annotations

from testinfra.host import Host

PRIVILEGED = {
    "/usr/bin/chage",
    "/usr/bin/chfn",
    "/usr/bin/chsh",
    "/usr/bin/expiry",
    "/usr/bin/gpasswd",
    "/usr/bin/mount",
    "/usr/bin/newgrp",
    "/usr/bin/passwd",
    "/usr/bin/ssh-agent",
    "/usr/bin/su",
    "/usr/bin/umount",
    "/usr/lib/dbus-1.0/dbus-daemon-launch-helper",
    "/usr/lib/openssh/ssh-keysign",
    "/usr/sbin/unix_chkpwd",
}
"""Programs that may run with more rights than whoever starts them."""


def found(host: Host, expression: str) -> set[str]:
    """Paths of the machine's own file systems for which `expression` of find(1) holds."""
    return set(host.check_output(f"find / /usr /oem -xdev {expression}").splitlines())


def test_no_link_of_the_image_leads_nowhere(host: Host) -> None:
    # The factory's files stand elsewhere on a machine; of the documentation only the copyrights are there.
    elsewhere = "-not -path '/usr/share/factory/*' -not -path '/usr/share/doc/*'"
    assert host.check_output(f"find /usr -xdev -xtype l {elsewhere}") == ""


def test_only_known_programs_give_more_rights(host: Host) -> None:
    assert found(host, "-type f -perm /6000") <= PRIVILEGED


def test_no_file_can_be_written_by_everybody(host: Host) -> None:
    assert found(host, "-type f -perm -0002") == set()


def test_in_folders_that_everybody_writes_to_files_belong_to_their_owner(host: Host) -> None:
    assert found(host, "-type d -perm -0002 -not -perm -1000") == set()


def test_every_file_has_an_owner(host: Host) -> None:
    assert found(host, "( -nouser -o -nogroup )".replace("(", r"\(").replace(")", r"\)")) == set()


def test_no_name_of_the_image_means_something_to_a_shell_or_a_terminal(host: Host) -> None:
    assert host.check_output("""find /usr -xdev -name "*[[:cntrl:]*?<>|\\"'\\`]*" """) == ""
