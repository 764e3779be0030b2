"""An engine over an empty store."""

from __future__ import annotations

from pathlib import Path

import pytest

from distrobuild.engine.engine import Engine
from distrobuild.engine.events import Event, Stream
from distrobuild.engine.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def seen() -> list[Event]:
    return []


@pytest.fixture
def engine(store: Store, seen: list[Event]) -> Engine:
    return Engine(store, "project", Stream(seen.append), cpus=2)
