from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from distrobuild.engine.engine import Engine, StageError
from distrobuild.engine.events import GitHubAnnotations, JsonLines, Note, Stream
from distrobuild.engine.store import Store
from distrobuild.errors import DistrobuildError
from distrobuild.plan.graph import Node
from distrobuild.stages.stage import Job
from tests.unit.engine.small_stages import CallStage, plan, write


def fail(job: Job) -> None:
    job.log("50% done")
    raise DistrobuildError("it broke")


def build_with(reader: object, store: Store, node: Node) -> None:
    assert callable(reader)
    Engine(store, "project", Stream(reader), cpus=1).build(plan(node))


def test_json_lines_hold_every_event_in_order(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    build_with(JsonLines(path), store, write("only", "text"))
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert [event["event"] for event in events] == [
        "BuildStarted",
        "StageStarted",
        "StageLine",
        "StageFinished",
        "BuildFinished",
    ]
    assert events[2] == {"event": "StageLine", "time": events[2]["time"], "stage": "only", "text": "writing text"}
    assert events[-1]["succeeded"] is True


def test_json_lines_of_a_failed_build_end_with_what_went_wrong(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with pytest.raises(StageError):
        build_with(JsonLines(path), store, Node("bad", CallStage("x", fail)))
    failed, finished = (json.loads(line) for line in path.read_text().splitlines()[-2:])
    assert (failed["event"], failed["message"], failed["tail"]) == ("StageFailed", "it broke", ["50% done"])
    assert finished["succeeded"] is False


def test_a_failure_is_an_error_annotation_in_one_escaped_line(store: Store) -> None:
    stream = io.StringIO()
    with pytest.raises(StageError):
        build_with(GitHubAnnotations(stream), store, Node("bad", CallStage("x", fail)))
    assert stream.getvalue() == "::error title=stage bad failed::it broke%0A50%25 done\n"


def test_a_note_is_a_notice() -> None:
    stream = io.StringIO()
    GitHubAnnotations(stream)(Note(text="no lock: resolved now"))
    assert stream.getvalue() == "::notice::no lock: resolved now\n"
