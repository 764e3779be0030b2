"""Check compiled modules of a kernel's tree against the table of drivers, without a kernel and without a boot.

    distrobuild kernel shell --flavour server --tree TREE mlos-6.12 -- \\
        make CONFIG_DEBUG_INFO_BTF_MODULES= KBUILD_MODPOST_WARN=1 drivers/accel/ivpu/intel_vpu.ko ...
    python -m tests.stages.compiled_drivers TREE/work/linux

The box tests ask the same of a booted `server`; this answers in minutes while a configuration is worked on. BTF of
modules needs the whole kernel and says nothing about devices.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.boot.drivers.driver_table import Driver, line_of, of_line, unbound


def main() -> int:
    """Print what is wrong with the modules of each tree; 1 if anything is."""
    problems = [problem for tree in sys.argv[1:] for problem in _problems(Path(tree))]
    print("\n".join(problems))
    return 1 if problems else 0


def _problems(tree: Path) -> Iterator[str]:
    release = (tree / "include/config/kernel.release").read_text("utf-8").strip()
    for driver in of_line(line_of(release)):
        found = list(tree.glob(f"drivers/**/{driver.module}.ko"))
        if not found:
            yield f"{release}: {driver.module} is not compiled"
            continue
        yield from (f"{release}: {driver.module}: {problem}" for problem in _of_module(driver, found[0]))


def _of_module(driver: Driver, module: Path) -> Iterator[str]:
    yield from (f"does not bind {device}" for device in unbound(driver, _field(module, "alias")))
    missing = set(driver.firmware) - set(_field(module, "firmware"))
    yield from (f"does not name {name}" for name in sorted(missing))


def _field(module: Path, name: str) -> list[str]:
    """The values of a field of the module's section `.modinfo`, as modinfo prints them (modinfo(8))."""
    command = ["objcopy", "--dump-section", ".modinfo=/dev/stdout", module, "/dev/null"]
    section = subprocess.run(command, check=True, capture_output=True).stdout
    entries = section.decode().split("\0")
    return [entry.removeprefix(f"{name}=") for entry in entries if entry.startswith(f"{name}=")]


if __name__ == "__main__":
    sys.exit(main())
