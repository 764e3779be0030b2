"""What each probe makes of the files that its driver has.

No tree here was captured from a machine with accelerators: all were written down from the kernel's and the vendors'
documentation, which each file of `machines/` names.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mlos_accel.device import Device, Jobs, Load, Memory, Partition, Power
from mlos_accel.inventory import Inventory, collect
from mlos_accel.tree import Tree

from tests.unit.accel.conftest import Machine

Find = Callable[[str, str], Device]


def test_a_gpu_of_nvidia_is_known_by_what_its_driver_says(device: Find) -> None:
    gpu = device("hopper", "0000:18:00.0")
    assert (gpu.name, gpu.vendor, gpu.kind, gpu.driver) == ("NVIDIA H200", "NVIDIA", "gpu", "nvidia")
    assert (gpu.uuid, gpu.uuid_source) == ("GPU-1f0e0d0c-0b0a-4908-8706-050403020100", "vendor")
    assert gpu.nodes == ("/dev/nvidia0", "/dev/dri/card1", "/dev/dri/renderD128")
    assert gpu.shared_nodes == ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools")
    assert gpu.numa_node == 0
    assert gpu.details["driver_version"] == "570.133.20"
    assert (gpu.partitioning.virtual_functions, gpu.partitioning.virtual_functions_limit) == (0, 16)


def test_what_only_the_vendors_library_knows_is_said_to_be_unknown(device: Find) -> None:
    gpu = device("hopper", "0000:18:00.0")
    assert gpu.memory == Memory()
    assert gpu.notes == ("another machine's tree: NVML was not asked",)


def test_a_gpu_that_the_driver_has_not_started_yet_is_named_by_its_place(machine: Machine) -> None:
    root = machine("hopper")
    file = root / "proc/driver/nvidia/gpus/0000:18:00.0/information"
    file.write_text(file.read_text().replace("GPU-1f0e0d0c-0b0a-4908-8706-050403020100", "GPU-????????-????"))
    gpu = collect(Tree(root)).devices[0]
    assert (gpu.address, gpu.uuid_source) == ("0000:18:00.0", "place")


def test_instances_of_a_divided_gpu_are_known_with_their_nodes(device: Find) -> None:
    parts = device("hopper", "0000:98:00.0").partitioning
    assert parts.mig is True
    assert [(part.name, part.nodes) for part in parts.partitions] == [
        ("gi1/ci0", ("/dev/nvidia-caps/nvidia-cap147", "/dev/nvidia-caps/nvidia-cap148")),
        ("gi2/ci0", ("/dev/nvidia-caps/nvidia-cap156", "/dev/nvidia-caps/nvidia-cap157")),
    ]
    assert device("hopper", "0000:18:00.0").partitioning.mig is None


def test_mps_is_seen_by_its_control_pipe(machine: Machine) -> None:
    root = machine("hopper")
    assert not collect(Tree(root)).devices[0].partitioning.mps
    (root / "tmp/nvidia-mps").mkdir(parents=True)
    (root / "tmp/nvidia-mps/control").touch()
    assert collect(Tree(root)).devices[0].partitioning.mps


def test_a_gpu_of_amd_tells_everything_in_files(device: Find) -> None:
    gpu = device("instinct", "0000:41:00.0")
    assert (gpu.name, gpu.uuid, gpu.uuid_source) == ("AMD Instinct MI300X", "GPU-7a5c3e1f00112233", "vendor")
    assert gpu.memory == Memory(total_bytes=206141652992, used_bytes=51539607552, place="device")
    assert gpu.load == Load(busy_permille=370)
    assert gpu.power == Power(
        state="active", milliwatts=187_000, limit_milliwatts=750_000, temperature_millicelsius=48_000
    )
    assert gpu.nodes == ("/dev/dri/card1", "/dev/dri/renderD128")
    assert gpu.shared_nodes == ("/dev/kfd",)
    assert gpu.details["architecture"] == "gfx942"
    assert (gpu.health.state, gpu.health.corrected_errors, gpu.health.uncorrected_errors) == ("ok", 5, 0)
    assert (gpu.partitioning.compute_mode, gpu.partitioning.memory_mode) == ("SPX", "NPS1")
    assert gpu.partitioning.compute_modes == ("SPX", "DPX", "QPX", "CPX")
    assert gpu.partitioning.partitions == ()


def test_a_divided_gpu_of_amd_has_a_part_for_each_node_of_the_topology(device: Find) -> None:
    gpu = device("instinct", "0000:c1:00.0")
    assert gpu.partitioning.partitions == tuple(
        Partition(kind="compute", name=name, uuid=uuid, memory_bytes=25767706624, nodes=(f"/dev/dri/renderD{minor}",))
        for name, uuid, minor in (("0", "GPU-0123456789abcdef", 129), ("1", "GPU-0123456789abcdf0", 130))
    )
    assert gpu.health.state == "warning"
    assert gpu.health.reasons == ("2 bad pages of memory", "2 uncorrected errors")


def test_a_gpu_without_a_driver_is_listed_and_its_health_unknown(device: Find) -> None:
    gpu = device("instinct", "0000:00:05.0")
    assert (gpu.driver, gpu.health.state, gpu.numa_node) == (None, "unknown", None)


def test_a_gpu_of_intel_counts_how_long_it_slept(device: Find) -> None:
    gpu = device("laptop", "0000:00:02.0")
    assert (gpu.vendor, gpu.driver, gpu.kind) == ("Intel", "xe", "gpu")
    assert gpu.load == Load(idle_us=7_200_000_000)
    assert gpu.memory == Memory(place="system")
    assert gpu.nodes == ("/dev/dri/card0", "/dev/dri/renderD128")
    assert gpu.power.temperature_millicelsius == 51_000
    older = device("training", "0000:24:00.0")
    assert (older.load, older.details["frequency_mhz"]) == (Load(idle_us=1_000_000), "2050")


def test_a_name_comes_from_the_list_of_pci_ids_if_no_driver_has_one(device: Find) -> None:
    assert device("training", "0000:24:00.0").name == "Intel Data Center GPU Flex 170"
    assert device("laptop", "0000:00:02.0").name == "Intel GPU 64a0"


def test_a_name_of_another_vendor_is_not_taken(machine: Machine) -> None:
    root = machine("training")
    file = root / "usr/share/misc/pci.ids"
    file.write_text(file.read_text().replace("\t56c0  ATS", "\t56c1  ATS"))
    assert collect(Tree(root)).devices[0].name == "Intel GPU 56c0"


def test_a_virtual_function_names_its_physical_one(device: Find) -> None:
    virtual = device("training", "0000:24:00.1")
    assert virtual.partitioning.physical_function == "0000:24:00.0"
    assert virtual.health.state == "unknown", "a driver that only keeps it for a virtual machine tells nothing"
    assert device("training", "0000:24:00.0").partitioning.virtual_functions == 2


def test_an_npu_of_intel_works_in_the_machines_memory(device: Find) -> None:
    npu = device("laptop", "/dev/accel/accel0")
    assert (npu.name, npu.kind, npu.driver) == ("Intel NPU (Lunar Lake)", "npu", "intel_vpu")
    assert npu.memory == Memory(used_bytes=268435456, place="system")
    assert npu.load == Load(busy_us=81_234_567)
    assert npu.power.state == "suspended"
    assert npu.details == {"frequency_mhz": "0", "frequency_limit_mhz": "1950", "scheduler": "hardware"}


def test_a_gaudi_card_says_itself_when_it_is_out_of_order(device: Find) -> None:
    well, broken = device("training", "/dev/accel/accel0"), device("training", "/dev/accel/accel1")
    assert (well.name, well.health.state, well.health.resets) == ("Habana Gaudi 2", "ok", 1)
    assert well.power.limit_milliwatts == 600_000
    assert (broken.health.state, broken.health.reasons) == ("failed", ("the driver says: Disabled",))


def test_a_card_of_qualcomm_counts_its_errors(device: Find) -> None:
    card = device("training", "/dev/accel/accel2")
    assert (card.health.corrected_errors, card.health.uncorrected_errors) == (12, 1)
    assert (card.health.state, card.health.reasons) == ("warning", ("1 uncorrected error",))


def test_an_npu_without_a_driver_is_listed_with_the_one_it_needs(device: Find) -> None:
    npu = device("training", "0000:26:00.0")
    assert (npu.driver, npu.health.state) == (None, "unknown")
    assert npu.notes == ("no driver has it: the kernel's intel_vpu is for it",)


def test_control_nodes_of_the_class_are_no_devices(inventory: Callable[[str], Inventory]) -> None:
    assert sum(each.driver == "habanalabs" for each in inventory("training").devices) == 2


@pytest.mark.parametrize(
    ("compatible", "name"),
    [
        ("rockchip,rk3588-rknn-core", "Rockchip NPU (RK3588)"),
        ("fsl,imx93-ethosu\0arm,ethos-u65", "Arm Ethos-U65"),
        ("somebody,else", "example"),
    ],
)
def test_a_part_of_the_chip_is_known_by_its_device_tree(tmp_path: Path, compatible: str, name: str) -> None:
    place = tmp_path / "sys/devices/platform/fdab0000.npu"
    (place / "of_node").mkdir(parents=True)
    (place / "of_node/compatible").write_bytes(compatible.encode() + b"\0")
    (place / "driver").symlink_to("../../../bus/platform/drivers/example")
    (tmp_path / "sys/class/accel/accel0").mkdir(parents=True)
    (tmp_path / "sys/class/accel/accel0/device").symlink_to("../../../devices/platform/fdab0000.npu")
    (npu,) = collect(Tree(tmp_path)).devices
    assert (npu.name, npu.address, npu.nodes) == (name, "fdab0000.npu", ("/dev/accel/accel0",))


def test_an_edge_tpu_on_pci_express_tells_its_temperature_and_that_it_died(device: Find) -> None:
    tpu = device("training", "/dev/apex_0")
    assert (tpu.name, tpu.kind, tpu.address) == ("Coral Edge TPU", "tpu", "0000:25:00.0")
    assert tpu.power.temperature_millicelsius == 61_250
    assert (tpu.health.state, tpu.health.resets) == ("failed", 5)


def test_an_edge_tpu_is_one_device_with_the_node_of_the_class_accel(device: Find) -> None:
    tpu = device("training", "/dev/apex_1")
    assert (tpu.name, tpu.kind, tpu.nodes) == ("Coral Edge TPU", "tpu", ("/dev/apex_1", "/dev/accel/accel3"))
    assert (tpu.power.temperature_millicelsius, tpu.health.state, tpu.health.resets) == (48_300, "ok", None)


def test_an_edge_tpu_without_its_class_tells_its_temperature_by_hwmon(machine: Machine) -> None:
    root = machine("training")
    (root / "sys/class/apex/apex_1").unlink()
    (tpu,) = (each for each in collect(Tree(root)).devices if each.address == "0000:27:00.0")
    assert (tpu.nodes, tpu.power.temperature_millicelsius) == (("/dev/accel/accel3",), 48_300)


def test_an_edge_tpu_on_usb_is_the_same_before_and_after_its_firmware(machine: Machine) -> None:
    root = machine("laptop")

    def tpu() -> Device:
        return next(each for each in collect(Tree(root)).devices if each.kind == "tpu")

    waiting = tpu()
    assert (waiting.nodes, waiting.health.state) == (("/dev/bus/usb/001/007",), "unknown")
    assert waiting.notes
    place = root / "sys/bus/usb/devices/1-4"
    (place / "idVendor").write_text("18d1\n")
    (place / "idProduct").write_text("9302\n")
    (place / "devnum").write_text("8\n")
    ready = tpu()
    assert (ready.nodes, ready.health.state, ready.notes) == (("/dev/bus/usb/001/008",), "ok", ())
    assert ready.uuid == waiting.uuid


def test_a_serial_number_on_usb_names_a_device_in_every_port(machine: Machine) -> None:
    root = machine("laptop")
    place = root / "sys/bus/usb/devices/1-4"
    (place / "serial").write_text("0123456789\n")
    one = next(each for each in collect(Tree(root)).devices if each.kind == "tpu")
    assert one.uuid_source == "serial"
    (root / "sys/bus/usb/devices/2-1").symlink_to(place.readlink())
    place.unlink()
    other = next(each for each in collect(Tree(root)).devices if each.kind == "tpu")
    assert (other.address, other.uuid) == ("2-1", one.uuid)


def test_a_device_of_the_hub_tells_all_in_the_hubs_words(device: Find) -> None:
    sim = device("hub", "/dev/accel/accel0")
    assert (sim.name, sim.kind, sim.driver, sim.address) == ("accel-sim", "sim", "accel_sim", "accel_sim.0")
    assert sim.capabilities == ("int8", "fp32", "copy", "matmul", "convolution", "elementwise", "import")
    assert (sim.memory.total_bytes, sim.memory.used_bytes) == (268435456, 1048576)
    assert sim.load == Load(busy_permille=412, queues=4, queue_depth=3)
    assert (sim.jobs.submitted, sim.jobs.done, sim.jobs.failed) == (1003, 998, 2)
    assert (sim.jobs.contexts, sim.jobs.model, sim.health.resets) == (2, 17, 1)
    assert (sim.numa_node, sim.power.state, sim.power.milliwatts) == (None, "active", None)


def test_the_hub_of_a_real_kernel_says_what_the_inventory_reads(device: Find) -> None:
    edu = device("guest", "/dev/accel/accel1")
    assert (edu.name, edu.kind, edu.driver, edu.address) == ("QEMU edu", "other", "accel_edu", "0000:01:00.0")
    assert edu.capabilities == ("copy", "import", "factorial")
    assert edu.load == Load(busy_permille=102, queues=1, queue_depth=0)
    assert (edu.jobs, edu.health.state) == (Jobs(submitted=2, done=2, failed=0, contexts=0, model=0), "ok")
    assert (edu.memory.total_bytes, edu.power.state) == (16 << 20, "active")
    sim = device("guest", "/dev/accel/accel0")
    assert (sim.name, sim.kind, sim.address, sim.load.queues) == ("Software accelerator", "sim", "accel_sim.0", 4)


def test_a_device_that_the_hub_only_lists_is_described_by_its_own_probe(device: Find) -> None:
    npu = device("hub", "/dev/accel/accel1")
    assert (npu.name, npu.vendor, npu.kind) == ("AMD NPU (XDNA 2)", "AMD", "npu")
    assert npu.details == {"product": "RyzenAI-npu4", "firmware": "255.0.11.69"}


def test_a_hub_without_most_of_its_files_leaves_open_what_they_would_say(tmp_path: Path) -> None:
    (tmp_path / "sys/class/accel_hub/0").mkdir(parents=True)
    (tmp_path / "sys/class/accel_hub/0/name").write_text("bare\n")
    (bare,) = collect(Tree(tmp_path)).devices
    assert (bare.name, bare.kind, bare.driver, bare.memory, bare.load) == ("bare", "other", None, Memory(), Load())


def test_a_link_with_lanes_missing_is_a_warning(device: Find) -> None:
    assert device("hopper", "0000:18:00.0").health.state == "ok"
    health = device("hopper", "0000:98:00.0").health
    assert (health.state, health.reasons) == ("warning", ("its PCIe link has 8 of 16 lanes",))


def test_uncorrected_errors_of_the_bus_are_a_warning_and_corrected_ones_are_not(machine: Machine) -> None:
    root = machine("hopper")
    place = root / "sys/bus/pci/devices/0000:18:00.0"
    health = collect(Tree(root)).devices[0].health
    assert (health.state, health.bus_errors_corrected, health.bus_errors_uncorrected) == ("ok", 3, 0)
    (place / "aer_dev_nonfatal").write_text("Completion Timeout 2\nTOTAL_ERR_NONFATAL 2\n")
    health = collect(Tree(root)).devices[0].health
    assert (health.state, health.reasons) == ("warning", ("2 uncorrected PCIe errors",))


def declare(root: Path, text: str) -> Inventory:
    folder = root / "etc/mlos/accelerators.d"
    folder.mkdir(parents=True)
    (folder / "practice.toml").write_text(text)
    return collect(Tree(root))


def test_a_declared_device_is_listed_as_one_everywhere(tmp_path: Path) -> None:
    text = 'name = "Practice"\nkind = "tpu"\nmemory_mib = 512\nnuma_node = 1\ncapabilities = ["int8"]\n'
    (fake,) = declare(tmp_path, text).devices
    assert (fake.name, fake.vendor, fake.declared) == ("Practice (declared)", "declared", True)
    assert (fake.kind, fake.memory.total_bytes, fake.numa_node) == ("tpu", 512 * 2**20, 1)
    assert fake.capabilities == ("int8",)
    assert fake.nodes == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name = ", "Invalid value"),
        ("nmae = 'x'", "there is no key `nmae`"),
        ("memory_mib = '512'", "`memory_mib` is not of type int"),
        ("numa_node = true", "`numa_node` is not of type int"),
        ("kind = 'cpu'", "`cpu` is no kind"),
    ],
)
def test_a_wrong_declaration_is_told_with_its_file(tmp_path: Path, text: str, complaint: str) -> None:
    (problem,) = declare(tmp_path, text).problems
    assert problem.probe == "fake"
    assert problem.message.startswith("/etc/mlos/accelerators.d/practice.toml: ")
    assert complaint in problem.message
