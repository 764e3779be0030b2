"""The inventory as a whole: everything once, under names that stay, whatever a probe does."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlos_accel import inventory as module
from mlos_accel import pci
from mlos_accel.device import Device
from mlos_accel.errors import NoSuchDevice
from mlos_accel.inventory import PROBES, Inventory, collect, find
from mlos_accel.tree import Tree

from tests.unit.accel import SOURCE, machines
from tests.unit.accel.capture import captured
from tests.unit.accel.conftest import Machine

Take = Callable[[str], Inventory]


@pytest.mark.parametrize("name", machines.NAMES)
def test_no_two_devices_have_one_name_or_one_node(name: str, inventory: Take) -> None:
    devices = inventory(name).devices
    assert devices
    assert len({each.uuid for each in devices}) == len(devices)
    nodes = [node for each in devices for node in each.nodes]
    assert len(set(nodes)) == len(nodes)


@pytest.mark.parametrize("name", machines.NAMES)
def test_names_stay_the_same(name: str, inventory: Take, tmp_path: Path) -> None:
    again = collect(Tree(machines.make(name, tmp_path / "after a reboot")))
    assert again == inventory(name)


def test_a_derived_name_never_changes() -> None:
    """Whoever has written one down finds the device by it after an update of the package."""
    from mlos_accel import identity

    assert identity.from_place("8086", "643e", "0000:00:0b.0") == "929604b2-b6d0-5397-9a5f-6bbdcaffc0c8"
    assert identity.from_serial("18d1", "9302", "1") == "c67d6463-dd78-513e-ae36-0ce4a8a7ff69"


def test_another_slot_is_another_device_unless_its_maker_named_it(machine: Machine) -> None:
    for name, address, stays in (("laptop", "0000:00:02.0", False), ("instinct", "0000:41:00.0", True)):
        root = machine(name)
        before = next(each for each in collect(Tree(root)).devices if each.address == address)
        folder = root / "sys/bus/pci/devices"
        real = (folder / address).resolve()
        (folder / address).unlink()
        (folder / "0000:66:00.0").symlink_to(real.rename(real.with_name("0000:66:00.0")))
        after = next(each for each in collect(Tree(root)).devices if each.address == "0000:66:00.0")
        assert (after.uuid == before.uuid) == stays


@pytest.mark.parametrize("name", machines.NAMES)
def test_a_machine_that_is_captured_has_the_same_inventory(name: str, machine: Machine, tmp_path: Path) -> None:
    root = machine(name)
    (root / "usr/share/misc/pci.ids").unlink(missing_ok=True)
    again = machines.lay(captured(root), tmp_path / "again")
    assert collect(Tree(again)) == collect(Tree(root))


def test_this_machine_can_be_captured(tmp_path: Path) -> None:
    """The real /sys, whatever is in it."""
    again = Tree(machines.lay(captured(), tmp_path))
    here = Tree(live=False)
    assert collect(again) == collect(here)
    assert [each.address for each in pci.devices(again)] == [each.address for each in pci.devices(here)]


def test_a_machine_without_accelerators_has_none(tmp_path: Path) -> None:
    assert collect(Tree(tmp_path)) == Inventory((), ())


def test_a_device_that_two_probes_find_is_one_with_what_both_know(machine: Machine) -> None:
    root = machine("instinct")
    folder = root / "sys/class/accel_hub/0"
    folder.mkdir(parents=True)
    for name, text in (("name", "amdgpu"), ("kind", "gpu"), ("foreign", "1"), ("jobs_done", "5"), ("load", "1")):
        (folder / name).write_text(text)
    before = {each.address: each for each in collect(Tree(root)).devices}
    (folder / "device").symlink_to("../../../bus/pci/devices/0000:41:00.0")
    after = {each.address: each for each in collect(Tree(root)).devices}
    assert after.keys() == before.keys() - {None}
    gpu = after["0000:41:00.0"]
    assert (gpu.uuid, gpu.uuid_source, gpu.name) == ("GPU-7a5c3e1f00112233", "vendor", "AMD Instinct MI300X")
    assert (gpu.jobs.done, gpu.load.busy_permille) == (5, 1)
    assert gpu.memory.total_bytes == 206141652992


def test_cores_of_one_chip_are_told_apart_by_their_nodes(inventory: Take) -> None:
    cores = [each for each in inventory("hub").devices if each.address == "0000:00:05.0"]
    assert [(each.nodes, each.probe) for each in cores] == [
        (("/dev/accel/accel2",), "hub"), (("/dev/accel/accel3",), "hub"), (("/dev/accel/accel4",), "drm_accel"),
    ]  # fmt: skip


def test_a_probe_that_fails_is_told_and_hides_nobody(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def probe(_tree: Tree) -> Iterator[Device]:
        yield Device(uuid="found", uuid_source="place", probe="broken")
        raise RuntimeError("the library is of another version")

    broken = types.ModuleType("mlos_accel.probes.broken")
    broken.probe = probe  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, broken.__name__, broken)
    root = machine("laptop")
    sound = collect(Tree(root))
    taken = collect(Tree(root), ("broken", *PROBES))
    assert {each.uuid for each in taken.devices} == {each.uuid for each in sound.devices} | {"found"}
    assert taken.problems == (module.Problem("broken", "the library is of another version"),)


def test_files_that_answer_with_errors_are_not_known(machine: Machine) -> None:
    root = machine("instinct")
    place = root / "sys/bus/pci/devices/0000:41:00.0"
    for name in ("mem_info_vram_used", "gpu_busy_percent"):
        (place / name).unlink()
        (place / name).mkdir()  # reading it fails, as of a device that resets
    (place / "hwmon/hwmon4/temp1_input").write_text("not a number\n")
    gpu = next(each for each in collect(Tree(root)).devices if each.address == "0000:41:00.0")
    assert (gpu.memory.used_bytes, gpu.load.busy_permille, gpu.power.temperature_millicelsius) == (None, None, None)
    assert gpu.memory.total_bytes == 206141652992


def test_devices_come_by_kind_and_place_and_declared_ones_last(machine: Machine) -> None:
    root = machine("hub")
    folder = root / "etc/mlos/accelerators.d"
    folder.mkdir(parents=True)
    (folder / "a.toml").write_text('kind = "gpu"\n')
    places = [each.nodes or each.name for each in collect(Tree(root)).devices]
    assert places == [
        ("/dev/accel/accel1",), ("/dev/accel/accel2",), ("/dev/accel/accel3",), ("/dev/accel/accel4",),
        ("/dev/accel/accel0",), "a (declared)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "word", ["1", "0000:98:00.0", "/dev/nvidia1", "GPU-2f0e0d0c-0b0a-4908-8706-050403020101", "gpu-2f0e"]
)
def test_a_device_is_found_by_any_of_its_names(word: str, inventory: Take) -> None:
    index, device = find(inventory("hopper"), word)
    assert (index, device.address) == (1, "0000:98:00.0")


@pytest.mark.parametrize(
    ("word", "complaint"),
    [("2", "there is no device `2`"), ("GPU-", "can be any of 2 devices"), ("gpu", "there is no device"), ("", "no")],
)
def test_a_word_that_means_none_or_several_is_refused(word: str, complaint: str, inventory: Take) -> None:
    with pytest.raises(NoSuchDevice, match=complaint) as refused:
        find(inventory("hopper"), word)
    assert refused.value.hint


def test_a_list_imports_no_library_that_it_does_not_need(machine: Machine) -> None:
    """It must be quick, also on a machine that has NumPy and pynvml."""
    script = "import sys; from mlos_accel.cli import main; main(sys.argv[1:]); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script, "--root", machine("instinct"), "list"],
        env={"PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "mlos_accel.probes.amd" in loaded
    assert not loaded & {"numpy", "pynvml", "ctypes", "json", "tomllib", "http.server", "curses", "mlos_accel.watch"}
