"""ONNX Runtime answering requests beside a busy `make`, under one policy after the other in the same guest."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.counted_guest import CountedGuest, debian, mlrun
from benchmarks.measure import Ratio
from tests import mlos

REQUIREMENTS = Path(__file__).with_name("onnx.requirements")
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_27_x86_64")
SCHED_ML = 16
COLUMNS = ("p50", "p99", "longest", "objects")


def onnx(folder: Path) -> Iterator[Ratio]:
    """The table of docs/kernel.md, printed as it is, and SCHED_ML's figures as ratios."""
    folder = folder / "onnx"
    folder.mkdir()
    root = debian()
    guest = CountedGuest(folder, root, {"site": _site(folder, root), "mlrun": mlrun(folder)})
    kernel = mlos.build("kernel")["kernel"].output
    lines = guest.run(kernel, ["python3", "/bench/onnx_policies.py"])
    rows = {row["policy"]: row for row in (json.loads(line) for line in lines if line.startswith('{"policy"'))}
    ours = rows["SCHED_ML"]
    if ours["policies"] != [SCHED_ML] or ours["threads"] < 2:
        raise SystemExit(f"not every thread of the model was under SCHED_ML: {ours}")
    print("| | p50, ms | p99, ms | longest, ms | objects of make in a second |\n|---|---|---|---|---|")
    for name, row in rows.items():
        print(f"| {name} | {' | '.join(format(row[column], '.2f') for column in COLUMNS)} |")
    yield Ratio("ONNX p99", ours["p99"], rows["SCHED_OTHER"]["p99"], "SCHED_OTHER", "ms", "0.50")
    yield Ratio("ONNX p50", ours["p50"], rows["SCHED_OTHER"]["p50"], "SCHED_OTHER", "ms", "none")
    yield Ratio("ONNX p99", ours["p99"], rows["nice -20"]["p99"], "nice -20", "ms", "none")
    yield Ratio("ONNX p99", ours["p99"], rows["SCHED_FIFO"]["p99"], "SCHED_FIFO", "ms", "1.10")
    yield Ratio("ONNX p99", ours["p99"], rows["alone"]["p99"], "without the make", "ms", "none")
    yield Ratio("ONNX make", ours["objects"], rows["SCHED_OTHER"]["objects"], "SCHED_OTHER", "/s", "none")


def _site(folder: Path, root: Path) -> Path:
    """The wheels that the requirements pin, unpacked: for the Python of this root file system."""
    (python,) = (root / "usr" / "bin").glob("python3.[0-9][0-9]")
    wheels, site = folder / "wheels", folder / "site"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--only-binary=:all:", f"--python-version={python.name.removeprefix('python')}"]
    command += [f"--platform={name}" for name in PLATFORMS]
    command += [f"--dest={wheels}", f"--requirement={REQUIREMENTS}"]
    subprocess.run(command, check=True)
    for wheel in wheels.iterdir():
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(site)
    return site
