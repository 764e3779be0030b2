"""What a target of Flatcar's family has whatever its image is made of: that which machines are set up with."""

from __future__ import annotations

from functools import cached_property

from distrobuild.manifest.targets import FlatcarTarget
from distrobuild.plan.ebuilds import Ebuilds
from distrobuild.plan.extensions import package_extension
from distrobuild.plan.graph import Input, Node
from distrobuild.plan.parts import Parts
from distrobuild.stages.ignition import Facts, IgnitionOptions, IgnitionStage, Person
from distrobuild.stages.sysext import SysextStage


class FlatcarParts(Parts):
    """The nodes of one selection of this kind that stand beside an image; with source `none`, all that there are."""

    @property
    def target(self) -> FlatcarTarget:
        """The target's keys."""
        target = self.selection.target
        assert isinstance(target, FlatcarTarget)
        return target

    @property
    def identity(self) -> str:
        """What GUIDs, salts and serial numbers of this image are made of."""
        return f"{self.manifest.name}_{self.manifest.version}"

    @property
    def image(self) -> Node | None:
        """The disk, if there is one."""
        return None

    def goals(self) -> tuple[Node, ...]:
        """Everything."""
        return self.beside

    @property
    def beside(self) -> tuple[Node, ...]:
        """What is made for machines with somebody else's image."""
        made = [node for node in (self.sysext, self.ignition) if node is not None]
        if self.target.ebuilds:
            ebuilds = Ebuilds(self)
            made += [ebuilds.overlay, ebuilds.binpkgs]
        return tuple(made)

    @cached_property
    def sysext(self) -> Node | None:
        """Packages for machines that have another image."""
        return package_extension(self, self.target.sysext)

    @cached_property
    def ignition(self) -> Node | None:
        """What sets the machine of the box tests up."""
        if self.target.ignition is None:
            return None
        inputs: dict[str, Input] = {"butane": self.tree(self.target.ignition)}
        if self.sysext is not None:
            inputs["files"] = self.sysext
        options = IgnitionOptions(source=self.target.ignition, facts=self._facts())
        return Node("ignition", IgnitionStage(options), inputs)

    def _facts(self) -> Facts:
        target = self.target
        extension = self.sysext.stage if self.sysext else None
        return Facts(
            name=self.manifest.name,
            title=self.selection.title,
            version=self.manifest.version,
            hostname=target.hostname or self.manifest.name,
            users=tuple(Person(**user.model_dump()) for user in target.users),
            sysext=extension.options.file_name if isinstance(extension, SysextStage) else None,
            updates=target.update.address,
        )
