"""The Python module of libmlaccel: it sees the library's structures as C does, and what it refuses without a device."""

from __future__ import annotations

import ctypes
import errno
import subprocess
from pathlib import Path

import pytest

from tests.stages.mlaccel_host import build

from mlaccel import Device, Job, library  # isort: skip  # after mlaccel_host, which makes it importable

STRUCTURES = {
    "info": library.Info,
    "part": library.Part,
    "convolution": library.Convolution,
    "how": library.How,
    "times": library.Times,
}


def laid_out(name: str, structure: type[ctypes.Structure]) -> str:
    """Size, and offset and size of each member, as Python has them."""
    members = [(str(each[0]), getattr(structure, each[0])) for each in structure._fields_]
    lines = [f"{name}.{member} {place.offset} {place.size}" for member, place in members]
    return "\n".join([f"{name} {ctypes.sizeof(structure)}", *lines])


def in_c(name: str, structure: type[ctypes.Structure]) -> str:
    """Statements that print the same as C has them."""
    of = f"struct mlaccel_{name}"
    lines = [f'printf("{name} %zu\\n", sizeof({of}));']
    for each in structure._fields_:
        place = f"offsetof({of}, {each[0]}), sizeof((({of} *)0)->{each[0]})"
        lines.append(f'printf("{name}.{each[0]} %zu %zu\\n", {place});')
    return "\n".join(lines)


def test_structures_are_laid_out_as_in_c(tmp_path: Path) -> None:
    statements = "\n".join(in_c(*each) for each in STRUCTURES.items())
    source = f"#include <stddef.h>\n#include <stdio.h>\n#include <mlos/accel.h>\nint main(void)\n{{\n{statements}\n}}\n"
    (tmp_path / "layout.c").write_text(source)
    subprocess.run(["cc", "-Wall", "-Werror", f"-I{build()}", "-o", "layout", "layout.c"], cwd=tmp_path, check=True)
    said = subprocess.run([tmp_path / "layout"], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert said == "\n".join(laid_out(*each) for each in STRUCTURES.items()) + "\n"


def test_a_device_that_is_none_is_refused_in_words() -> None:
    with pytest.raises(OSError, match="no device 999999 in /sys/class/accel_hub") as refused:
        Device(999999)
    assert refused.value.errno == errno.ENODEV
    with pytest.raises(OSError, match="/dev/null: no device of the accelerator hub"):
        Device("/dev/null")
    with pytest.raises(FileNotFoundError, match="/no/such/node"):
        Device("/no/such/node")


def test_a_capability_that_nobody_has_is_told_from_one_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="no capability matmull: int8, fp32"):
        Device.best("matmull")
    with pytest.raises(OSError, match="can: int8 factorial"):
        Device.best("factorial", "int8", "int8")


def test_a_job_has_room_for_so_many_operations() -> None:
    job = Job()
    for _ in range(64):
        assert job.nop() is job
    with pytest.raises(OSError, match="at most 64 operations") as refused:
        job.nop()
    assert refused.value.errno == errno.ENOSPC
