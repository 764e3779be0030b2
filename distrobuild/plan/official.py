"""The target `flatcar` with a release image of Flatcar: what sets machines up is put into it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from distrobuild.formats.flatcar_image import PUBLISHED
from distrobuild.manifest.flatcar_sources import OfficialSource, ReleaseSource
from distrobuild.plan.flatcar_parts import FlatcarParts
from distrobuild.plan.graph import Input, Node
from distrobuild.stages.official import OfficialOptions, OfficialStage
from distrobuild.stages.provision import ProvisionOptions, ProvisionStage
from distrobuild.stages.release import ReleaseOptions, ReleaseStage, release_folder


class OfficialFlatcar(FlatcarParts):
    """The nodes of one selection whose image is Flatcar's."""

    @cached_property
    def release(self) -> Node:
        """The image as it was released."""
        source = self.target.source
        if isinstance(source, ReleaseSource):
            return self._fetched(source)
        assert isinstance(source, OfficialSource)
        inputs: dict[str, Input] = {"image": self.tree(source.official, large=True)}
        if source.signature is not None and source.keyring is not None:
            inputs |= {"signature": self.tree(source.signature), "keyring": self.tree(source.keyring)}
        name = Path(source.official).name
        options = OfficialOptions(name=name, sha256=source.sha256, signed="signature" in inputs)
        # Only a signature needs a program: a wrong digest is found while the tools are still being made.
        return Node("official", OfficialStage(options), inputs, self.tools if options.signed else None)

    @cached_property
    def image(self) -> Node:
        """The same, which sets itself up at its first boot."""
        options = ProvisionOptions(
            file_name=f"{self.manifest.name}-{self.manifest.version}-flatcar-{self.selection.architecture}.raw",
            name=self.manifest.name,
            image=self.identity,
            kernel_arguments=self.target.kernel_arguments,
        )
        inputs: dict[str, Input] = {"image": self.release, **self.own_kernel}
        if self.ignition is not None:
            inputs["ignition"] = self.ignition
        return Node("provision", ProvisionStage(options), inputs, self.tools)

    @property
    def own_kernel(self) -> Mapping[str, Node]:
        """What is put into the image so that machines start another kernel than Flatcar's."""
        return {}

    def _fetched(self, source: ReleaseSource) -> Node:
        version, architecture = source.release, self.selection.architecture
        stage = ReleaseStage(
            ReleaseOptions(version=version, architecture=architecture),
            source.mirror or release_folder(version, architecture),
        )
        fetched = Node("release", stage, {"keyring": self.tree(source.keyring)}, self.tools)
        options = OfficialOptions(name=PUBLISHED, sha256=source.sha256)
        return Node("official", OfficialStage(options), {"image": fetched})

    def goals(self) -> tuple[Node, ...]:
        """The image, and what stands beside it."""
        return (self.image, *self.beside)
