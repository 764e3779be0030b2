from __future__ import annotations

import io

import pytest
from rich.console import Console

from distrobuild.cli.view import TerminalView, duration, size
from distrobuild.engine.events import BuildStarted, StageFailed, StageFinished, StageLine, StageStarted


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (4.24, "4.2 s"), (59.96, "1 min 00 s"), (200, "3 min 20 s"), (3900, "1 h 05 min")],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (2048, "2 KiB"), (108 << 20, "108 MiB"), (3 << 30, "3.0 GiB")])
def test_sizes_read_well(count: int, text: str) -> None:
    assert size(count) == text


def test_in_a_pipe_there_is_one_plain_line_for_each_event(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    with TerminalView(Console(file=stream, width=40)) as view:
        view(BuildStarted("ubuntu", ("kernel",), ("tools",)))
        view(StageStarted("kernel", 55.3))
        view(StageLine("kernel", "  CC      init/main.o"))
        view(StageFinished("kernel", "sha256:0", 56.0, 17 << 20))
    assert stream.getvalue().splitlines() == [
        "ubuntu: 1 stage to run, 1 from the store",
        "start kernel (took 55.3 s the last time)",
        "done  kernel                     56.0 s    17 MiB",
    ]
    assert capsys.readouterr().out == ""


def test_a_failure_shows_reason_last_lines_log_shell_and_reproduction() -> None:
    stream = io.StringIO()
    with TerminalView(Console(file=stream, width=80)) as view:
        view(StageFailed("iso", "no [space]", ("first", "last [x]"), "/store/log", "bwrap -- false"))
    text = stream.getvalue()
    for part in ("failed iso: no [space]", "| last [x]", "/store/log", "distrobuild shell iso", "\nbwrap -- false\n"):
        assert part in text


def test_on_a_terminal_the_running_stages_show_their_last_line() -> None:
    stream = io.StringIO()
    view = TerminalView(Console(file=stream, width=60, force_terminal=True))
    view(StageStarted("kernel", None))
    view(StageLine("kernel", "  CC      init/main.o"))
    Console(file=stream, width=60).print(view.live.get_renderable())
    assert "kernel" in stream.getvalue()
    assert "CC      init/main.o" in stream.getvalue()
