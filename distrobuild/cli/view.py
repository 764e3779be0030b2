"""The terminal's reader of the event stream: running stages with their last line, or plain lines in a pipe."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from distrobuild.engine import events

TAIL_SHOWN = 20


class TerminalView:
    """Prints one line for each finished stage; below them, on a terminal, the stages that run now."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.running: dict[str, tuple[float, float | None, str]] = {}
        self.live = Live(get_renderable=self._table, console=console, refresh_per_second=4, transient=True)

    def __enter__(self) -> TerminalView:
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.live.stop()

    def __call__(self, event: events.Event) -> None:
        match event:
            case events.BuildStarted():
                self._started(event)
            case events.Note():
                self._print(f"[yellow]note[/]  {escape(event.text)}")
            case events.StageStarted():
                self.running[event.stage] = (event.time, event.expected, "")
                if not self.console.is_terminal:
                    self._print(f"[cyan]start[/] {event.stage}{_expected(event.expected)}")
            case events.StageLine():
                if event.stage in self.running:
                    since, expected, _ = self.running[event.stage]
                    self.running[event.stage] = (since, expected, event.text)
            case events.StageFinished():
                self.running.pop(event.stage, None)
                self._print(f"[green]done[/]  {event.stage:24} {duration(event.seconds):>8} {size(event.bytes):>9}")
            case events.StageFailed():
                self.running.pop(event.stage, None)
                self._failed(event)
            case _:
                pass

    def _started(self, event: events.BuildStarted) -> None:
        if event.stages:
            cached = f", {len(event.cached)} from the store" if event.cached else ""
            stages = "1 stage" if len(event.stages) == 1 else f"{len(event.stages)} stages"
            self._print(f"[bold]{event.target}[/]: {stages} to run{cached}")

    def _failed(self, event: events.StageFailed) -> None:
        self._print(f"[bold red]failed[/] {event.stage}: {escape(event.message)}")
        for line in event.tail[-TAIL_SHOWN:]:
            self._print(f"  [dim]|[/] {escape(line)}")
        self._print(f"  log        {escape(event.log)}")
        self._print(f"  a shell    distrobuild shell {escape(event.stage)}")
        if event.reproduction:
            self._print("  reproduce")
            self.console.print(event.reproduction, markup=False, highlight=False, soft_wrap=True)

    def _print(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=not self.console.is_terminal)

    def _table(self) -> RenderableType:
        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True, style="cyan")
        table.add_column(justify="right", no_wrap=True)
        table.add_column(no_wrap=True, overflow="ellipsis", style="dim", ratio=1)
        now = time.time()
        for name, (since, expected, line) in list(self.running.items()):
            of = f"/{duration(expected)}" if expected else ""
            table.add_row(name, f"{duration(now - since)}{of}", escape(line.strip()))
        return table


def duration(seconds: float) -> str:
    """`4.2 s`, `3 min 20 s`, `1 h 05 min`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def size(count: float) -> str:
    """A number of bytes in the largest unit that keeps it above 1."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def _expected(seconds: float | None) -> str:
    return "" if seconds is None else f" [dim](took {duration(seconds)} the last time)[/]"
