"""Adding a person to the user database of an image."""

from __future__ import annotations

import pytest

from distrobuild.formats.accounts import Accounts, Person, UnknownGroup, UserExists

EPOCH = 86400 * 100
FILES = {
    "passwd": "root:x:0:0:root:/root:/bin/bash\n",
    "shadow": "root:*:20000:0:99999:7:::\n",
    "group": "root:x:0:\nsudo:x:27:\nrender:x:992:bob\n",
    "gshadow": "root:*::\nsudo:*::\nrender:!::bob\n",
}


def added(*people: Person) -> dict[str, str]:
    accounts = Accounts.parse(FILES)
    for person in people:
        accounts, _ = accounts.with_person(person, EPOCH)
    return accounts.texts()


def test_a_person_has_an_id_a_group_and_a_home() -> None:
    texts = added(Person("ada", (), "/bin/bash"))
    assert texts["passwd"].splitlines()[-1] == "ada:x:1000:1000::/home/ada:/bin/bash"
    assert texts["group"].splitlines()[-1] == "ada:x:1000:"


def test_no_password_fits() -> None:
    assert added(Person("ada", (), "/bin/sh"))["shadow"].splitlines()[-1] == "ada:!:100:0:99999:7:::"


def test_a_person_joins_groups_beside_their_members() -> None:
    texts = added(Person("ada", ("sudo", "render"), "/bin/sh"))
    assert "sudo:x:27:ada" in texts["group"].splitlines()
    assert "render:x:992:bob,ada" in texts["group"].splitlines()
    assert "render:!::bob,ada" in texts["gshadow"].splitlines()
    assert "root:x:0:" in texts["group"].splitlines()


def test_two_people_share_no_id() -> None:
    texts = added(Person("ada", (), "/bin/sh"), Person("bob", (), "/bin/sh"))
    assert [line.split(":")[2] for line in texts["passwd"].splitlines()] == ["0", "1000", "1001"]
    assert texts["subuid"] == texts["subgid"] == "ada:100000:65536\nbob:165536:65536\n"


def test_an_id_of_a_group_is_taken_too() -> None:
    accounts = Accounts.parse(FILES | {"group": "root:x:0:\nmodels:x:1000:\n"})
    assert accounts.with_person(Person("ada", (), "/bin/sh"), EPOCH)[1] == 1001


def test_an_unknown_group_is_named_with_those_that_exist() -> None:
    with pytest.raises(UnknownGroup, match="`wheel`") as error:
        added(Person("ada", ("wheel",), "/bin/sh"))
    assert "sudo" in str(error.value)


@pytest.mark.parametrize("name", ["root", "sudo"])
def test_a_name_that_is_taken_is_an_error(name: str) -> None:
    with pytest.raises(UserExists, match=name):
        added(Person(name, (), "/bin/sh"))
