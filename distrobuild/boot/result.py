"""What came of booting an image and testing it; result.json beside the console log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:  # a report is read without what talks to a guest
    from distrobuild.boot.guest import Guest


FILE = "result.json"


class Record(BaseModel):
    """Base of what is written to result.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BootFigures(Record):
    """How the boot went: times in seconds since QEMU was started."""

    accelerator: str
    reason: str
    firmware: str
    medium: str
    memory_mib: int
    cpus: int
    state: str
    """What `systemctl is-system-running` said at the end of the boot."""
    seconds_to_running: float
    milestones: dict[str, float]
    """Seconds to each sign of progress on the console."""
    retries: int = 0
    """How often the machine was started anew because the emulator had lost a processor's timer."""

    @classmethod
    def of(cls, guest: Guest) -> Self:
        """The figures of a guest that has booted."""
        assert guest.seconds_to_running is not None
        assert guest.state is not None
        return cls(
            accelerator=guest.accelerator.kind,
            reason=guest.accelerator.reason,
            firmware=guest.options.firmware,
            medium=guest.options.medium,
            memory_mib=guest.options.memory_mib,
            cpus=guest.options.cpus,
            state=guest.state,
            seconds_to_running=round(guest.seconds_to_running, 2),
            milestones={milestone.name.lower(): round(at, 2) for milestone, at in guest.milestones.items()},
            retries=guest.retries,
        )


class Failure(Record):
    """Why there was no guest to test: the error's class, its message and hint."""

    kind: str
    message: str
    hint: str | None


class Result(Record):
    """The outcome of a run of box tests. `failed` and `skipped` map a test's id to why."""

    boot: BootFigures | None
    error: Failure | None
    passed: int
    skipped: dict[str, str]
    failed: dict[str, str]
