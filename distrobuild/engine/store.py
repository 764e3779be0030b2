"""Finished outputs by key. An entry appears whole or not at all, and two builds can share the folder.

outputs/<hex key>/   record.json (what was hashed)  meta.json (size, time, digest)  files.json (digest of each file)
                     log  out/  The folder's own time is that of the last build that used it.
caches/<kind>/       what a stage keeps between builds without changing a result: fetched files, ccache
history/<project>/   the last record of every stage, for `why` and for expected times
scratch/             work in progress; what a killed build left is removed by the next one
locks/               one file lock per key
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import stat
import subprocess
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from distrobuild.engine.entry import Entry, Meta, Scratch
from distrobuild.errors import DistrobuildError
from distrobuild.formats.tree_digest import output_digest, output_files
from distrobuild.plan.key import Keyed
from distrobuild.sandbox.contract import ENTER_SUBORDINATE_IDS


class StoreInUse(DistrobuildError):
    """Another process reads the store just now."""


class Store:
    """The local store below `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for folder in ("outputs", "caches", "history", "scratch", "locks", "failed", "sources", "discarded"):
            (root / folder).mkdir(parents=True, exist_ok=True)

    def find(self, key: str) -> Entry | None:
        """The entry of `key`, or None."""
        entry = Entry(key, self.root / "outputs" / _hex(key))
        return entry if (entry.path / "meta.json").is_file() and entry.output.is_dir() else None

    def entries(self) -> list[Entry]:
        """All finished outputs, oldest first."""
        paths = [path for path in (self.root / "outputs").iterdir() if (path / "meta.json").is_file()]
        return sorted((Entry(f"sha256:{path.name}", path) for path in paths), key=lambda entry: entry.meta.finished)

    def cache(self, kind: str) -> Path:
        """A folder that survives builds, for stages of one kind."""
        path = self.root / "caches" / kind
        path.mkdir(exist_ok=True)
        return path

    @contextlib.contextmanager
    def claim(self, key: str) -> Iterator[None]:
        """Hold the lock of `key`: of two builds that want it, the second waits and then finds it done."""
        with (self.root / "locks" / _hex(key)).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def use(self) -> Iterator[None]:
        """Hold while outputs are read or made: nothing is collected meanwhile."""
        with (self.root / "locks" / "use").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            yield

    @contextlib.contextmanager
    def collect(self) -> Iterator[None]:
        """Hold while entries are removed. Raises `StoreInUse` if a build runs."""
        with (self.root / "locks" / "use").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreInUse("a build is using the store", hint="wait for it, then try again") from None
            yield

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Scratch]:
        """A fresh scratch folder, locked while this process lives, removed at the end."""
        path = self.root / "scratch" / uuid.uuid4().hex
        path.mkdir()
        with (path / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            scratch = Scratch(path)
            scratch.work.mkdir()
            scratch.output.mkdir()
            try:
                yield scratch
            finally:
                self.discard(path)

    def sweep(self) -> int:
        """Discard what killed builds left in `scratch/`; return how many folders."""
        count = 0
        for path in (self.root / "scratch").iterdir():
            try:
                with (path / "lock").open("a") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self.discard(path)
                    count += 1
            except (BlockingIOError, FileNotFoundError):
                continue
        discarded = self.root / "discarded"
        if any(discarded.iterdir()):
            # One sweeper is enough: several builds begin while one tree is still going.
            _in_background("flock", "--nonblock", str(discarded), "find", str(discarded), "-mindepth", "1", "-delete")
        return count

    def discard(self, path: Path) -> None:
        """Take a folder away at once; its files go in the background (a kernel tree has 90,000 of them)."""
        discarded = path.rename(self.root / "discarded" / uuid.uuid4().hex)
        _in_background("find", str(discarded), "-delete")

    def commit(self, keyed: Keyed, scratch: Scratch, seconds: float) -> Entry:
        """Turn a scratch folder into the entry of a key: everything is on disk before the name appears."""
        staged = scratch.path / "entry"
        staged.mkdir()
        size = folder_size(scratch.output)
        files = output_files(scratch.output)
        meta = Meta(keyed.node.name, size, seconds, time.time(), output_digest(files))
        _write_json(staged / "record.json", keyed.record)
        _write_json(staged / "meta.json", asdict(meta))
        _write_json(staged / "files.json", files)
        if scratch.log.exists():
            scratch.log.rename(staged / "log")
        scratch.output.rename(staged / "out")
        _sync(staged)
        entry = Entry(keyed.key, self.root / "outputs" / _hex(keyed.key))
        if entry.path.exists():
            self.discard(entry.path)
        staged.rename(entry.path)
        return entry

    def clear(self, scratch: Scratch) -> None:
        """Give back at once the room that a stage took: what filled the disk helps nobody, and would keep it full."""
        for folder in (scratch.work, scratch.output):
            remove_tree(folder)
            folder.mkdir()

    def keep_failed(self, scratch: Scratch, project: str, stage: str) -> Path:
        """Keep a failed run for `distrobuild shell`; return where."""
        place = self.root / "failed" / f"{project}-{stage.replace('/', '-')}"
        if place.exists():
            self.discard(place)
        place.mkdir(parents=True)
        for path in (scratch.work, scratch.output, scratch.log):
            if path.exists():
                path.rename(place / path.name)
        return place

    def failed(self, project: str, stage: str) -> Path | None:
        """Where the last failed run of a stage is kept, if it failed."""
        place = self.root / "failed" / f"{project}-{stage.replace('/', '-')}"
        return place if place.is_dir() else None

    def remember(self, project: str, keyed: Keyed, meta: Meta) -> None:
        """Note what a stage of a project was last built from."""
        path = self.root / "history" / project / f"{keyed.node.name.replace('/', '-')}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        # Without indentation json is written by C: a build that has nothing to do spends its time here.
        text = json.dumps({"key": keyed.key, "record": keyed.record, "meta": asdict(meta)}, sort_keys=True)
        scratch = path.with_suffix(f".{os.getpid()}")
        scratch.write_text(text, encoding="utf-8")
        scratch.replace(path)

    def recall(self, project: str, stage: str) -> dict[str, Any] | None:
        """The note of `remember`: `key`, `record`, `meta`; None before the first build."""
        path = self.root / "history" / project / f"{stage.replace('/', '-')}.json"
        try:
            note: dict[str, Any] = json.loads(path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return note

    def remembered(self) -> set[str]:
        """The keys of the last build of every stage of every project."""
        keys = set()
        for path in (self.root / "history").glob("*/*.json"):
            with contextlib.suppress(json.JSONDecodeError, KeyError):
                keys.add(str(json.loads(path.read_text())["key"]))
        return keys

    def remove(self, entry: Entry) -> None:
        """Remove an entry; it disappears at once, its files after that."""
        with self.claim(entry.key):
            if entry.path.exists():
                self.discard(entry.path)


def remove_tree(path: Path) -> None:
    """Remove a folder whatever its modes and owners (files of subordinate ids need their user namespace)."""

    def make_writable(_function: object, name: str, error: BaseException) -> None:
        if isinstance(error, FileNotFoundError):
            return
        folder = Path(name).parent
        folder.chmod(folder.stat().st_mode | stat.S_IRWXU)
        target = Path(name)
        if target.is_dir() and not target.is_symlink():
            target.chmod(stat.S_IRWXU)
            shutil.rmtree(target)
        else:
            target.unlink()

    try:
        shutil.rmtree(path, onerror=lambda function, name, info: make_writable(function, name, info[1]))
    except PermissionError:
        subprocess.run([*ENTER_SUBORDINATE_IDS, "rm", "-rf", "--one-file-system", "--", str(path)], check=True)


def _in_background(*command: str) -> None:
    """Start a program that may take the user's subordinate ids' files away, and outlives us."""
    prefix = [] if os.geteuid() == 0 else list(ENTER_SUBORDINATE_IDS)
    quiet = subprocess.DEVNULL
    subprocess.Popen(
        [*prefix, "nice", *command], stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True, cwd="/"
    )


def folder_size(path: Path) -> int:
    """Bytes of all files below `path`; a hard-linked file counts once."""
    sizes = {}
    for folder, _, files in os.walk(path):
        for name in files:
            status = (Path(folder) / name).lstat()
            sizes[status.st_ino] = status.st_size
    return sum(sizes.values())


def _hex(key: str) -> str:
    return key.removeprefix("sha256:")


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _sync(path: Path) -> None:
    """Flush the file system that holds `path`: cheaper than one fsync for each file of a large tree."""
    subprocess.run(["sync", "--file-system", str(path)], check=True)
