"""Boot the image and run its box tests: the proof that a build is worth something.

The image is booted as it is shipped; the way in is a key that exists for this boot only. What tests compare with comes
from the stages before the image (the kernel's release and requested symbols, the repository), never from the image.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from distrobuild.boot.accelerator import AcceleratorChoice
from distrobuild.boot.boxtests import JUNIT, BoxTestRun, run_box_tests
from distrobuild.boot.facts import Facts, repository_versions, requested_symbols
from distrobuild.boot.firmware import Firmware
from distrobuild.boot.qemu import GuestOptions, Medium
from distrobuild.boot.result import FILE
from distrobuild.stages.stage import Job, Options, Stage

IMAGE_SUFFIXES = {".iso", ".raw", ".ipxe"}


def box_tests_input(folder: str) -> str:
    """Name of the input that holds the box tests of `folder`, a path in the project."""
    return f"tests/{folder}"


class BootOptions(Options):
    """Which machine to boot, and what should be found in it."""

    firmware: Firmware = Firmware.SEABIOS
    """`seabios` (BIOS) or `ovmf` (UEFI)."""
    medium: Medium = Medium.CDROM
    """What the image is put into."""
    accel: AcceleratorChoice = AcceleratorChoice.AUTO
    """`auto`: KVM where a guest really runs, else emulation."""
    memory_mib: int = 2048
    """Memory of the guest in MiB."""
    cpus: int = 2
    """Processors of the guest."""
    disks_mib: tuple[int, ...] = ()
    """Sizes of empty disks beside the image."""
    timeout_seconds: float = 600
    """How long the guest may take to boot, in seconds."""
    tests: tuple[str, ...]
    """Folders of the project with box tests, in the order in which they run."""
    further: bool = False
    """Whether the image is a further one of its target, beside the one that has proven the system."""
    name: str
    """Short name of the distribution."""
    version: str
    """Version of the distribution."""
    flavour: str
    """Flavour of kernel and contents."""
    base_distribution: str
    """The distribution that the packages come from: `debian`, `ubuntu`."""
    packages: tuple[str, ...] = ()
    """Our packages that the image should have, the kernel's aside."""
    drivers: tuple[str, ...] = ()
    """Drivers of accelerators that the image is for, by the manifest's names."""


class BootStage(Stage[BootOptions]):
    """Image and box tests -> a report."""

    kind: ClassVar[str] = "boot"
    exclusive: ClassVar[bool] = True
    inputs: ClassVar[Mapping[str, str]] = {
        "image": "folder with one .iso or .raw, or the .ipxe that leads to the rest",
        "ignition": "what the ignition stage made; optional",
        "updates/*": "what update stages made, by version; tests bring the machine to them",
        "containers": "what the oci stage made, for tests to run in the guest; optional",
        "tests/*": "folders with box tests, by their paths in the project",
        "kernel": "what the kernel stage made: release, requested and applied",
        "repository": "what the repository stage made: the folder `repository`",
    }
    outputs: Mapping[str, str] = {
        FILE: "accelerator, times and tests",
        JUNIT: "the tests in JUnit's format",
        "console.log": "everything the serial console said",
        "screenshot.png": "the screen when the system ran",
        "facts.json": "what the tests compared with",
    }

    def run(self, job: Job) -> None:
        """Boot and test. Raises `BootFailed`, `BoxTestsFailed`, `NoBoxTests`; /out keeps console log and picture."""
        result = run_box_tests(self.box_tests(job), job.log)
        boot = result.boot
        assert boot is not None
        job.log(f"booted by {boot.firmware} in {boot.seconds_to_running} s under {boot.accelerator}: {boot.reason}")
        job.log(f"{result.passed} box tests passed, {len(result.skipped)} skipped")

    def box_tests(self, job: Job) -> BoxTestRun:
        """What is booted and compared with what."""
        options = self.options
        (image,) = (path for path in job.inputs["image"].iterdir() if path.suffix in IMAGE_SUFFIXES)
        ignition = job.inputs["ignition"] / "config.ign" if "ignition" in job.inputs else None
        assert job.sandbox.root is not None
        guest = GuestOptions(
            image, options.medium, options.firmware, options.memory_mib, options.cpus, ignition, options.disks_mib
        )
        return BoxTestRun(
            guest=guest,
            tools_root=job.sandbox.root,
            tests=self._lay_out(job),
            facts=self.facts(job.inputs),
            results=job.output,
            accel=options.accel,
            timeout_seconds=options.timeout_seconds,
            probe_cache=job.cache,
            containers=job.inputs.get("containers"),
            updates=tuple(job.inputs[name] for name in sorted(job.inputs) if name.startswith("updates/")),
            further=options.further,
        )

    def _lay_out(self, job: Job) -> tuple[Path, ...]:
        """The folders of tests as they lie in the project: what is said of a test has its name from there."""
        places = tuple(job.work / "tests" / folder for folder in self.options.tests)
        for folder, place in zip(self.options.tests, places, strict=True):
            shutil.copytree(job.inputs[box_tests_input(folder)], place, symlinks=True)
        return places

    def facts(self, inputs: Mapping[str, Path]) -> Facts:
        """What the image should hold, as the stages before say."""
        options = self.options
        release = (inputs["kernel"] / "release").read_text("utf-8").strip()
        applied = (inputs["kernel"] / "applied").read_text("utf-8").splitlines()
        return Facts(
            name=options.name,
            version=options.version,
            flavour=options.flavour,
            base=options.base_distribution,
            kernel_release=release,
            patch_set=applied[0] if applied else None,
            symbols=requested_symbols(inputs["kernel"] / "requested"),
            installed=(*options.packages, f"linux-image-{release}"),
            drivers=options.drivers,
            repository=repository_versions(inputs["repository"] / "repository"),
        )
