"""What a machine that starts from the network finds there: a script by TFTP, and all else by HTTP from this process.

QEMU's user network answers DHCP and TFTP itself, and the host is 10.0.2.2 in it. Its TFTP serves one folder, and is
slow with a system of a hundred megabytes, so the script only leads on to the image's own one on the web server.
"""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SCRIPT = "boot.ipxe"
HOST = "10.0.2.2"
"""The host in QEMU's user network."""
IGNITION = "config.ign"


@contextlib.contextmanager
def serve(script: Path, ignition: Path | None, folder: Path) -> Iterator[None]:
    """Serve the image's iPXE script, what stands beside it, and an Ignition config, for as long as the context lasts.

    `folder` gets the script that TFTP hands out.
    """
    files = {path.name: path for path in script.parent.iterdir() if path.is_file()}
    if ignition is not None:
        files[IGNITION] = ignition
    with _Server(files) as server:
        address = f"http://{HOST}:{server.server_port}"
        config = [f"set config {address}/{IGNITION}"] if ignition is not None else []
        lines = ["#!ipxe", *config, f"chain {address}/{script.name}"]
        (folder / SCRIPT).write_text("".join(f"{line}\n" for line in lines), "utf-8")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    """Serves these files by their names, on a free port of the loopback."""

    daemon_threads = True

    def __init__(self, files: Mapping[str, Path]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = files


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD with a whole file."""

    server: _Server

    def do_GET(self) -> None:
        """Send a file."""
        if (path := self._head()) is not None:
            with path.open("rb") as file, contextlib.suppress(ConnectionError):
                shutil.copyfileobj(file, self.wfile)

    def do_HEAD(self) -> None:
        """Say how large a file is."""
        self._head()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base's
        """Write nothing: the guest's console tells what it fetched."""

    def _head(self) -> Path | None:
        path = self.server.files.get(self.path.removeprefix("/"))
        if path is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(path.stat().st_size))
        self.end_headers()
        return path
