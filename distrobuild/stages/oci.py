"""Put container images into a folder in the OCI's image layout, and write what a machine needs to run each of them.

Beside the layout stands for each image an archive that `docker load` and `podman load` read, a unit that runs it by
Docker (what a Flatcar machine has), and one that runs it by Podman (podman-systemd.unit(5)). The layout:
`distrobuild.formats.oci`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from distrobuild.errors import DistrobuildError
from distrobuild.formats.oci import GZIP_LAYER, Blob, Image, Layer, Layout, Settings, local_reference
from distrobuild.formats.root_tar import RootTar
from distrobuild.formats.template import render
from distrobuild.stages.stage import Job, Options, Stage

TEMPLATES = Path(__file__).parent / "templates" / "oci"
MACHINE_FOLDER = "/opt/containers"
"""Where the units look for archives on a machine."""
UNITS = {"service": "runs it by Docker", "container": "runs it by Podman"}
"""Suffix of each kind of unit, and of its template."""


class UnusableContainer(DistrobuildError):
    """A container names a program or a user that its image does not have."""


class ContainerImage(Options):
    """One image: its name, and how it is started."""

    name: str
    """Name of the container and of its unit."""
    description: str
    """What runs in it, in one line."""
    entrypoint: tuple[str, ...] = ()
    """Program and first arguments."""
    command: tuple[str, ...] = ()
    """Arguments that follow; without entrypoint the program first."""
    environment: dict[str, str] = {}
    """Variables."""
    user: str | None = None
    """User, or user:group; by name or number."""
    working_directory: str = "/"
    """Where the program starts."""
    ports: tuple[str, ...] = ()
    """Ports it serves, `8080/tcp`."""
    volumes: tuple[str, ...] = ()
    """Folders that outlive it."""

    @property
    def settings(self) -> Settings:
        """The same, as the OCI says it."""
        return Settings(
            entrypoint=self.entrypoint,
            command=self.command,
            environment=self.environment,
            user=self.user or "",
            working_directory=self.working_directory,
            ports=self.ports,
            volumes=self.volumes,
        )


class OciOptions(Options):
    """Which images, and what they are called."""

    distribution: str
    """Short name of the distribution."""
    version: str
    """Version of the distribution, and of every image."""
    architecture: str = "amd64"
    """Debian's name of the processor; for ours Go has the same."""
    containers: tuple[ContainerImage, ...]
    """The images."""

    def reference(self, name: str) -> str:
        """Name of an image for container runtimes."""
        return local_reference(self.distribution, name, self.version)

    def archive(self, name: str) -> str:
        """File name of an image's archive."""
        return f"{name}-{self.version}-{self.architecture}.tar"


class OciStage(Stage[OciOptions]):
    """Layers -> container images."""

    kind: ClassVar[str] = "oci"
    inputs: ClassVar[Mapping[str, str]] = {
        "base": "what the container stage made of the base",
        "containers/*": "what the container stage made of each container",
    }
    outputs: Mapping[str, str] = {}

    def __init__(self, options: OciOptions) -> None:
        super().__init__(options)
        outputs = {"index.json": "the images in OCI layout, with oci-layout and blobs/ beside it"}
        for image in options.containers:
            outputs[options.archive(image.name)] = f"{image.name} as `docker load` and `podman load` read it"
            outputs |= {f"{image.name}.{suffix}": what for suffix, what in UNITS.items()}
        self.outputs = outputs

    def run(self, job: Job) -> None:
        """Write images, archives and units. Raises `UnusableContainer` with all that no image can run."""
        if problems := [line for image in self.options.containers for line in _problems(job, image)]:
            listed = "\n".join(f"  {line}" for line in problems)
            raise UnusableContainer(
                f"containers name what is not in their images:\n{listed}",
                hint="`packages` and `install` of a container say what it holds",
            )
        layout = Layout(job.output)
        for container in self.options.containers:
            inputs = (job.inputs["base"], job.inputs[f"containers/{container.name}"])
            layers = tuple(_read_layer(folder) for folder in inputs)
            for folder, layer in zip(inputs, layers, strict=True):
                layout.add_layer(folder / "layer.tar.gz", layer.blob)
            layout.add(self._image(container, layers, job.epoch))
        layout.close()
        for container in self.options.containers:
            archive = job.output / self.options.archive(container.name)
            layout.write_archive(self.options.reference(container.name), archive, job.epoch)
            self._write_units(container, job.output)

    def _image(self, container: ContainerImage, layers: tuple[Layer, ...], epoch: int) -> Image:
        options = self.options
        return Image(
            reference=options.reference(container.name),
            architecture=options.architecture,
            epoch=epoch,
            settings=container.settings,
            layers=layers,
            annotations={
                "org.opencontainers.image.title": container.name,
                "org.opencontainers.image.description": container.description,
                "org.opencontainers.image.version": options.version,
            },
        )

    def _write_units(self, container: ContainerImage, folder: Path) -> None:
        facts = {
            **container.model_dump(),
            # In a unit, `%` begins a specifier (systemd.unit(5)).
            "description": container.description.replace("%", "%%"),
            "image": self.options.reference(container.name),
            "archive": self.options.archive(container.name),
            "folder": MACHINE_FOLDER,
        }
        for suffix in UNITS:
            (folder / f"{container.name}.{suffix}").write_text(render(TEMPLATES / f"{suffix}.j2", facts), "utf-8")


def _read_layer(folder: Path) -> Layer:
    facts = json.loads((folder / "layer.json").read_text("utf-8"))
    return Layer(Blob(GZIP_LAYER, facts["sha256"], facts["size"]), facts["diff_id"], facts["created_by"])


def _problems(job: Job, container: ContainerImage) -> Iterator[str]:
    """What of the settings has nothing to stand on in the image."""
    with RootTar(job.inputs[f"containers/{container.name}"] / "rootfs.tar") as root:
        program = (*container.entrypoint, *container.command)[0]
        # What stands below a path has all links of the path followed.
        place = root.resolve(f"{program}/.parent").removesuffix("/.parent")
        member = root.lookup_file(place)
        if member is None or not member.isreg() or not member.mode & 0o111:
            yield f"{container.name}: there is no program {program}"
        user, _, group = (container.user or "").partition(":")
        for name, file, kind in ((user, "etc/passwd", "user"), (group, "etc/group", "group")):
            known = {line.partition(":")[0] for line in root.read(file).decode().splitlines()}
            if name and not name.isdigit() and name not in known:
                yield f"{container.name}: there is no {kind} {name}"
