"""The user database of a root file system (passwd(5), shadow(5), group(5), subuid(5)): add a person to its files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from distrobuild.errors import DistrobuildError

FIRST_ID = 1000
LAST_ID = 60000
"""Ids of people (FIRST_UID and LAST_UID of adduser.conf(5))."""
FIRST_SUBORDINATE_ID = 100000
SUBORDINATE_IDS = 65536
"""Ids below a person for their containers (login.defs(5): SUB_UID_MIN, SUB_UID_COUNT)."""
SECONDS_PER_DAY = 86400
ADMINISTRATORS = "sudo"
"""The group, program and package by which people become root."""
NO_PASSWORD = "!"
"""Matches no password at all; logging in by key stays possible."""


class UnknownGroup(DistrobuildError):
    """A user is to be in a group that the image does not have."""


class UserExists(DistrobuildError):
    """The image already has a user or a group of this name."""


@dataclass(frozen=True)
class Person:
    """A new user: login name, supplementary groups, login shell."""

    name: str
    groups: tuple[str, ...]
    shell: str


@dataclass(frozen=True)
class Accounts:
    """The lines of /etc/passwd, shadow, group, gshadow, subuid and subgid."""

    passwd: tuple[str, ...]
    shadow: tuple[str, ...]
    group: tuple[str, ...]
    gshadow: tuple[str, ...]
    subuid: tuple[str, ...] = ()
    subgid: tuple[str, ...] = ()

    @staticmethod
    def parse(files: Mapping[str, str]) -> Accounts:
        """From the texts of the files by name; a name that is missing is an empty file."""
        return Accounts(**{name: tuple(files.get(name, "").splitlines()) for name in Accounts.__dataclass_fields__})

    def texts(self) -> dict[str, str]:
        """The texts of the files by name."""
        lines: dict[str, tuple[str, ...]] = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: "".join(f"{line}\n" for line in part) for name, part in lines.items()}

    def with_person(self, person: Person, epoch: int) -> tuple[Accounts, int]:
        """These accounts and a person with a locked password and a group of their own; and their id (uid and gid).

        `epoch` (seconds since 1970) is the day that the password counts as set on. Raises `UnknownGroup`,
        `UserExists`.
        """
        groups = _names(self.group)
        if person.name in {*_names(self.passwd), *groups}:
            raise UserExists(f"the image already has a user or group `{person.name}`", hint="choose another name")
        if unknown := [name for name in person.groups if name not in groups]:
            raise UnknownGroup(
                f"user `{person.name}`: the image has no group {', '.join(f'`{name}`' for name in unknown)}",
                hint=f"groups there are: {', '.join(sorted(groups))}",
            )
        used = {int(line.split(":")[2]) for line in (*self.passwd, *self.group) if line.count(":") >= 2}
        number = next(number for number in range(FIRST_ID, LAST_ID) if number not in used)
        name = person.name
        return replace(
            self,
            passwd=(*self.passwd, f"{name}:x:{number}:{number}::/home/{name}:{person.shell}"),
            shadow=(*self.shadow, f"{name}:{NO_PASSWORD}:{epoch // SECONDS_PER_DAY}:0:99999:7:::"),
            group=(*_joined(self.group, person), f"{name}:x:{number}:"),
            gshadow=(*_joined(self.gshadow, person), f"{name}:!::"),
            subuid=(*self.subuid, _subordinate(self.subuid, name)),
            subgid=(*self.subgid, _subordinate(self.subgid, name)),
        ), number


def _names(lines: Iterable[str]) -> set[str]:
    return {line.partition(":")[0] for line in lines}


def _joined(lines: Iterable[str], person: Person) -> tuple[str, ...]:
    """The lines of group or gshadow (members are the last field of both) with the person in their groups."""
    return tuple(_with_member(line, person.name) if line.partition(":")[0] in person.groups else line for line in lines)


def _with_member(line: str, name: str) -> str:
    head, colon, members = line.rpartition(":")
    return head + colon + ",".join([*filter(None, members.split(",")), name])


def _subordinate(lines: Iterable[str], name: str) -> str:
    ends = [int(start) + int(count) for _, start, count in (line.split(":") for line in lines)]
    return f"{name}:{max([FIRST_SUBORDINATE_ID, *ends])}:{SUBORDINATE_IDS}"
