"""What a stage is: typed options, declared inputs, declared outputs, one `run`.

A stage lives in one file of this package. It never imports another stage; the plan connects them by
their inputs. Its programs run in the sandbox, where they see

    /inputs/NAME   every declared input, read-only
    /work          an empty folder, thrown away afterwards
    /out           the output folder, which appears in the store whole or not at all

The Python of `run` itself stays outside the sandbox, and may touch `job.inputs`, `job.work` and
`job.output` on the host, nothing else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from distrobuild.sandbox.sandbox import Sandbox


class Options(BaseModel):
    """Base of every stage's options: frozen, strict, and part of the stage's key."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Job:
    """What a stage gets to run once: where its inputs are, where its output goes, and the sandbox.

    `inputs` maps an input's name to its folder (or file) on the host; `epoch` is the fixed clock in
    seconds since 1970; `cpus` is how many processors a compiler may use; `log` writes one line to the
    stage's log; `cache` is a folder that survives builds and must never change a result (ccache).
    """

    inputs: Mapping[str, Path]
    work: Path
    output: Path
    sandbox: Sandbox
    log: Callable[[str], None]
    epoch: int
    cpus: int
    cache: Path


OptionsType = TypeVar("OptionsType", bound=Options)


class Stage(ABC, Generic[OptionsType]):
    """One step of a build. Subclasses set the class variables and write `run`."""

    kind: ClassVar[str]
    """Short name in the field's words (`kernel`, `rootfs`, `iso`); names of stages begin with it."""

    inputs: ClassVar[Mapping[str, str]] = {}
    """Name of each input and what it holds; `debs/*` stands for any number of inputs under `debs/`."""

    outputs: Mapping[str, str] = {}
    """Path below the output folder and what it is; each must exist after `run`. Where the options name it, `__init__`
    sets it."""

    exclusive: ClassVar[bool] = False
    """True for stages that must have the machine to themselves (a boot measures time)."""

    uses_network: ClassVar[bool] = False
    """True only for stages whose result is checked: against a digest in the options, or a signature by keys that are
    an input."""

    def __init__(self, options: OptionsType) -> None:
        self.options = options

    @abstractmethod
    def run(self, job: Job) -> None:
        """Do the work. Raise `DistrobuildError` when it cannot be done."""
