"""In the guest: requests to a model under one policy after the other, beside `make`. A line of JSON for each."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

PYTHON = ("python3", "/bench/onnx_requests.py")
POLICIES = {
    "alone": (),
    "SCHED_OTHER": (),
    "nice -20": ("nice", "--adjustment=-20"),
    "SCHED_FIFO": ("chrt", "--fifo", "1"),
    "SCHED_ML": ("/bench/mlrun", "--level", "serving"),
}
"""How the process is started. The first has the machine for itself."""
MAKE = ("make", "--silent", "--jobs=4", "--file=/bench/Makefile")
SETTLE_SECONDS = 2.0
"""How long `make` runs before the first request."""
LOG = Path("objects.log")


@contextlib.contextmanager
def beside_make() -> Iterator[None]:
    """Let `make` compile meanwhile."""
    compiling = subprocess.Popen(MAKE, start_new_session=True)
    time.sleep(SETTLE_SECONDS)
    yield
    ended = compiling.poll()
    os.killpg(compiling.pid, signal.SIGKILL)
    compiling.wait()
    if ended is not None:
        raise SystemExit(f"make ended with status {ended}")


def compiled() -> int:
    """How many objects there are by now."""
    return LOG.read_bytes().count(b"\n") if LOG.exists() else 0


def measured(policy: str) -> dict[str, object]:
    """What the requests took, and how many objects `make` compiled in a second meanwhile."""
    command = (*POLICIES[policy], *PYTHON)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise SystemExit(f"{policy}: the model was not loaded")
        with contextlib.nullcontext() if policy == "alone" else beside_make():
            before, begin = compiled(), time.monotonic()
            process.stdin.write("go\n")
            process.stdin.flush()
            result = json.loads(process.stdout.readline())
            rate = (compiled() - before) / (time.monotonic() - begin)
    return {"policy": policy, **result, "objects": rate}


def main() -> None:
    with beside_make():  # brings the compiler into memory
        time.sleep(SETTLE_SECONDS)
    for policy in POLICIES:
        print(json.dumps(measured(policy)), flush=True)


main()
