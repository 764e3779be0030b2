"""libdataplane-topology on machines that hwloc is told of, in its own words and by what a kernel would show in /sys."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from distrobuild.stages.stage import Job
from tests.stages.dataplane_host import SOURCE

PROGRAM = """
import dataclasses, json
from mlos_dataplane import topology
print(json.dumps(dataclasses.asdict(topology.read())))
"""
GIB = 1 << 30


@pytest.fixture
def job(make_job: Callable[..., Job]) -> Job:
    """A sandbox, which has hwloc, with the compiled libraries in its work folder."""
    made = make_job({})
    shutil.copytree(SOURCE, made.work / "source")
    made.sandbox.run(["make", "--silent", "CFLAGS=-O2 -Werror", "all"], cwd="/work/source")
    return made


def python(job: Job, program: str, environment: Mapping[str, str]) -> str:
    """What a program prints that has the module."""
    paths = {"PYTHONPATH": "/work/source", "LD_LIBRARY_PATH": "/work/source"}
    pairs = [f"{name}={value}" for name, value in {**paths, **environment}.items()]
    return job.sandbox.read(["env", *pairs, "python3", "-c", program]).decode()


def nodes(job: Job, **environment: str) -> list[Any]:
    """Number, processors, memory, and the other nodes from the nearest on with their distances."""
    found = json.loads(python(job, PROGRAM, environment))
    return [
        (
            node["number"],
            node["cpus"],
            node["bytes"],
            [list(pair) for pair in zip(node["near"], node["distances"], strict=True)],
        )
        for node in found["nodes"]
    ]


def test_two_nodes_with_their_processors_and_memory(job: Job) -> None:
    assert nodes(job, HWLOC_SYNTHETIC="pack:2 [numa(memory=4GiB)] core:2 pu:2") == [
        (0, [0, 1, 2, 3], 4 * GIB, [[0, 10], [1, 20]]),
        (1, [4, 5, 6, 7], 4 * GIB, [[1, 10], [0, 20]]),
    ]


def test_memory_without_processors_is_a_node(job: Job) -> None:
    found = nodes(job, HWLOC_SYNTHETIC="[numa(memory=2GiB)] pack:2 [numa(memory=4GiB)] pu:2")
    assert [node[:3] for node in found] == [(0, [0, 1], 4 * GIB), (1, [2, 3], 4 * GIB), (2, [], 2 * GIB)]


def test_a_machine_without_nodes_is_one(job: Job) -> None:
    assert [node[1] for node in nodes(job, HWLOC_SYNTHETIC="core:2 pu:1")] == [[0, 1]]


def test_caches_say_who_shares_them(job: Job) -> None:
    machine = {"HWLOC_SYNTHETIC": "numa:2 l3:1(size=8MiB) core:2 l2:1(size=1MiB) l1d:1(size=32KiB) pu:2"}
    caches = json.loads(python(job, PROGRAM, machine))["caches"]
    kept = [(each["level"], each["bytes"], each["first_cpu"], each["cpus"]) for each in caches]
    assert kept == [
        *((1, 32 << 10, cpu, 2) for cpu in (0, 2, 4, 6)),
        *((2, 1 << 20, cpu, 2) for cpu in (0, 2, 4, 6)),
        *((3, 8 << 20, cpu, 4) for cpu in (0, 4)),
    ]


def cpu(number: int, package: int, cores: str) -> dict[str, str]:
    folder = f"sys/devices/system/cpu/cpu{number}/topology"
    mask = f"{1 << number:x}\n"
    return {
        f"{folder}/physical_package_id": f"{package}\n",
        f"{folder}/core_id": f"{number}\n",
        f"{folder}/core_siblings": cores,
        f"{folder}/package_cpus": cores,
        f"{folder}/thread_siblings": mask,
        f"{folder}/core_cpus": mask,
    }


def node(number: int, cpus: str, kilobytes: int, distances: str) -> dict[str, str]:
    folder = f"sys/devices/system/node/node{number}"
    return {
        f"{folder}/cpumap": cpus,
        f"{folder}/meminfo": f"Node {number} MemTotal: {kilobytes} kB\n",
        f"{folder}/distance": distances,
    }


CAPTURED = {
    **cpu(0, 0, "3\n"),
    **cpu(1, 0, "3\n"),
    **cpu(2, 1, "c\n"),
    "sys/devices/system/cpu/online": "0-2\n",
    "sys/devices/system/cpu/possible": "0-3\n",
    "sys/devices/system/cpu/cpu2/online": "1\n",
    "sys/devices/system/cpu/cpu3/online": "0\n",
    **node(0, "3\n", 1 << 20, "10 21 31\n"),
    **node(1, "c\n", 0, "21 10 17\n"),
    **node(2, "0\n", 4 << 20, "31 17 10\n"),
    "sys/devices/system/node/online": "0-2\n",
    "sys/devices/system/node/possible": "0-2\n",
    "proc/cpuinfo": "".join(f"processor\t: {number}\n\n" for number in range(3)),
    "proc/meminfo": f"MemTotal: {5 << 20} kB\n",
}
"""Node 0 has memory and processors, node 1 processors only, of which 3 is offline, node 2 memory only."""


def test_processors_of_a_node_without_memory_belong_to_the_nearest_that_has_some(job: Job) -> None:
    for name, text in CAPTURED.items():
        place = job.work / "machine" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    # The processor that this runs on would say what it is; here that machine's files alone are asked.
    machine = {"HWLOC_FSROOT": "/work/machine", "HWLOC_COMPONENTS": "linux,stop"}
    assert nodes(job, **machine) == [
        (0, [0, 1], 1 * GIB, [[0, 10], [2, 31]]),
        (2, [2], 4 * GIB, [[2, 10], [0, 31]]),
    ]
    program = (
        "from mlos_dataplane import topology\n"
        "try: topology.read().node_of_cpu(3)\n"
        "except ValueError as error: print(error)\n"
    )
    assert python(job, program, machine) == "no processor 3\n"


@pytest.mark.skipif(not Path("/usr/include/hwloc.h").exists(), reason="no libhwloc-dev on this machine")
def test_this_machine_is_what_its_kernel_says(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    shutil.copytree(SOURCE, folder)
    subprocess.run(["make", "--silent", "libdataplane.so.1", "libdataplane-topology.so.1"], cwd=folder, check=True)
    environment = {**os.environ, "PYTHONPATH": str(folder), "LD_LIBRARY_PATH": str(folder)}
    said = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True, stdout=subprocess.PIPE).stdout
    found = json.loads(said)["nodes"]
    assert os.sched_getaffinity(0) <= {cpu for node in found for cpu in node["cpus"]}
    for each in found:
        folder = Path(f"/sys/devices/system/node/node{each['number']}")
        if folder.is_dir():
            total = int((folder / "meminfo").read_text().split("MemTotal:")[1].split()[0])
            assert each["bytes"] == total << 10


def test_where_hwloc_is_missing_an_error_says_what_to_install_and_the_rest_works(job: Job) -> None:
    program = (
        "from mlos_dataplane import numa, topology\n"
        "try: topology.read()\n"
        "except topology.NoTopology as error: print(error.hint)\n"
        "print(len(numa.allocate(4096)))\n"
    )
    said = python(job, program, {"MLOS_DATAPLANE_TOPOLOGY_LIBRARY": "libnothing.so"}).splitlines()
    assert said[0].startswith("Install hwloc")
    assert said[1] == "4096"
    needed = job.sandbox.read(["objdump", "--private-headers", "/work/source/libdataplane.so.1"]).decode()
    assert "hwloc" not in needed
