"""Lines of tmpfiles.d(5). tests/stages/test_usr.py has systemd-tmpfiles read them."""

from __future__ import annotations

from distrobuild.formats import tmpfiles


def test_a_folder_has_mode_and_owner() -> None:
    assert tmpfiles.folder("var/lib/chrony", 0o750, (104, 107)) == "d /var/lib/chrony 0750 104 107 -\n"


def test_a_link_has_its_target() -> None:
    assert tmpfiles.link("bin", "usr/bin") == "L /bin - - - - usr/bin\n"


def test_a_file_is_copied_from_where_the_image_has_it() -> None:
    line = tmpfiles.file_from("root/.profile", "/usr/share/factory/root/.profile", 0o600, (0, 0))
    assert line == "C /root/.profile 0600 0 0 - /usr/share/factory/root/.profile\n"


def test_blanks_quotes_and_specifiers_are_only_letters() -> None:
    assert tmpfiles.folder('a b"c%d', 0o755, (0, 0)) == 'd "/a b\\"c%%d" 0755 0 0 -\n'
    assert tmpfiles.link("x", "%t") == "L /x - - - - %%t\n"
