"""The target `ubuntu`: a live medium of Ubuntu or Debian content, booted under both firmwares."""

from __future__ import annotations

from functools import cached_property

from distrobuild.boot.firmware import Firmware
from distrobuild.boot.qemu import Medium
from distrobuild.manifest.distributions import DISTRIBUTIONS
from distrobuild.manifest.models import Tests
from distrobuild.plan.graph import Input, Node
from distrobuild.plan.locking import image_section
from distrobuild.plan.parts import Parts
from distrobuild.stages.boot import BootOptions, BootStage
from distrobuild.stages.customise import CustomiseOptions, CustomiseStage, SourceOptions, UserOptions
from distrobuild.stages.iso import IsoOptions, IsoStage
from distrobuild.stages.squashfs import SquashfsOptions, SquashfsStage

BOOTS = {Firmware.SEABIOS: Medium.CDROM, Firmware.OVMF: Medium.USB}
"""Every path into the hybrid image is taken once: BIOS from a disc, UEFI from a stick."""


class Ubuntu(Parts):
    """The nodes of one selection of this kind."""

    @cached_property
    def customise(self) -> Node:
        target = self.selection.target
        options = CustomiseOptions(
            hostname=target.hostname or self.manifest.name,
            users=tuple(UserOptions(**user.model_dump()) for user in target.users),
            locale=target.locale,
            timezone=target.timezone,
            sources=self._sources(),
            dev=self.selection.dev,
        )
        inputs: dict[str, Input] = {"rootfs": self.rootfs, "install": self.install}
        if target.overlay is not None:
            inputs["overlay"] = self.tree(target.overlay)
        return Node("customise", CustomiseStage(options), inputs, self.tools)

    @cached_property
    def iso(self) -> Node:
        selection = self.selection
        name = f"{self.manifest.name}-{self.manifest.version}-{selection.flavour}-{selection.architecture}.iso"
        options = IsoOptions(
            file_name=name,
            name=self.manifest.name,
            title=selection.title,
            version=self.manifest.version,
            architecture=selection.architecture,
        )
        inputs = {
            "install": self.install,
            "layers/0-root": self._squashfs("squashfs/root", self.rootfs, "rootfs.tar"),
            "layers/1-install": self._squashfs("squashfs/install", self.install, "layer.tar"),
            "layers/2-image": self._squashfs("squashfs/image", self.customise, "layer.tar"),
        }
        return Node("iso", IsoStage(options), inputs, self.tools)

    @cached_property
    def boots(self) -> tuple[Node, ...]:
        """One boot for each firmware, with the medium that goes with it in practice; none without box tests."""
        tests = self.selection.contents.tests
        if tests is None:
            return ()
        return tuple(self._boot(tests, firmware, medium) for firmware, medium in BOOTS.items())

    def _boot(self, tests: Tests, firmware: Firmware, medium: Medium) -> Node:
        options = BootOptions(
            firmware=firmware,
            medium=medium,
            memory_mib=tests.memory_mib,
            cpus=tests.cpus,
            timeout_seconds=tests.timeout_seconds,
            name=self.manifest.name,
            version=self.manifest.version,
            flavour=self.selection.flavour,
            base_distribution=self.selection.base.distribution,
            packages=self.selection.contents.packages,
        )
        inputs: dict[str, Input] = {"image": self.iso, "kernel": self.kernel, "repository": self.repository}
        inputs["tests"] = self.tree(tests.path)
        return Node(f"boot/{firmware}", BootStage(options), inputs, self.tools)

    def _squashfs(self, name: str, tree: Node, archive: str) -> Node:
        return Node(name, SquashfsStage(SquashfsOptions(archive=archive)), {"tree": tree}, self.tools)

    def _sources(self) -> tuple[SourceOptions, ...]:
        """Where the image fetches updates: the archive it was made from, verified by the key it carries."""
        keyring = DISTRIBUTIONS[self.selection.base.distribution].keyring
        return tuple(
            SourceOptions(uri=place.mirror, suites=place.suites, components=place.components, keyring=keyring)
            for place in self.lock.sections[image_section(self.selection)].repositories
        )
