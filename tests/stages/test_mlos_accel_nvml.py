"""NVML through pynvml, the real module, on a library that stands in for NVIDIA's.

No GPU was here when this was written: what the library of a real driver answers was not seen.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.accel import SOURCE, machines

SCRIPT = """
import sys
from mlos_accel.document import text
from mlos_accel.inventory import collect
from mlos_accel.tree import Tree
print(text(collect(Tree(sys.argv[1], live=True))))
"""
WITHOUT_MODULE = "import sys; sys.modules['pynvml'] = None\n" + SCRIPT


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the stand-in."""
    folder = tmp_path_factory.mktemp("nvml")
    source = Path(__file__).with_name("accel_nvml.c")
    flags = ["-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-Wl,-soname,libnvidia-ml.so.1"]
    subprocess.run(["cc", *flags, "-o", folder / "libnvidia-ml.so.1", source], check=True)
    return folder


def gpus(root: Path, library: Path | None, script: str = SCRIPT, **variables: str) -> list[dict[str, Any]]:
    """The devices of the machine `hopper` as JSON has them, by a process that finds the library."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SOURCE), os.environ.get("PYTHONPATH", "")])}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1", "LD_LIBRARY_PATH": str(library or root), **variables}
    tree = machines.make("hopper", root / "hopper")
    done = subprocess.run(
        [sys.executable, "-c", script, str(tree)], env=environment, check=True, stdout=subprocess.PIPE
    )
    content = json.loads(done.stdout)
    assert content["problems"] == []
    devices: list[dict[str, Any]] = content["devices"]
    return devices


def test_the_library_says_what_the_drivers_files_do_not(tmp_path: Path, library: Path) -> None:
    gpu = gpus(tmp_path, library)[0]
    assert gpu["name"] == "NVIDIA H200 number 0"
    assert gpu["uuid"] == "GPU-1f0e0d0c-0b0a-4908-8706-050403020100"
    assert gpu["memory"] == {"total_bytes": 141 * 2**30, "used_bytes": 3 * 2**30, "place": "device"}
    assert gpu["load"]["busy_permille"] == 420
    assert gpu["power"] == {
        "state": "active", "milliwatts": 312500, "limit_milliwatts": 700000, "temperature_millicelsius": 50000,
    }  # fmt: skip
    assert gpu["details"]["compute_capability"] == "9.0"
    assert gpu["notes"] == []


def test_what_a_gpu_cannot_tell_is_not_known(tmp_path: Path, library: Path) -> None:
    consumers, divided = gpus(tmp_path, library)
    assert consumers["health"]["uncorrected_errors"] is None
    assert consumers["health"]["state"] == "ok"
    assert divided["load"]["busy_permille"] is None


def test_errors_and_rows_that_wait_are_warnings_beside_those_of_the_bus(tmp_path: Path, library: Path) -> None:
    health = gpus(tmp_path, library)[1]["health"]
    assert (health["corrected_errors"], health["uncorrected_errors"]) == (17, 2)
    assert health["reasons"] == [
        "its PCIe link has 8 of 16 lanes",
        "rows of its memory wait for a reset to be replaced",
        "2 uncorrected errors",
    ]


def test_instances_have_their_uuids_from_the_library_and_their_nodes_from_the_driver(
    tmp_path: Path, library: Path
) -> None:
    whole, divided = (gpu["partitioning"] for gpu in gpus(tmp_path, library))
    assert (whole["mig"], whole["partitions"]) == (False, [])
    assert divided["mig"] is True
    assert divided["partitions"] == [
        {
            "kind": "mig",
            "name": "gi2/ci0",
            "uuid": "MIG-2f0e0d0c-0b0a-4908-8706-050403020101",
            "memory_bytes": 18 * 2**30,
            "nodes": ["/dev/nvidia-caps/nvidia-cap156", "/dev/nvidia-caps/nvidia-cap157"],
        }
    ]


@pytest.mark.parametrize(
    ("script", "found", "stands_for", "why"),
    [
        (WITHOUT_MODULE, True, "", "pynvml (nvidia-ml-py) is not installed"),
        (SCRIPT, False, "", "NVML Shared Library Not Found"),
        (SCRIPT, True, "unloaded", "Driver Not Loaded"),
    ],
)
def test_without_the_library_the_driver_s_files_serve_and_it_is_said(
    tmp_path: Path, library: Path, script: str, found: bool, stands_for: str, why: str
) -> None:
    gpu = gpus(tmp_path, library if found else None, script, NVML_STANDS_FOR=stands_for)[0]
    assert (gpu["name"], gpu["uuid_source"]) == ("NVIDIA H200", "vendor")
    assert gpu["memory"]["total_bytes"] is None
    (note,) = gpu["notes"]
    assert note.startswith("memory, load and errors are not known: ")
    assert why in note
