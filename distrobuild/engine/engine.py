"""Runs a plan: what the store lacks is built, in parallel where the graph allows it."""

from __future__ import annotations

import concurrent.futures
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from distrobuild.engine import events
from distrobuild.engine.entry import Entry, Scratch
from distrobuild.engine.sources import snapshot
from distrobuild.engine.stage_log import DISK_FULL, StageLog
from distrobuild.engine.store import Store
from distrobuild.errors import DistrobuildError
from distrobuild.plan.code import require_unchanged
from distrobuild.plan.graph import Node, Plan, Tree
from distrobuild.plan.key import Keyed, keys
from distrobuild.sandbox.sandbox import ProgramFailed, Sandbox
from distrobuild.stages.stage import Job


class StageError(DistrobuildError):
    """A stage could not be done; `stage` is its name, `log` where all it printed is."""

    def __init__(self, stage: str, message: str, log: Path, hint: str | None) -> None:
        super().__init__(f"stage {stage} failed: {message}\n  log: {log}", hint=hint)
        self.stage = stage
        self.log = log


@dataclass(frozen=True)
class Engine:
    """`project` names whose history is kept; `cpus` is how many stages, and compiler jobs in each, run at once."""

    store: Store
    project: str
    emit: events.Stream
    cpus: int

    def build(self, plan: Plan) -> dict[str, Entry]:
        """Build the plan's goals; return the entry of every node that was needed, by name."""
        start = time.monotonic()
        self.store.sweep()
        keyed = keys(plan)
        missing = self.missing(plan, keyed)
        found = self.finished(plan, keyed)
        for entry in found.values():
            entry.note_use()
        self.emit(events.BuildStarted(plan.target, tuple(missing), tuple(found)))
        succeeded = False
        try:
            with self.store.use():
                _Run(self, plan, keyed, missing).all()
            succeeded = True
        finally:
            self.emit(events.BuildFinished(plan.target, succeeded, time.monotonic() - start))
        found = self.finished(plan, keyed)
        for name, entry in found.items():
            self.store.remember(self.project, keyed[name], entry.meta)
        return found

    def finished(self, plan: Plan, keyed: Mapping[str, Keyed] | None = None) -> dict[str, Entry]:
        """The entries of the plan that are in the store, by name of their node."""
        keyed = keyed or keys(plan)
        found = {node.name: self.store.find(keyed[node.name].key) for node in plan}
        return {name: entry for name, entry in found.items() if entry is not None}

    def missing(self, plan: Plan, keyed: Mapping[str, Keyed]) -> dict[str, Node]:
        """The nodes that must run, inputs first. What only a finished node needed is not among them."""
        wanted: set[str] = set()
        pending = list(plan.goals)
        while pending:
            node = pending.pop()
            if node.name not in wanted and self.store.find(keyed[node.name].key) is None:
                wanted.add(node.name)
                pending.extend(node.needs)
        return {node.name: node for node in plan if node.name in wanted}

    def job(self, node: Node, keyed: Mapping[str, Keyed], plan: Plan, scratch: Scratch, log: events.Reader) -> Job:
        """Everything a node's stage needs to run in `scratch`; its inputs must be in the store."""
        inputs = {name: self._input(value, keyed) for name, value in node.inputs.items()}

        def line(text: str) -> None:
            log(events.StageLine(node.name, text))

        sandbox = Sandbox(
            root=None if node.tools is None else self._input(node.tools, keyed),
            inputs=inputs,
            work=scratch.work,
            output=scratch.output,
            epoch=plan.epoch,
            network=node.stage.uses_network,
            log=line,
        )
        cache = self.store.cache(node.stage.kind)
        return Job(inputs, scratch.work, scratch.output, sandbox, line, plan.epoch, self.cpus, cache)

    def _input(self, value: Node | Tree, keyed: Mapping[str, Keyed]) -> Path:
        if isinstance(value, Tree):
            in_place = value.secret or value.large
            return value.path if in_place else snapshot(value.path, self.store.root / "sources")
        entry = self.store.find(keyed[value.name].key)
        if entry is None:
            raise DistrobuildError(f"the output of {value.name} is not in the store")
        return entry.output


class _Run:
    """One pass over the missing nodes of a plan."""

    def __init__(self, engine: Engine, plan: Plan, keyed: Mapping[str, Keyed], missing: Mapping[str, Node]) -> None:
        self.engine = engine
        self.plan = plan
        self.keyed = keyed
        self.waiting = dict(missing)

    def all(self) -> None:
        """Run every waiting node; after a failure let the running ones end, start no other, and raise it."""
        running: dict[concurrent.futures.Future[None], Node] = {}
        failure: BaseException | None = None
        with concurrent.futures.ThreadPoolExecutor(max_workers=max(2, self.engine.cpus)) as pool:
            while running or (self.waiting and failure is None):
                if failure is None:
                    for node in self._ready(list(running.values())):
                        del self.waiting[node.name]
                        running[pool.submit(self._one, node)] = node
                done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in done:
                    del running[future]
                    failure = failure or future.exception()
        if failure is not None:
            raise failure

    def _ready(self, running: list[Node]) -> list[Node]:
        busy = {node.name for node in running} | set(self.waiting)
        ready = [node for node in self.waiting.values() if not any(needed.name in busy for needed in node.needs)]
        # A stage that wants the machine for itself starts when nothing else runs, and nothing starts beside it.
        if any(node.stage.exclusive for node in running):
            return []
        shared = _one_fetching([node for node in ready if not node.stage.exclusive], running)
        return shared or ([] if running else ready[:1])

    def _one(self, node: Node) -> None:
        keyed = self.keyed[node.name]
        store, emit = self.engine.store, self.engine.emit
        with store.claim(keyed.key), store.scratch() as scratch, StageLog(scratch.log) as log:
            if store.find(keyed.key) is not None:
                return  # another build finished it while this one waited
            before = store.recall(self.engine.project, node.name)
            emit(events.StageStarted(node.name, None if before is None else before["meta"]["seconds"]))

            def note(event: events.Event) -> None:
                if isinstance(event, events.StageLine):
                    log.write(event.text)
                emit(event)

            start = time.monotonic()
            try:
                job = self.engine.job(node, self.keyed, self.plan, scratch, note)
                node.stage.run(job)
                _check_outputs(node, scratch.output)
                require_unchanged(type(node.stage))
                entry = store.commit(keyed, scratch, time.monotonic() - start)
            except Exception as error:
                raise self._failure(node, scratch, error, log.tail) from error
            emit(events.StageFinished(node.name, keyed.key, entry.meta.seconds, entry.meta.bytes))

    def _failure(self, node: Node, scratch: Scratch, error: Exception, tail: tuple[str, ...]) -> Exception:
        message, hint = _explain(error, self.engine.store.root)
        if _disk_is_full(error):
            self.engine.store.clear(scratch)
        place = self.engine.store.keep_failed(scratch, self.engine.project, node.name)
        reproduction = None
        if isinstance(error, ProgramFailed):
            reproduction = error.reproduction.replace(str(scratch.path), str(place))
        self.engine.emit(events.StageFailed(node.name, message, tail, str(place / "log"), reproduction))
        if isinstance(error, DistrobuildError) and error.exit_code == 2:
            return error
        if not isinstance(error, DistrobuildError | OSError):
            return error  # a bug: keep its traceback
        return StageError(node.name, message, place / "log", hint or f"distrobuild shell {node.name}")


def _one_fetching(ready: list[Node], running: list[Node]) -> list[Node]:
    """Of stages with network one at a time: they share one line, and what others wait for comes first in the plan."""
    fetching = [node for node in ready if node.stage.uses_network]
    later = fetching if any(node.stage.uses_network for node in running) else fetching[1:]
    return [node for node in ready if node not in later]


def _check_outputs(node: Node, output: Path) -> None:
    for name in node.stage.outputs:
        if not (output / name).exists():
            raise DistrobuildError(f"`{node.stage.kind}` ended without its declared output `{name}`")


def _explain(error: Exception, store: Path) -> tuple[str, str | None]:
    """Message and hint of what stopped a stage; a full disk is recognised wherever it shows."""
    text = error.message if isinstance(error, DistrobuildError) else f"{type(error).__name__}: {error}"
    hint = error.hint if isinstance(error, DistrobuildError) else None
    if _disk_is_full(error):
        free = shutil.disk_usage(store).free
        hint = f"free some ({free >> 20} MiB left for {store}), or `distrobuild cache gc`"
        return f"no space left on the disk: {text}", hint
    return text, hint


def _disk_is_full(error: Exception) -> bool:
    if isinstance(error, ProgramFailed):
        return any("No space left on device" in line for line in error.tail)
    return isinstance(error, OSError) and error.errno in DISK_FULL
