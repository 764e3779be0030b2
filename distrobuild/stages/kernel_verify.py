"""Prove that every patch of a series stands by itself, so that a search by bisection never meets a broken kernel.

After each patch the tree compiles without a complaint that it did not have before (`make W=1`), with what the series
brings switched off and on. Off, the code is what it was without the series; a patch that names what it mends in the
kernel itself (`Fixes:`) changes it, and the patches after it are compared with what it left. `checkpatch.pl --strict`
may remark on style, but finds no error.

Both configurations are compiled in one tree, over and over: ccache has what neither patch nor configuration changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from distrobuild.errors import InvalidInput, Location, Problem
from distrobuild.formats import kconfig
from distrobuild.formats.kconfig_tree import read_tree
from distrobuild.formats.patch import Patch
from distrobuild.formats.patch_series import Series
from distrobuild.sandbox.sandbox import ProgramFailed
from distrobuild.stages import kernel_config
from distrobuild.stages.kernel_git import commit_base, commit_patches, place
from distrobuild.stages.kernel_make import TREE, Make, kernel_identity
from distrobuild.stages.kernel_prepare import INPUTS, TreeOptions, fragment_input, prepare
from distrobuild.stages.stage import Job, Stage

RESULT = "result.json"
COMPLAINT = re.compile(r"\b(?:warning|error):")
SYMBOL = re.compile(r"^\+(?:menu)?config\s+(\w+)\s*$")
STYLE = re.compile(r"^(?:ERROR|WARNING|CHECK): .*$", re.MULTILINE)
MENDS = re.compile(r"Fixes: [0-9a-f]{12,} \(")
"""The trailer of a patch that mends what an earlier commit of the kernel broke (submitting-patches.rst)."""
LINES_IN_CODE = {"DEBUG_ATOMIC_SLEEP", "PROVE_LOCKING"}
"""What puts the numbers of the source's lines into the code, for `might_sleep()` and `rcu_dereference()`.

One line more would be other code.
"""
NOT_ASKED = ("FILE_PATH_CHANGES", "UNKNOWN_COMMIT_ID")
"""Remarks of checkpatch.pl that make no sense here: MAINTAINERS has patterns for all new files from the first patch on,
and the tree has none of the kernel's history."""


class VerifyOptions(TreeOptions):
    """Which tree, and what of it is compiled after each patch."""

    targets: tuple[str, ...]
    """Make targets that the unpatched tree has, too: folders (`kernel/sched/`) and objects (`kernel/sys.o`)."""


class UnsoundSeries(InvalidInput):
    """Patches that do not stand by themselves; one problem for each that is wrong."""


@dataclass
class Verdict:
    """What was found about one patch: what is wrong in each configuration, and remarks about its style.

    `on` is None for a patch before the first that lets a symbol be asked for.
    """

    patch: str
    off: list[str]
    on: list[str] | None = None
    style: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """All that is wrong."""
        errors = [remark for remark in self.style if remark.startswith("ERROR")]
        return [*(f"off: {each}" for each in self.off), *(f"on: {each}" for each in self.on or ()), *errors]


@dataclass(frozen=True)
class Compiled:
    """What came of one compilation: complaints, the digest of each object's code by its name, why it did not end."""

    complaints: tuple[str, ...]
    objects: Mapping[str, str]
    failure: ProgramFailed | None


class KernelVerifyStage(Stage[VerifyOptions]):
    """Source, patches and fragments -> a verdict on each patch."""

    kind: ClassVar[str] = "kernel_verify"
    inputs: ClassVar[Mapping[str, str]] = INPUTS
    outputs: Mapping[str, str] = {RESULT: "a verdict on each patch, in order"}

    def run(self, job: Job) -> None:
        """Compile after each patch. Raises `UnsoundSeries`, and what `prepare` raises."""
        verdicts: dict[Patch, Verdict] = {}

        def one_by_one(job: Job, series: Series) -> None:
            verdicts.update(self._verdicts(job, series))

        prepare(job, self.options, ccache=True, apply=one_by_one)
        (job.output / RESULT).write_text(json.dumps([asdict(each) for each in verdicts.values()], indent=1), "utf-8")
        problems = [
            Problem(Location(patch.path, 1), fault) for patch, each in verdicts.items() for fault in each.faults
        ]
        if problems:
            raise UnsoundSeries(problems)

    def _verdicts(self, job: Job, series: Series) -> Iterator[tuple[Patch, Verdict]]:
        """Bring the patches in one by one, and look at the tree after each."""
        commit_base(job)
        brought = {symbol for patch in series.patches for symbol in symbols(patch)}
        absent = brought | LINES_IN_CODE
        before = self._compile(job, absent)
        if before.failure is not None:
            raise before.failure
        for patch in series.patches:
            commit_patches(job, [patch])
            # A menu may only come to the kernel's own after all that is in it.
            there = brought & read_tree(job.work / TREE).definitions.keys()
            off = self._compile(job, absent)
            mends = any(map(MENDS.match, patch.message))
            other_code = [] if mends else _other_code(before, off)
            verdict = Verdict(patch.path.name, [*_new_complaints(before, off), *other_code])
            if there:
                verdict.on = _new_complaints(before, self._compile(job, brought - there))
            verdict.style = _style(job, patch)
            job.log(f"{verdict.patch}: {'; '.join(verdict.faults) or 'sound'}")
            yield patch, verdict
            if mends and off.failure is None:
                before = off

    def _compile(self, job: Job, absent: set[str]) -> Compiled:
        """Compile the targets, without those symbols of the fragments that are `absent`."""
        lines: list[str] = []
        listening = replace(job, sandbox=replace(job.sandbox, log=lines.append))
        # The same identity in both: a version that differs would be in the code.
        make = Make(listening, self.options.distribution, kernel_identity(self.options.version, None), ccache=True)
        files = {name: job.inputs[fragment_input(name)] for name in self.options.config}
        asked = [kconfig.read_fragment(path, Path(name)) for name, path in files.items()]
        fragments = [[setting for setting in each if setting.symbol not in absent] for each in asked]
        kernel_config.configure(make, job.work / TREE, self.options.base_config, fragments, {})
        lines.clear()
        for name in list(self._objects(job.work / TREE)):
            (job.work / TREE / name).unlink()  # it may be of the other configuration, and none of this one
        failure = None
        try:
            make("W=1", *self.options.targets)
        except ProgramFailed as failed:
            failure = failed
        objects = {name: _code(job, name) for name in sorted(self._objects(job.work / TREE))}
        return Compiled(tuple(line for line in lines if COMPLAINT.search(line)), objects, failure)

    def _objects(self, tree: Path) -> Iterator[str]:
        """Names of the objects of the targets, without those in folders below."""
        for target in self.options.targets:
            place = tree / target
            objects = place.glob("*.o") if target.endswith("/") else iter([place])
            yield from (str(path.relative_to(tree)) for path in objects if path.is_file())


def symbols(patch: Patch) -> Iterator[str]:
    """What a patch brings to a configuration."""
    for change in patch.changes:
        for hunk in change.hunks:
            yield from (match[1] for line in hunk.body if (match := SYMBOL.match(line)))


def _code(job: Job, name: str) -> str:
    """Digest of the instructions of an object, and of what they refer to."""
    command = ["objdump", "--disassemble", "--reloc", "--no-show-raw-insn", name]
    return hashlib.sha256(job.sandbox.read(command, cwd=f"/work/{TREE}")).hexdigest()


def _new_complaints(before: Compiled, after: Compiled) -> list[str]:
    complaints = [line for line in after.complaints if line not in before.complaints]
    return [*complaints, str(after.failure)] if after.failure else complaints


def _other_code(before: Compiled, after: Compiled) -> list[str]:
    names = [name for name, digest in before.objects.items() if after.objects.get(name) != digest]
    return [f"the code of {name} is another than without the series" for name in names]


def _style(job: Job, patch: Patch) -> list[str]:
    """What checkpatch.pl of the tree itself remarks."""
    options = ("--strict", "--no-tree", "--root=.", "--max-line-length=100", f"--ignore={','.join(NOT_ASKED)}")
    lines: list[str] = []
    sandbox = replace(job.sandbox, log=lines.append)
    # It ends with 1 if it remarks anything.
    with contextlib.suppress(ProgramFailed):
        sandbox.run(["perl", "scripts/checkpatch.pl", *options, place(job, patch)], cwd=f"/work/{TREE}")
    return [match[0] for line in lines if (match := STYLE.match(line))]
