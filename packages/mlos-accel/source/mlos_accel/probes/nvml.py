# SPDX-License-Identifier: Apache-2.0
"""What NVIDIA's management library knows of the running machine's GPUs, by `pynvml`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from mlos_accel.device import Device, Health, Load, Memory, Partition, Power
from mlos_accel.health import judged

WITHOUT = "memory, load and errors are not known: "


@dataclass(frozen=True)
class Reading:
    """What the library says of one GPU; what this GPU or this version of it cannot tell is not known."""

    uuid: str | None
    name: str | None
    memory: Memory
    load: Load
    power: Power
    corrected_errors: int | None
    uncorrected_errors: int | None
    complaints: tuple[str, ...]
    mig: bool | None
    partitions: tuple[Partition, ...]
    compute_capability: str | None


def read() -> tuple[dict[str, Reading], str | None]:
    """Readings by PCI address, or why there are none."""
    try:
        import pynvml as library
    except ImportError:
        return {}, f"{WITHOUT}Python's module pynvml (nvidia-ml-py) is not installed"
    try:
        library.nvmlInit()
    except library.NVMLError as error:
        return {}, f"{WITHOUT}{error}"
    try:
        handles = [library.nvmlDeviceGetHandleByIndex(n) for n in range(library.nvmlDeviceGetCount())]
        return {_address(library, handle): _Asked(library, handle).reading() for handle in handles}, None
    except library.NVMLError as error:
        return {}, f"{WITHOUT}{error}"
    finally:
        library.nvmlShutdown()


def completed(device: Device, reading: Reading) -> Device:
    """The device with what the library knows."""
    before = device.health
    return replace(
        device,
        uuid=reading.uuid or device.uuid,
        uuid_source="vendor" if reading.uuid else device.uuid_source,
        name=reading.name or device.name,
        memory=reading.memory,
        load=reading.load,
        power=replace(reading.power, state=device.power.state),
        partitioning=replace(
            device.partitioning,
            mig=reading.mig,
            partitions=_with_nodes(reading.partitions, device.partitioning.partitions),
        ),
        health=judged(
            Health(
                reasons=(*before.reasons, *reading.complaints),
                corrected_errors=reading.corrected_errors,
                uncorrected_errors=reading.uncorrected_errors,
                bus_errors_corrected=before.bus_errors_corrected,
                bus_errors_uncorrected=before.bus_errors_uncorrected,
            ),
            driven=True,
        ),
        details={**device.details, **({"compute_capability": c} if (c := reading.compute_capability) else {})},
    )


def _with_nodes(named: tuple[Partition, ...], by_file: tuple[Partition, ...]) -> tuple[Partition, ...]:
    """The library knows names and uuids of instances, the driver's files know their nodes."""
    nodes = {each.name: each.nodes for each in by_file}
    return tuple(replace(each, nodes=nodes.get(each.name, ())) for each in named) or by_file


def _address(library: Any, handle: Any) -> str:
    """`00000000:01:00.0` of the library, as the kernel writes it."""
    domain, _, rest = _words(library.nvmlDeviceGetPciInfo(handle).busId).partition(":")
    return f"{int(domain, 16):04x}:{rest}".lower()


def _words(value: Any) -> str:
    """Older versions of the module return bytes."""
    return value.decode() if isinstance(value, bytes) else str(value)


class _Asked:
    """One GPU, or one instance of one."""

    def __init__(self, library: Any, handle: Any) -> None:
        self._library = library
        self._handle = handle

    def _ask(self, name: str, *arguments: Any) -> Any:
        """Call a function of the library; None if it cannot answer: consumers' GPUs lack half of it."""
        function: Callable[..., Any] | None = getattr(self._library, name, None)
        if function is None:
            return None
        try:
            return function(self._handle, *arguments)
        except self._library.NVMLError:
            return None

    def reading(self) -> Reading:
        """Everything."""
        library = self._library
        uuid, name = self._ask("nvmlDeviceGetUUID"), self._ask("nvmlDeviceGetName")
        mode = self._ask("nvmlDeviceGetMigMode")
        rates = self._ask("nvmlDeviceGetUtilizationRates")
        capability = self._ask("nvmlDeviceGetCudaComputeCapability")
        mig = None if mode is None else mode[0] == library.NVML_DEVICE_MIG_ENABLE
        return Reading(
            uuid=_words(uuid) if uuid else None,
            name=_words(name) if name else None,
            memory=self._memory(),
            load=Load(busy_permille=None if rates is None else rates.gpu * 10),
            power=self._power(),
            corrected_errors=self._errors(library.NVML_MEMORY_ERROR_TYPE_CORRECTED),
            uncorrected_errors=self._errors(library.NVML_MEMORY_ERROR_TYPE_UNCORRECTED),
            complaints=tuple(self._complaints()),
            mig=mig,
            partitions=tuple(self._instances()) if mig else (),
            compute_capability=f"{capability[0]}.{capability[1]}" if capability else None,
        )

    def _memory(self) -> Memory:
        memory = self._ask("nvmlDeviceGetMemoryInfo")
        if memory is None:
            return Memory(place="device")
        return Memory(total_bytes=memory.total, used_bytes=memory.used, place="device")

    def _power(self) -> Power:
        sensor = self._library.NVML_TEMPERATURE_GPU
        degrees = self._ask("nvmlDeviceGetTemperatureV", sensor)
        if degrees is None:  # drivers before that function
            degrees = self._ask("nvmlDeviceGetTemperature", sensor)
        return Power(
            milliwatts=self._ask("nvmlDeviceGetPowerUsage"),
            limit_milliwatts=self._ask("nvmlDeviceGetEnforcedPowerLimit"),
            temperature_millicelsius=None if degrees is None else degrees * 1000,
        )

    def _errors(self, kind: int) -> int | None:
        """Since the driver started: what happened in earlier years is no complaint today."""
        count: int | None = self._ask("nvmlDeviceGetTotalEccErrors", kind, self._library.NVML_VOLATILE_ECC)
        return count

    def _complaints(self) -> Iterator[str]:
        rows = self._ask("nvmlDeviceGetRemappedRows")
        if rows and rows[2]:
            yield "rows of its memory wait for a reset to be replaced"
        if rows and rows[3]:
            yield "a row of its memory could not be replaced"

    def _instances(self) -> Iterator[Partition]:
        for number in range(self._ask("nvmlDeviceGetMaxMigDeviceCount") or 0):
            handle = self._ask("nvmlDeviceGetMigDeviceHandleByIndex", number)
            if handle is not None:
                yield _Asked(self._library, handle)._partition()

    def _partition(self) -> Partition:
        uuid = self._ask("nvmlDeviceGetUUID")
        gi, ci = self._ask("nvmlDeviceGetGpuInstanceId"), self._ask("nvmlDeviceGetComputeInstanceId")
        return Partition(
            kind="mig",
            name=f"gi{gi}/ci{ci}",
            uuid=_words(uuid) if uuid else None,
            memory_bytes=self._memory().total_bytes,
        )
