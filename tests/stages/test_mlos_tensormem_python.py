"""The Python module of libtensormem: views, arrays, DLPack, and a state machine that tries what nobody thought of."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gc
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from tests.stages.tensormem_host import build, environment

from tensormem import Pool, Tensor  # isort: skip  # after tensormem_host, which makes it importable

PAGE = 4096
DEVICE = pytest.param(
    True, id="device", marks=pytest.mark.skipif(not Path("/dev/tensor").exists(), reason="no /dev/tensor here")
)
backends = pytest.mark.parametrize("device", [pytest.param(False, id="memfd"), DEVICE])


def mappings() -> int:
    return sum("/memfd:" in line or "tensor_mem" in line for line in Path("/proc/self/maps").read_text().splitlines())


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def refusal(function: Any, *arguments: Any, **options: Any) -> int:
    """The number of the OSError that comes of it."""
    with pytest.raises(OSError) as caught:
        function(*arguments, **options)
    assert caught.value.errno is not None
    return caught.value.errno


@backends
def test_what_is_written_is_read_and_cannot_be_changed_once_sealed(device: bool) -> None:
    with Tensor.create((2, 3), "int16", name="numbers", model=4, device=device) as tensor:
        with tensor.writing() as memory:
            memory[:] = bytes(range(12))
        tensor.seal()
        view = tensor.view()
        assert bytes(view) == bytes(range(12))
        assert view.readonly
        assert refusal(tensor.view, write=True) == errno.EPERM
        assert refusal(tensor.describe, "other") == errno.EPERM
        info = tensor.info
    assert (info.name, info.dtype, info.shape, info.model) == ("numbers", "int16", (2, 3), 4)
    assert info.sealed
    assert info.device == device


@backends
def test_a_writable_view_keeps_the_seal_away_until_it_is_gone(device: bool) -> None:
    tensor = Tensor.create(100, None, device=device)
    view = tensor.view(write=True)
    part = view[10:20]
    assert refusal(tensor.seal) == errno.EBUSY
    del view
    gc.collect()
    assert refusal(tensor.seal) == errno.EBUSY  # by the part
    part.release()
    tensor.seal()


def test_a_view_outlives_its_tensor_and_then_gives_its_memory_back() -> None:
    gc.collect()  # what other tests left
    before = mappings(), descriptors()
    tensor = Tensor.create(10 * PAGE, None)
    view = tensor.view(write=True)
    tensor.close()
    view[-1] = 7
    assert view[-1] == 7
    with pytest.raises(ValueError, match="closed"):
        tensor.view()
    del view
    gc.collect()
    assert (mappings(), descriptors()) == before


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        (((0,), "int8"), errno.EINVAL),
        (((2**62, 4), "float32"), errno.ENOMEM),
        (((2**50, 2**50), "int8"), errno.ENOMEM),
        (((2**59,), "int8"), errno.ENOMEM),
    ],
)
def test_sizes_that_no_machine_has_are_refused(arguments: tuple[Any, ...], number: int) -> None:
    assert refusal(Tensor.create, *arguments) == number


@pytest.mark.parametrize(
    "arguments",
    [{"shape": 1, "dtype": "float33"}, {"shape": (1,) * 9}, {"shape": (-1,)}, {"shape": 1, "name": "x" * 64}],
)
def test_descriptions_that_cannot_be_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Tensor.create(**arguments)


@backends
def test_another_process_gets_the_same_memory_through_a_socket(device: bool) -> None:
    tensor = Tensor.create(PAGE * 2, None, name="shared", device=device)
    with tensor.writing() as memory:
        memory[PAGE : PAGE + 5] = b"hello"
    tensor.seal()
    part = tensor.slice(PAGE, 5, name="part")
    script = (
        "import socket, sys\nfrom tensormem import Tensor\n"
        "link = socket.socket(fileno=int(sys.argv[1]))\n"
        "whole, part = Tensor.receive(link), Tensor.receive(link)\n"
        "print(whole.info.name, part.info.name, part.info.offset, bytes(part.view()).decode(), whole.info.sealed)\n"
    )
    here, there = socket.socketpair()
    with here, there:
        command = [sys.executable, "-c", script, str(there.fileno())]
        with subprocess.Popen(
            command, env=environment(), pass_fds=[there.fileno()], stdout=subprocess.PIPE, text=True
        ) as process:
            tensor.send(here)
            part.send(here)
            assert process.communicate()[0] == "shared part 4096 hello True\n"


@backends
def test_a_thread_waits_for_a_generation_and_learns_of_a_seal(device: bool) -> None:
    tensor = Tensor.create(1, None, device=device)
    with pytest.raises(TimeoutError):
        tensor.wait(1, timeout=0.01)
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(tensor.wait(3)))
    thread.start()
    assert tensor.signal() == 1
    assert tensor.signal(3) == 3
    thread.join()
    assert found == [3]
    assert refusal(tensor.signal, 2) == errno.EINVAL
    tensor.seal()
    assert refusal(tensor.wait, 4) == errno.EPERM


def test_a_capsule_that_nobody_takes_gives_its_memory_back() -> None:
    tensor = Tensor.create((2, 2), "float32")
    before = mappings()
    for options in ({}, {"max_version": (1, 0)}):
        capsule = tensor.__dlpack__(**options)
        assert mappings() == before + 1
        del capsule
        assert mappings() == before
        # Dropped because of an exception, which is to arrive.
        with pytest.raises(TypeError):
            int(tensor.__dlpack__(**options))  # type: ignore[call-overload]
        assert mappings() == before
    tensor.seal()
    with pytest.raises(BufferError, match="read-only"):
        tensor.__dlpack__()
    with pytest.raises(BufferError):
        tensor.__dlpack__(max_version=(1, 0), dl_device=(2, 0))


@backends
def test_numpy_sees_the_memory_itself(device: bool) -> None:
    numpy = pytest.importorskip("numpy")
    tensor = Tensor.create((3, 4), "float64", device=device)
    array = tensor.numpy()
    array[:] = numpy.arange(12).reshape(3, 4)
    assert (numpy.from_dlpack(tensor) == array).all()
    del array
    gc.collect()
    tensor.seal()
    sealed = numpy.asarray(tensor)
    assert not sealed.flags.writeable
    assert sealed[2, 3] == 11
    assert not numpy.from_dlpack(tensor).flags.writeable


def test_onnxruntime_takes_it_without_a_copy() -> None:
    runtime = pytest.importorskip("onnxruntime")
    tensor = Tensor.create((3, 4), "float32")
    tensor.seal()
    array = tensor.numpy()
    assert runtime.OrtValue.ortvalue_from_numpy(array).data_ptr() == array.ctypes.data


def test_torch_takes_it_without_a_copy() -> None:
    torch = pytest.importorskip("torch")
    tensor = Tensor.create((3, 4), "float32")
    written = torch.from_dlpack(tensor)
    written[1, 1] = 5
    assert tensor.numpy()[1, 1] == 5
    del written
    gc.collect()
    tensor.seal()
    assert torch.from_dlpack(tensor)[1, 1] == 5


@backends
def test_a_pool_has_tensors_ready_and_makes_more(device: bool) -> None:
    pool = Pool(2, (3, 5), "int32", device=device)
    assert len(pool) == 2
    taken = [pool.take() for _ in range(3)]
    assert len(pool) == 0
    assert {tensor.info.shape for tensor in taken} == {(3, 5)}
    del pool
    gc.collect()
    for tensor in taken:
        tensor.seal()


def test_many_who_attach_it_have_one_copy() -> None:
    tensor = Tensor.create(32 << 20, None, name="once", device=False)
    with tensor.writing() as memory:
        memory[:] = bytes([7]) * len(memory)
    tensor.seal()
    script = (
        "import socket, sys\nfrom pathlib import Path\nfrom tensormem import Tensor\n"
        "link = socket.socket(fileno=int(sys.argv[1]))\n"
        "tensor = Tensor.receive(link)\nview = tensor.view(populate=True)\n"
        "link.send(b'.')\nlink.recv(1)\n"
        "parts = Path('/proc/self/smaps').read_text().split('memfd:once')[1:]\n"
        "print(sum(int(part.split('Pss:')[1].split()[0]) for part in parts), flush=True)\nlink.recv(1)\n"
    )
    with contextlib.ExitStack() as stack:
        links, processes = [], []
        for _ in range(4):
            here, there = (stack.enter_context(each) for each in socket.socketpair())
            command = [sys.executable, "-c", script, str(there.fileno())]
            process = subprocess.Popen(
                command, env=environment(), pass_fds=[there.fileno()], stdout=subprocess.PIPE, text=True
            )
            processes.append(stack.enter_context(process))
            tensor.send(here)
            links.append(here)
        for link in links:  # all have it mapped, before any of them counts
            link.recv(1)
        for link in links:
            link.send(b".")
        shares = [int(process.stdout.readline()) for process in processes if process.stdout]
        for link in links:
            link.send(b".")
    assert sum(shares) * 1024 == pytest.approx(32 << 20, rel=0.02)


@backends
def test_memory_that_others_have_made_is_a_tensor_once_it_is_sealed(device: bool) -> None:
    fd = os.memfd_create("theirs", os.MFD_ALLOW_SEALING)
    os.write(fd, bytes(range(8)))
    assert refusal(Tensor.import_fd, fd, device=device) == errno.EINVAL
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE)
    tensor = Tensor.import_fd(fd, name="theirs", dtype="int16", shape=(4,), device=device)
    os.close(fd)
    assert bytes(tensor.view()) == bytes(range(8))
    assert (tensor.info.name, tensor.info.shape, tensor.info.imported) == ("theirs", (4,), True)
    capsule = tensor.__dlpack__(max_version=(1, 0))
    assert capsule is not None


@backends
def test_only_what_is_sealed_is_exported_to_devices_that_read(device: bool) -> None:
    tensor = Tensor.create(PAGE, None, device=device)
    assert refusal(tensor.export) == errno.EBUSY
    tensor.seal()
    assert refusal(tensor.export, write=True) == errno.EPERM
    if not device:  # udmabuf takes only what can be written
        assert refusal(tensor.export) == errno.ENOTSUP
        return
    fd = tensor.export()
    assert os.lseek(fd, 0, os.SEEK_END) == PAGE
    os.close(fd)


def test_huge_pages_serve_as_small_ones_do() -> None:
    try:
        tensor = Tensor.create((3 << 20) + 5, None, huge=True, device=False)
    except OSError as error:
        if error.errno != errno.ENOMEM:
            raise
        pytest.skip("no huge pages are free")
    with tensor.writing() as memory:
        memory[-5:] = b"hello"
    part = tensor.slice(3 << 20, 5)
    tensor.seal()
    assert tensor.info.huge
    assert bytes(part.view()) == b"hello"
    assert bytes(Tensor.from_fd(tensor.fileno()).view()[-5:]) == b"hello"


def test_valgrind_finds_nothing(tmp_path: Path) -> None:
    program = tmp_path / "checks"
    sources = [*build().glob("*.c"), build() / "check" / "conformance.c"]
    flags = ["-std=gnu11", "-g", "-O1", f"-I{build()}"]
    subprocess.run(["cc", *flags, "-o", program, *sources, "-pthread"], check=True)
    command = ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full", program, "memfd"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class Sharing(RuleBasedStateMachine):
    """One tensor, its slices and views, in any order; beside it a plain copy of what must lie there."""

    views: Bundle[tuple[memoryview, int]] = Bundle("views")
    device = False

    @initialize(pages=st.integers(1, 4), rest=st.integers(1, PAGE))
    def begin(self, pages: int, rest: int) -> None:
        self.size = pages * PAGE + rest - PAGE
        self.tensor = Tensor.create(self.size, None, device=self.device)
        self.expected = bytearray(self.size)
        self.sealed = False
        self.generation = 0
        self.writable: list[memoryview] = []
        self.slices: list[tuple[Tensor, int, int]] = []

    @rule(target=views, write=st.booleans())
    def map_all(self, write: bool) -> Any:
        return self._map(self.tensor, 0, write)

    @rule(target=views, write=st.booleans(), which=st.integers(0, 9))
    def map_slice(self, write: bool, which: int) -> Any:
        tensor, offset, _ = self.slices[which % len(self.slices)] if self.slices else (self.tensor, 0, 0)
        return self._map(tensor, offset, write)

    @rule(page=st.integers(0, 5), size=st.integers(0, 5 * PAGE), odd=st.sampled_from([0, 0, 0, 1, 100]))
    def slice(self, page: int, size: int, odd: int) -> None:
        offset = page * PAGE + odd
        if odd or size == 0 or offset + size > self.size:
            assert refusal(self.tensor.slice, offset, size) == errno.EINVAL
        else:
            self.slices.append((self.tensor.slice(offset, size), offset, size))

    @rule(view=views, at=st.integers(0, 5 * PAGE), value=st.integers(0, 255))
    def write(self, view: tuple[memoryview, int], at: int, value: int) -> None:
        memory, offset = view
        if any(memory is each for each in self.writable):
            memory[at % len(memory)] = value
            self.expected[offset + at % len(memory)] = value
        else:
            with pytest.raises((TypeError, ValueError)):  # for reading only, or given back
                memory[0] = value

    @rule()
    def drop_writable_views(self) -> None:
        while self.writable:
            self.writable.pop().release()
        gc.collect()

    @rule()
    def seal(self) -> None:
        if self.sealed or not self.writable:
            self.tensor.seal()
            self.sealed = True
        else:
            assert refusal(self.tensor.seal) == errno.EBUSY

    @rule(step=st.integers(-1, 5))
    def signal(self, step: int) -> None:
        wanted = max(0, self.generation + step)
        if self.sealed:
            assert refusal(self.tensor.signal, wanted) == errno.EPERM
        elif wanted and wanted <= self.generation:
            assert refusal(self.tensor.signal, wanted) == errno.EINVAL
        else:
            self.generation = self.tensor.signal(wanted)

    @rule()
    def hand_on(self) -> None:
        here, there = socket.socketpair()
        with here, there:
            self.tensor.send(here)
            self.tensor = Tensor.receive(there)

    @rule()
    def come_again_by_the_descriptor(self) -> None:
        self.tensor = Tensor.from_fd(self.tensor.fileno())

    @invariant()
    def all_is_as_it_should_be(self) -> None:
        info = self.tensor.info
        assert (info.size, info.sealed, info.generation) == (self.size, self.sealed, self.generation)
        assert bytes(self.tensor.view()) == self.expected
        for tensor, offset, size in self.slices:
            assert tensor.info.sealed == self.sealed
            assert bytes(tensor.view()) == self.expected[offset : offset + size]

    def _map(self, tensor: Tensor, offset: int, write: bool) -> tuple[memoryview, int]:
        if write and self.sealed:
            assert refusal(tensor.view, write=True) == errno.EPERM
            write = False
        view = tensor.view(write=write)
        if write:
            self.writable.append(view)
        return view, offset

    def teardown(self) -> None:
        if hasattr(self, "writable"):
            self.drop_writable_views()


Sharing.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestSharing = Sharing.TestCase
