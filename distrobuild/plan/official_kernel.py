"""The target `flatcar` with a release image of Flatcar, whose system gets a kernel of this project."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from distrobuild.formats.disk_layout import FLATCAR_USR_HASH_OFFSET
from distrobuild.plan.graph import Node
from distrobuild.plan.official import OfficialFlatcar
from distrobuild.stages.official_system import OfficialSystemOptions, OfficialSystemStage
from distrobuild.stages.transplant import TransplantOptions, TransplantStage
from distrobuild.stages.verity import VerityOptions, VerityStage


class OfficialFlatcarWithKernel(OfficialFlatcar):
    """The nodes of one selection whose image is Flatcar's, but for the kernel."""

    @cached_property
    def system(self) -> Node:
        """The release's system with our kernel."""
        stage = OfficialSystemStage(OfficialSystemOptions())
        system = Node("official/system", stage, {"image": self.release}, self.tools)
        inputs = {"system": system, "kernel": self.kernel}
        return Node("transplant", TransplantStage(TransplantOptions()), inputs, self.tools)

    @property
    def own_kernel(self) -> Mapping[str, Node]:
        """The system, and its `/usr` as it stands in a slot."""
        options = VerityOptions(image=self.identity, room=FLATCAR_USR_HASH_OFFSET, together=True)
        squashfs = self.squashfs("squashfs/usr", self.system, "usr.tar")
        verity = Node("verity", VerityStage(options), {"filesystem": squashfs})
        return {"transplant": self.system, "verity": verity}
