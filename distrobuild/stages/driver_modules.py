"""Compile the modules of a driver that is not part of the kernel, for one kernel, and pack them as a `.deb`.

Instead of DKMS, which would compile them on every machine: that needs a compiler there, and the key that signs modules.
Here they are compiled once, by the compiler of the kernel, against the headers of just this kernel, and signed by the
same key.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from distrobuild.errors import DistrobuildError
from distrobuild.formats import deb_contents, kconfig
from distrobuild.formats.deb_repository import read_deb
from distrobuild.formats.template import render
from distrobuild.stages import module_signing
from distrobuild.stages.stage import Job, Options, Stage

TEMPLATES = Path(__file__).parent / "templates" / "driver_modules"
FOLDER = "updates"
"""Below /usr/lib/modules/RELEASE: depmod prefers it to the kernel's own modules (depmod.d(5))."""
SCRIPTS = ("postinst", "postrm")
ARCHITECTURE = "amd64"


class KernelLacksSymbols(DistrobuildError):
    """The kernel was configured without what the driver's modules call."""


class DriverModulesOptions(Options):
    """Which driver, and where its source is."""

    driver: str
    """Name of the driver in the manifest (`nvidia-open`)."""
    archive: str
    """Archive with the source, by its path in the package that brings it."""
    folder: str
    """Folder of the archive in which `make modules` compiles."""
    modules: Mapping[str, str]
    """File of each module as it is compiled, without `.ko`, and the name by which it is installed."""
    symbols: tuple[str, ...] = ()
    """What the kernel's configuration must have for them, without `CONFIG_`."""
    needs: tuple[str, ...] = ()
    """Packages that it depends on; `{version}` stands for the driver's own version."""
    provides: tuple[str, ...] = ()
    """Names that others know it by; `{version}` as above."""
    distribution: str
    """Short name of the distribution."""
    version: str
    """Version of the distribution."""
    flavour: str
    """Flavour of the kernel."""
    maintainer: str
    """`Name <mail@host>` of who answers for the package."""


class DriverModulesStage(Stage[DriverModulesOptions]):
    """A kernel's headers and a driver's source -> a package with its modules."""

    kind: ClassVar[str] = "driver_modules"
    inputs: ClassVar[Mapping[str, str]] = {
        "kernel": "what the kernel stage made",
        "source": "folder with the package that brings the source",
        module_signing.KEY: module_signing.KEY_INPUT,
    }
    outputs: Mapping[str, str] = {"debs": "linux-modules-DRIVER-RELEASE"}

    def run(self, job: Job) -> None:
        """Compile, sign and pack.

        Raises `KernelLacksSymbols`, `BadModuleKey`, or `ProgramFailed` where the source does not fit the kernel.
        """
        config = kconfig.parse_config((job.inputs["kernel"] / "config").read_text("utf-8"))
        self._check(config)
        if module_signing.KEY in job.inputs:
            module_signing.check_key(job)
        release = (job.inputs["kernel"] / "release").read_text("utf-8").strip()
        _unpack(job, "kernel", f"linux-headers-{release}_*.deb")
        version = _unpack(job, "source", "*.deb")
        job.sandbox.run(["tar", "--extract", f"--file=/work/source/{self.options.archive}"])
        place = f"/work/{self.options.folder}"
        self._patch(job, place)
        headers = f"/work/kernel/usr/src/linux-headers-{release}"
        job.sandbox.run(["make", f"--jobs={job.cpus}", f"SYSSRC={headers}", "modules"], cwd=place)
        self._install(job, place, headers, release, config)
        self._add_files(job)
        self._pack(job, release, version.rpartition("-")[0] or version)

    def _check(self, config: Mapping[str, str]) -> None:
        lost = [f"CONFIG_{symbol}" for symbol in self.options.symbols if config.get(symbol) not in ("y", "m")]
        if lost:
            raise KernelLacksSymbols(
                f"the kernel has not what `{self.options.driver}` needs: {', '.join(lost)}",
                hint="leave the driver out of `drivers` of this flavour, or ask for the symbols in a fragment",
            )

    def _patch(self, job: Job, place: str) -> None:
        """Change the source as this kernel asks for: our patches of the driver, if it has any."""
        for patch in sorted((TEMPLATES / self.options.driver).glob("*.patch")):
            job.sandbox.run(["patch", "--strip=1", "--fuzz=0"], cwd=place, stdin=patch.read_bytes())

    def _install(self, job: Job, place: str, headers: str, release: str, config: Mapping[str, str]) -> None:
        """Strip, sign and compress the modules as the kernel does its own, in that order."""
        folder = f"/work/package/usr/lib/modules/{release}/{FOLDER}"
        job.sandbox.run(["mkdir", "-p", folder])
        for built, name in self.options.modules.items():
            module = f"{folder}/{name}.ko"
            job.sandbox.run(["strip", "--strip-debug", "-o", module, f"{place}/{built}.ko"])
            if module_signing.KEY in job.inputs:
                module_signing.sign(job, headers, config, module)
            if config.get("MODULE_COMPRESS_ZSTD") == "y":
                job.sandbox.run(["zstd", "--quiet", "--rm", module])

    def _add_files(self, job: Job) -> None:
        """What the driver needs on a machine beside its archive's packages: files below `files`, by their places."""
        files = TEMPLATES / self.options.driver / "files"
        if files.is_dir():
            shutil.copytree(files, job.work / "package", dirs_exist_ok=True)

    def _pack(self, job: Job, release: str, version: str) -> None:
        package = job.work / "package"
        documentation = package / "usr/share/doc" / self._name(release)
        documentation.mkdir(parents=True)
        (copyright_file,) = (job.work / "source/usr/share/doc").glob("*/copyright")
        (documentation / "copyright").write_bytes(copyright_file.read_bytes())
        digests, size = deb_contents.md5sums(package), deb_contents.installed_size_kib(package)
        control = package / "DEBIAN"
        control.mkdir()
        (control / "control").write_text(self._control(release, version, size), "utf-8")
        (control / "md5sums").write_text(digests, "utf-8")
        for name in SCRIPTS:
            (control / name).write_text(render(TEMPLATES / "depmod.j2", {"script": name, "release": release}), "utf-8")
        _set_modes(package)
        (job.output / "debs").mkdir()
        job.sandbox.run(["dpkg-deb", "--root-owner-group", "-Zxz", "--build", "/work/package", "/out/debs"])

    def _control(self, release: str, version: str, size: int) -> str:
        """What the package says of itself; `version` is the driver's own."""
        options = self.options
        facts = {
            "name": self._name(release),
            "version": f"{version}-{options.distribution}{options.version.replace('-', '~')}",
            "alias": f"linux-modules-{options.driver}-{options.distribution}-{options.flavour}",
            "needs": [need.format(version=version) for need in options.needs],
            "provides": [name.format(version=version) for name in options.provides],
            "architecture": ARCHITECTURE,
            "release": release,
            "size": size,
            **options.model_dump(include={"driver", "maintainer", "distribution"}),
        }
        return render(TEMPLATES / "control.j2", facts)

    def _name(self, release: str) -> str:
        return f"linux-modules-{self.options.driver}-{release}"


def _unpack(job: Job, name: str, pattern: str) -> str:
    """Unpack the one package of an input whose file name fits at /work/`name`; return its version."""
    (deb,) = job.inputs[name].rglob(pattern)
    path = f"/inputs/{name}/{deb.relative_to(job.inputs[name])}"
    job.sandbox.run(["dpkg-deb", "--extract", path, f"/work/{name}"])
    return read_deb(deb).version


def _set_modes(tree: Path) -> None:
    """Modes that follow from the contents alone, whatever the umask of whoever wrote a file."""
    for path in (tree, *tree.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.name in SCRIPTS else 0o644)
