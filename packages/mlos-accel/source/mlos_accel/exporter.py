# SPDX-License-Identifier: Apache-2.0
"""Answer HTTP on the socket that systemd hands over, until nobody has asked for a while."""

from __future__ import annotations

import os
import socket
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer

from mlos_accel.errors import WrongUsage
from mlos_accel.inventory import collect
from mlos_accel.metrics import exposition
from mlos_accel.tree import Tree

FIRST_FD = 3
"""Of systemd's protocol, sd_listen_fds(3)."""
IDLE = 120.0
"""Seconds after which the service ends, until the next visitor starts it again. Prometheus comes more often."""
PATIENCE = 5.0
"""Seconds for a visitor to say what it wants."""


def serve(tree: Tree, idle: float = IDLE) -> None:
    """Answer until nobody has come for `idle` seconds. Raises `WrongUsage` where systemd has handed over no socket."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        raise WrongUsage(
            "no socket was handed over", "start mlos-accel-metrics.socket; without it: `mlos-accel metrics`"
        )
    with _Server(socket.socket(fileno=FIRST_FD), tree, idle) as server:
        while not server.done:
            server.handle_request()


class _Server(HTTPServer):
    """Takes over a socket that listens, a Unix one or another."""

    def __init__(self, listening: socket.socket, tree: Tree, idle: float) -> None:
        super().__init__(("", 0), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listening
        self.tree = tree
        self.timeout = idle
        self.done = False

    def handle_timeout(self) -> None:
        self.done = True


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = PATIENCE

    def do_GET(self) -> None:
        if self.path != "/metrics":
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        # A fresh tree: one keeps what it has read of the bus.
        fresh = Tree(self.server.tree.root, live=self.server.tree.live)
        content = exposition(collect(fresh)).encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Prometheus comes every few seconds, and that is no news."""
