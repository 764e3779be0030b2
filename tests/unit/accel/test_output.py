"""What people and programs read: the table, the description, JSON, metrics, and specifications for containers."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import fastjsonschema
import pytest
from mlos_accel import cdi, screen, units
from mlos_accel.description import described
from mlos_accel.device import Device, Memory
from mlos_accel.document import text
from mlos_accel.errors import CannotWrite
from mlos_accel.inventory import Inventory, Problem
from mlos_accel.listing import table
from mlos_accel.metrics import exposition
from mlos_accel.screen import Screen

from tests.unit.accel import SOURCE, machines

Take = Callable[[str], Inventory]
SCHEMA = json.loads((SOURCE / "inventory.schema.json").read_text("utf-8"))
CDI_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.:-]*[A-Za-z0-9])?")
"""What the specification of the Container Device Interface lets a device be called."""
STYLE = re.compile(r"\x1b\[\d*m")
SAMPLE = re.compile(
    r'(?P<name>[a-z_]+)\{(?P<labels>[a-z]+="(?:[^"\\]|\\.)*"(?:,[a-z]+="(?:[^"\\]|\\.)*")*)\} (?P<value>\S+)'
)


def test_the_table_is_aligned_and_complete(inventory: Take) -> None:
    assert table(inventory("instinct").devices, Screen()) == [
        "#  KIND  NAME                 ADDRESS       NUMA          MEMORY  LOAD  HEALTH",
        "0  gpu   AMD GPU 744c         0000:00:05.0     -               -     -  unknown",
        "1  gpu   AMD Instinct MI300X  0000:41:00.0     0  48.0/192.0 GiB   37%  ok",
        "2  gpu   AMD Instinct MI300X  0000:c1:00.0     1  48.0/192.0 GiB    0%  warning",
    ]


def test_a_column_in_which_nothing_is_known_is_left_out(inventory: Take) -> None:
    assert table(inventory("hopper").devices, Screen())[0].split() == [
        "#", "KIND", "NAME", "ADDRESS", "NUMA", "HEALTH",
    ]  # fmt: skip


@pytest.mark.parametrize("columns", [40, 60, 80, 132])
@pytest.mark.parametrize("name", machines.NAMES)
def test_no_line_is_longer_than_the_screen(name: str, columns: int, inventory: Take) -> None:
    devices = inventory(name).devices
    lines = table(devices, Screen(columns=columns))
    assert max(map(len, lines)) <= columns
    for line, device in zip(lines[1:], devices, strict=True):
        assert line.endswith(units.shown_state(device)), "what matters most never goes"
        assert device.name[:10] in line


@pytest.mark.parametrize("name", machines.NAMES)
def test_a_description_keeps_to_the_screen_and_says_all_uuids(name: str, inventory: Take) -> None:
    for number, device in enumerate(inventory(name).devices):
        lines = described(number, device, Screen(columns=80))
        assert max(map(len, lines)) <= 80
        assert lines[0] == f"{number}  {device.name}"
        words = " ".join(lines).split()
        assert device.uuid in words
        assert set(device.nodes) <= set(words)
        assert {part.uuid for part in device.partitioning.partitions if part.uuid} <= set(words)


def test_a_description_says_why_a_device_is_not_well(inventory: Take) -> None:
    gpu = inventory("instinct").devices[2]
    lines = [line.split(maxsplit=1) for line in described(2, gpu, Screen())]
    rows = {line[0]: line[1] for line in lines if len(line) == 2}
    assert rows["health"] == "warning: 2 bad pages of memory, 2 uncorrected errors"
    assert rows["errors"].startswith("10 corrected, 2 uncorrected, 0 corrected on the bus")
    assert rows["power"] == "active, 187 W, at most 750 W, 48 °C"


def test_colours_add_nothing_to_the_text(inventory: Take) -> None:
    for name in machines.NAMES:
        devices = inventory(name).devices
        coloured = table(devices, Screen(colour=True))
        assert any("\x1b[32m" in line or "\x1b[33m" in line for line in coloured)
        assert [STYLE.sub("", line) for line in coloured] == table(devices, Screen())


@pytest.mark.parametrize(
    ("terminal", "variables", "colour"),
    [
        (True, {"TERM": "xterm"}, True),
        (False, {"TERM": "xterm"}, False),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (True, {"TERM": "xterm", "NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_colours_are_for_terminals_whose_user_wants_them(
    terminal: bool, variables: dict[str, str], colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stream(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert screen.of(Stream()).colour == colour


@pytest.mark.parametrize(
    ("memory", "words"),
    [
        (Memory(), "-"),
        (Memory(total_bytes=0), "0 B"),
        (Memory(total_bytes=1023), "1023 B"),
        (Memory(total_bytes=2**40), "1.0 TiB"),
        (Memory(used_bytes=2**20), "1.0 MiB used"),
        (Memory(total_bytes=80 * 2**30, used_bytes=2**29), "0.5/80.0 GiB"),
    ],
)
def test_memory_is_told_in_the_unit_of_the_whole(memory: Memory, words: str) -> None:
    assert units.used(memory) == words


@pytest.mark.parametrize(("milliwatts", "words"), [(None, "-"), (0, "0 W"), (2_340, "2.3 W"), (187_400, "187 W")])
def test_small_powers_have_a_tenth(milliwatts: int | None, words: str) -> None:
    assert units.watts(milliwatts) == words


@pytest.mark.parametrize("name", machines.NAMES)
def test_json_is_as_its_schema_says(name: str, inventory: Take) -> None:
    content = json.loads(text(inventory(name)))
    fastjsonschema.compile(SCHEMA)(content)
    assert [each["index"] for each in content["devices"]] == list(range(len(content["devices"])))


def test_the_schema_knows_every_key(inventory: Take) -> None:
    """What is printed beyond it would be a promise that nobody wrote down."""

    def compare(schema: dict[str, Any], value: Any) -> None:
        if schema.get("type") == "array":
            for each in value:
                compare(schema["items"], each)
        elif "properties" in schema:
            assert set(value) == set(schema["properties"])
            for key, inner in value.items():
                compare(schema["properties"][key], inner)

    for name in machines.NAMES:
        taken = replace(inventory(name), problems=(Problem("amd", "broken"),))
        compare(SCHEMA, json.loads(text(taken)))


@pytest.mark.parametrize(("key", "value"), [("kind", "cpu"), ("uuid", ""), ("nodes", None), ("numa_node", -1)])
def test_the_schema_refuses_what_is_wrong(key: str, value: Any, inventory: Take) -> None:
    content = json.loads(text(inventory("hopper")))
    content["devices"][0][key] = value
    with pytest.raises(fastjsonschema.JsonSchemaException):
        fastjsonschema.compile(SCHEMA)(content)


def samples(inventory: Inventory) -> dict[tuple[str, str], float]:
    """Values by name and first label; every line must be well formed and every name have one heading before it."""
    found: dict[tuple[str, str], float] = {}
    kind = ""
    for line in exposition(inventory).splitlines():
        if line.startswith("# TYPE "):
            kind = line.split()[2]
            continue
        if not line.startswith("# HELP "):
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert match["name"] == kind
            found[match["name"], match["labels"].split('"')[1]] = float(match["value"])
    return found


def test_metrics_are_in_base_units_and_leave_out_what_is_not_known(inventory: Take) -> None:
    found = samples(inventory("instinct"))
    gpu, unknown = "GPU-7a5c3e1f00112233", "1ad1e65e-6276-5643-a6eb-3757825033e4"
    assert found["mlos_accel_memory_used_bytes", gpu] == 51539607552
    assert found["mlos_accel_busy_ratio", gpu] == 0.37
    assert found["mlos_accel_power_watts", gpu] == 187
    assert found["mlos_accel_temperature_celsius", gpu] == 48
    assert found["mlos_accel_healthy", gpu] == 1
    assert found["mlos_accel_healthy", "GPU-7a5c3e1f00114455"] == 0
    assert found["mlos_accel_device_info", unknown] == 1
    assert ("mlos_accel_healthy", unknown) not in found
    assert found["mlos_accel_probe_failed", "amd"] == 0


def test_metrics_say_which_probe_failed(inventory: Take) -> None:
    taken = replace(inventory("laptop"), problems=(Problem("amd", "broken"),))
    assert samples(taken)["mlos_accel_probe_failed", "amd"] == 1


def test_names_with_quotes_do_not_break_metrics() -> None:
    odd = Device(uuid="odd", uuid_source="place", name='a "b" \\ c\nd', probe="fake")
    assert ("mlos_accel_device_info", "odd") in samples(Inventory((odd,), ()))


@pytest.mark.parametrize("name", machines.NAMES)
def test_a_specification_for_containers_is_valid(name: str, inventory: Take) -> None:
    content = cdi.specification(inventory(name))
    assert content is not None
    assert content["cdiVersion"] == "0.6.0"
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_.-]*[A-Za-z0-9]/[A-Za-z][A-Za-z0-9_-]*", content["kind"])
    names = [device["name"] for device in content["devices"]]
    assert len(set(names)) == len(names)
    for device in content["devices"]:
        assert CDI_NAME.fullmatch(device["name"])
        paths = [node["path"] for node in device["containerEdits"]["deviceNodes"]]
        assert paths
        assert len(set(paths)) == len(paths)
        assert all(path.startswith("/dev/") for path in paths)


def nodes_of(inventory: Inventory, name: str) -> list[str]:
    content = cdi.specification(inventory)
    assert content is not None
    (entry,) = (device for device in content["devices"] if device["name"] == name)
    return [node["path"] for node in entry["containerEdits"]["deviceNodes"]]


def test_a_container_gets_a_device_and_what_it_needs_besides(inventory: Take) -> None:
    taken = inventory("instinct")
    expected = ["/dev/dri/card1", "/dev/dri/renderD128", "/dev/kfd"]
    assert nodes_of(taken, "1") == nodes_of(taken, "GPU-7a5c3e1f00112233") == expected
    assert set(nodes_of(taken, "all")) == {*expected, "/dev/dri/card2", "/dev/dri/renderD129", "/dev/dri/renderD130"}


def test_a_container_gets_a_part_of_a_device_alone(inventory: Take) -> None:
    assert nodes_of(inventory("instinct"), "2:1") == ["/dev/dri/renderD130", "/dev/kfd"]
    assert nodes_of(inventory("hopper"), "1:0") == [
        "/dev/nvidia1", "/dev/nvidia-caps/nvidia-cap147", "/dev/nvidia-caps/nvidia-cap148",
        "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools",
    ]  # fmt: skip


def test_a_specification_appears_whole_and_goes_with_the_last_device(inventory: Take, tmp_path: Path) -> None:
    folder = tmp_path / "run/cdi"
    taken = inventory("laptop")
    path = cdi.write(taken, str(folder))
    assert path == str(folder / "mlos-accel.json")
    assert json.loads(Path(path).read_text()) == cdi.specification(taken)
    assert [file.name for file in folder.iterdir()] == ["mlos-accel.json"]
    assert cdi.write(Inventory((), ()), str(folder)) is None
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(inventory: Take, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match="File exists"):
        cdi.write(inventory("laptop"), str(tmp_path / "file"))
