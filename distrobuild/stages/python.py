"""Unpack Python wheels into an environment of their own, for programs that no Debian package of the tools root brings.

The environment is what `python -m venv` and an installation by pip would leave (PEP 405, PEP 427): `bin/python3` is the
tools root's interpreter, which finds the environment's packages by the `pyvenv.cfg` beside it. Nothing is compiled but
bytecode, and nothing asked of the network.
"""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import ClassVar

from distrobuild.errors import DistrobuildError
from distrobuild.stages.stage import Job, Options, Stage

TEMPLATES = Path(__file__).parent / "templates" / "python"
REPRODUCIBLE = ("_reproducible.py", "reproducible.pth", "sitecustomize.py")
"""A module that fixes clock and order, and the two ways by which every program begins with it (site(3))."""
INTERPRETER = "/usr/bin/python3"
VERSION = ("-c", "import sys; print('python%d.%d' % sys.version_info[:2])")
DATA_FOLDERS = {"data": "", "scripts": "bin"}
"""Folder in a wheel's NAME.data, and where it belongs; `purelib` and `platlib` belong to the modules (PEP 427)."""


class NotAWheel(DistrobuildError):
    """A file that is locked as a wheel is none."""


class PythonOptions(Options):
    """Where the environment is used, and what it refers to outside of itself."""

    place: str = "/inputs/python"
    """Where the stages that use it see it; compiled modules name their source by it."""
    links: tuple[tuple[str, str], ...] = ()
    """Symbolic links to make: path in the environment, and where it leads."""


class PythonStage(Stage[PythonOptions]):
    """Wheels -> an environment with `bin/python3`."""

    kind: ClassVar[str] = "python"
    inputs: ClassVar[Mapping[str, str]] = {"wheels": "the wheels, each for the tools root's Python"}
    outputs: Mapping[str, str] = {"bin/python3": "the interpreter that knows the wheels' modules"}

    def run(self, job: Job) -> None:
        """Unpack. Raises `NotAWheel`, or `ProgramFailed` where a module cannot be compiled."""
        version = job.sandbox.read([INTERPRETER, *VERSION]).decode().strip()
        packages = PurePosixPath("lib", version, "site-packages")
        for wheel in sorted(job.inputs["wheels"].iterdir()):
            _unpack(wheel, job.output, packages)
        (job.output / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\n", "utf-8")
        for name in REPRODUCIBLE:
            shutil.copyfile(TEMPLATES / name, job.output / packages / name)
        links = {"bin/python3": INTERPRETER, "bin/python": "python3", **dict(self.options.links)}
        for path, target in links.items():
            place = job.output / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(target)
        # One process: the modules' bytes must not depend on how the work was shared.
        compiling = ["-m", "compileall", "-q", "-s", "/out", "-p", self.options.place]
        job.sandbox.run([INTERPRETER, *compiling, "--invalidation-mode", "unchecked-hash", f"/out/{packages}"])


def _unpack(wheel: Path, environment: Path, packages: PurePosixPath) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.infolist():
                if member.is_dir():
                    continue
                place = environment / _place(PurePosixPath(member.filename), packages)
                if not place.resolve().is_relative_to(environment.resolve()):
                    raise NotAWheel(f"{wheel.name}: {member.filename} leads out of the environment")
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(archive.read(member))
                program = place.parent == environment / "bin" or member.external_attr >> 16 & 0o100
                place.chmod(0o755 if program else 0o644)
    except zipfile.BadZipFile as error:
        raise NotAWheel(f"{wheel.name}: {error}") from error


def _place(path: PurePosixPath, packages: PurePosixPath) -> PurePosixPath:
    """Where a file of a wheel belongs in the environment."""
    first, *rest = path.parts
    if not first.endswith(".data") or len(rest) < 2:
        return packages / path
    return PurePosixPath(DATA_FOLDERS.get(rest[0], packages), *rest[1:])
