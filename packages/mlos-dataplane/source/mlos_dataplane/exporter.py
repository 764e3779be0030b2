# SPDX-License-Identifier: Apache-2.0
"""Serve the telemetry of programs to Prometheus: python3 -m mlos_dataplane.exporter FILE... [--port 9090]."""

from __future__ import annotations

import argparse
import contextlib
import threading
import time
from collections.abc import Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from mlos_dataplane.metrics import Sums, add_up, exposition
from mlos_dataplane.telemetry import TelemetryReader

READ_EVERY = 0.1
"""Seconds. At ten million events a second a ring for a million is enough."""
RATES_OVER = 10
"""Readings, between whose first and last rates are taken."""


class Sampler:
    """Reads all telemetry again and again, so that no ring runs full between two visits of Prometheus."""

    def __init__(self, readers: Sequence[TelemetryReader]) -> None:
        self._readers = readers
        self._start = time.monotonic()
        self._samples = [Sums(self._start)]
        self._lock = threading.Lock()

    def sample(self) -> None:
        """Read once. Raises `Damaged`."""
        with self._lock:
            self._samples.append(add_up([reader.totals() for reader in self._readers], time.monotonic()))
            del self._samples[: -RATES_OVER - 1]

    def text(self) -> str:
        """The metrics as of the last reading."""
        with self._lock:
            return exposition(self._start, self._samples[0], self._samples[-1])

    def run(self, end: threading.Event) -> None:
        """Read until the end."""
        while not end.wait(READ_EVERY):
            self.sample()


class Server(ThreadingHTTPServer):
    """Answers GET /metrics."""

    daemon_threads = True

    def __init__(self, address: str, port: int, sampler: Sampler) -> None:
        super().__init__((address, port), _Handler)
        self.sampler = sampler


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        if self.path != "/metrics":
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        self.server.sampler.sample()
        content = self.server.sampler.text().encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Prometheus comes every few seconds, and that is no news."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python3 -m mlos_dataplane.exporter", description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="telemetry of a program")
    parser.add_argument("--address", default="127.0.0.1", help="where to listen (default: this machine only)")
    parser.add_argument("--port", type=int, default=9090, help="default: 9090")
    chosen = parser.parse_args(arguments)
    with contextlib.ExitStack() as stack:
        try:
            sampler = Sampler([stack.enter_context(TelemetryReader(file)) for file in chosen.files])
            server = stack.enter_context(Server(chosen.address, chosen.port, sampler))
        except OSError as error:
            parser.exit(1, f"{parser.prog}: {error}\n")
        end = threading.Event()
        stack.callback(end.set)
        threading.Thread(target=sampler.run, args=(end,), daemon=True).start()
        print(f"http://{chosen.address}:{server.server_port}/metrics", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


if __name__ == "__main__":
    main()
