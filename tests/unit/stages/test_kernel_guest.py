"""The machine in which a bare kernel is tested."""

from __future__ import annotations

import itertools

from distrobuild.boot.accelerator import Accelerator, AcceleratorKind
from distrobuild.stages.kernel_test import KernelTestOptions, KernelTestStage


def command(**options: object) -> list[str]:
    """QEMU's arguments for a guest with these options."""
    stage = KernelTestStage(KernelTestOptions.model_validate(options))
    return stage.command(Accelerator(AcceleratorKind.TCG, "no other is asked about"))


def following(arguments: list[str], option: str) -> list[str]:
    """What stands behind each occurrence of the option."""
    return [value for name, value in itertools.pairwise(arguments) if name == option]


def test_one_node_needs_no_word() -> None:
    assert "-numa" not in command(cpus=4)
    assert following(command(cpus=4), "-smp") == ["4"]


def test_nodes_share_memory_and_processors() -> None:
    arguments = command(cpus=3, memory_mib=1025, numa_nodes=2)
    assert following(arguments, "-m") == ["1025M"]
    assert following(arguments, "-smp") == ["3,sockets=3"]
    assert following(arguments, "-object") == [
        "memory-backend-ram,id=memory0,size=513M",
        "memory-backend-ram,id=memory1,size=512M",
    ]
    assert following(arguments, "-numa") == [
        "node,nodeid=0,memdev=memory0,cpus=0,cpus=2",
        "node,nodeid=1,memdev=memory1,cpus=1",
    ]


def test_devices_stand_in_their_order() -> None:
    devices = ["edu,dma_mask=0xffffffff", "edu"]
    assert following(command(devices=devices), "-device") == devices
    assert "-device" not in command()


def test_a_node_may_have_memory_alone() -> None:
    assert following(command(cpus=1, numa_nodes=2), "-numa")[1] == "node,nodeid=1,memdev=memory1"
