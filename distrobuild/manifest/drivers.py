"""The one table of what the archives have for accelerators: firmware, programs, and modules that the kernel lacks.

The kernel of a flavour with `kernel/config/accel.config` has every driver of this list but `nvidia-open`. What a driver
loads into its device is not free, and stands in parts of the archives that are off otherwise. Licences are in the
archives' own words.

Debian: read from the packages of trixie (13.2 and its Contents). Ubuntu: all firmware comes in one package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from distrobuild.manifest.values import DistributionName, DriverName

BaseKey = tuple[DistributionName, str]
"""A release: its distribution and suite."""


@dataclass(frozen=True)
class ModuleSource:
    """Modules that are compiled for our kernel: the package with their source, and what is in it.

    `archive` is a path in the package, `folder` the one in the archive in which `make modules` compiles, `modules` the
    file of each module and the name by which it is installed, which the archive's own packages load. `newest_kernel` is
    the newest line of Linux that this source compiles for, `symbols` what its configuration must have. `needs` and
    `provides` are relations of the package that is made; `{version}` stands for the driver's version.
    """

    package: str
    archive: str
    folder: str
    modules: Mapping[str, str]
    newest_kernel: tuple[int, int]
    symbols: tuple[str, ...]
    needs: tuple[str, ...]
    provides: tuple[str, ...]


@dataclass(frozen=True)
class DriverPackages:
    """What an image needs for a driver: packages, the components of the archive that they stand in, their licences."""

    packages: tuple[str, ...]
    components: tuple[str, ...]
    licence: str
    modules: ModuleSource | None = None

    @property
    def notice(self) -> str:
        """For people: the licence, and what is on of the archive for it."""
        return self.licence + (f"; from {', '.join(self.components)}" if self.components else "")


FIRMWARE = "firmware that may be passed on unchanged"
NON_FREE_FIRMWARE = ("non-free-firmware",)
NVIDIA_MODULES = ModuleSource(
    package="nvidia-open-kernel-source",
    archive="usr/src/nvidia-open-kernel.tar.xz",
    folder="modules/nvidia-open-kernel",
    modules={
        "nvidia": "nvidia-current-open",
        "nvidia-modeset": "nvidia-current-open-modeset",
        "nvidia-drm": "nvidia-current-open-drm",
        "nvidia-uvm": "nvidia-current-open-uvm",
    },
    symbols=("MMU_NOTIFIER", "DRM", "DRM_KMS_HELPER"),
    # 550.144.03-2, in Debian's changelog of the package: "to fix open kernel module build for Linux 6.15".
    newest_kernel=(6, 15),
    needs=("firmware-nvidia-gsp (= {version})", "nvidia-open-kernel-support"),
    provides=("nvidia-open-kernel-{version}",),
)
NVIDIA_OPEN = DriverPackages(
    packages=("firmware-nvidia-gsp", "libcuda1", "nvidia-open-kernel-support", "nvidia-persistenced", "nvidia-smi"),
    components=("contrib", "non-free", "non-free-firmware"),
    licence="modules MIT (linked with the kernel: MIT or GPL-2.0); firmware and libraries NVIDIA Software License",
    modules=NVIDIA_MODULES,
)
UBUNTU_FIRMWARE = DriverPackages(("linux-firmware",), (), FIRMWARE)

DRIVERS: Mapping[BaseKey, Mapping[DriverName, DriverPackages]] = {
    (DistributionName.DEBIAN, "trixie"): {
        DriverName.AMDGPU: DriverPackages(("firmware-amd-graphics",), NON_FREE_FIRMWARE, FIRMWARE),
        DriverName.AMDXDNA: DriverPackages(("firmware-amd-graphics",), NON_FREE_FIRMWARE, FIRMWARE),
        DriverName.IVPU: DriverPackages(("firmware-intel-misc",), NON_FREE_FIRMWARE, FIRMWARE),
        DriverName.QAIC: DriverPackages(("firmware-qcom-soc",), NON_FREE_FIRMWARE, FIRMWARE),
        DriverName.XE: DriverPackages(("firmware-intel-graphics",), NON_FREE_FIRMWARE, FIRMWARE),
        DriverName.NVIDIA_OPEN: NVIDIA_OPEN,
    },
    (DistributionName.UBUNTU, "noble"): {
        DriverName.AMDGPU: UBUNTU_FIRMWARE,
        DriverName.AMDXDNA: UBUNTU_FIRMWARE,
        DriverName.IVPU: UBUNTU_FIRMWARE,
        DriverName.QAIC: UBUNTU_FIRMWARE,
        DriverName.XE: UBUNTU_FIRMWARE,
    },
}
"""What each release has; one that is not here, or a driver that is not, cannot be asked for."""


def bases_with(driver: DriverName) -> list[str]:
    """The releases that have packages of a driver, as `--base` names them."""
    return [f"{distribution}:{suite}" for (distribution, suite), drivers in DRIVERS.items() if driver in drivers]
