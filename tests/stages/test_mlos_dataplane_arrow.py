"""Memory as Arrow arrays and back: among ourselves, and with Arrow's own implementations where they are installed."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.stages import tensormem_host  # noqa: F401  # makes the module importable
from tests.stages.dataplane_host import environment

import mlos_dataplane as dataplane  # isort: skip  # after dataplane_host, which makes it importable
from mlos_dataplane import arrow, arrow_ipc, arrow_memory  # isort: skip
from tensormem import Tensor  # isort: skip


def held() -> int:
    """How many pieces of memory wait for their release."""
    gc.collect()
    return sum(isinstance(each, arrow_memory.Borrowed) for each in gc.get_objects())


def numbers(count: int) -> memoryview:
    return memoryview((ctypes.c_int32 * count)(*range(count))).cast("B").cast("i")


def test_what_goes_out_comes_in_where_it_is_and_is_released_once() -> None:
    memory = numbers(24)
    (column,) = arrow.read(arrow.Array(memory, shape=(2, 3, 4), dtype="int32", name="numbers"))
    assert (column.name, column.dtype, column.shape, column.nulls) == ("numbers", "int32", (2, 3, 4), 0)
    view = column.view()
    memory[23] = 99
    assert view.cast("i")[23] == 99
    assert view.readonly
    assert [bytes(row)[:4] for row in column.rows() if row] == [b"\0\0\0\0", b"\x0c\0\0\0"]
    assert held() == 1
    del column
    assert held() == 1
    del view
    assert held() == 0


def test_an_array_that_nobody_takes_is_released_with_its_capsule() -> None:
    capsules = arrow.Array(numbers(4)).__arrow_c_array__()
    assert held() == 1
    del capsules
    assert held() == 0


def test_an_array_is_taken_once() -> None:
    class Twice:
        capsules = arrow.Array(numbers(4)).__arrow_c_array__()

        def __arrow_c_array__(self) -> Any:
            return self.capsules

    columns = arrow.read(Twice())
    with pytest.raises(ValueError):
        arrow.read(Twice())
    assert columns[0].shape == (4,)


def test_the_memory_stays_where_it_is_while_somebody_reads_it() -> None:
    memory = bytearray(64)
    (column,) = arrow.read(arrow.Array(memory))
    with pytest.raises(BufferError):
        memory.extend(b"more")
    del column
    gc.collect()
    memory.extend(b"more")


@pytest.mark.parametrize(
    ("memory", "dtype", "shape", "error"),
    [
        (bytes(8), "bfloat16", (4,), arrow.UnsupportedArray),
        (bytes(8), "bool", (8,), arrow.UnsupportedArray),
        (memoryview(bytes(8)).cast("?"), None, None, arrow.UnsupportedArray),
        (bytes(8), "int32", (3,), ValueError),
        (bytes(8), "int32", (-1, -2), ValueError),
        (bytes(8), "int64", (), ValueError),
        (memoryview(bytes(8))[::2], None, None, ValueError),
    ],
)
def test_what_arrow_cannot_say_is_refused(memory: Any, dtype: Any, shape: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        arrow.Array(memory, dtype, shape)
    assert held() == 0
    assert getattr(caught.value, "hint", "x")


def test_type_and_shape_are_the_memorys_own_unless_they_are_given() -> None:
    assert (arrow.Array(numbers(6)).dtype, arrow.Array(numbers(6)).shape) == ("int32", (6,))
    assert arrow.Array(numbers(6), "int64").shape == (3,)


@pytest.mark.parametrize("dtype", ["int8", "uint16", "uint64", "float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(0,), (6,), (2, 3), (0, 4), (2, 1, 1, 1, 1, 1, 1, 3)])
def test_types_and_shapes_survive(dtype: str, shape: tuple[int, ...]) -> None:
    size = int(dtype.lstrip("uintfloa")) // 8
    for length in shape:
        size *= length
    (column,) = arrow.read(arrow.Array(bytes(range(size)), dtype, shape))
    assert (column.dtype, column.shape, bytes(column.view())) == (dtype, shape, bytes(range(size)))


def test_a_block_goes_back_to_its_pool_with_the_array() -> None:
    with dataplane.Pool(dataplane.create_pool(None, 4096, 1)) as pool:
        handle = pool.take()
        with pytest.raises(ValueError):
            arrow.Array.of_block(pool, handle, "int64", (513,))
        with pool.block(handle) as block:
            block[:8] = (7).to_bytes(8, "little")
        (column,) = arrow.read(arrow.Array.of_block(pool, handle, "int64", (2, 256)))
        assert bytes(column.view()[:8]) == (7).to_bytes(8, "little")
        with pytest.raises(BufferError):
            pool.close()
        with pytest.raises(OSError, match="allocate"):
            pool.take()
        del column
        gc.collect()
        assert pool.take() != handle


def test_a_sealed_tensor_is_an_array_with_its_own_name_and_shape_and_outlives_its_handle() -> None:
    tensor = Tensor.create((2, 3), "float32", name="weights", device=False)
    with tensor.writing() as memory:
        memory[20:24] = b"last"
    tensor.seal()
    exported = arrow.Array.of_tensor(tensor)
    tensor.close()
    (column,) = arrow.read(exported)
    del exported, tensor
    gc.collect()
    assert (column.name, column.dtype, column.shape) == ("weights", "float32", (2, 3))
    assert bytes(column.view()[20:]) == b"last"
    strided = Tensor.create(32, None, device=False)
    strided.describe("odd", "int8", (4,), (8,))
    with pytest.raises(arrow.UnsupportedArray):
        arrow.Array.of_tensor(strided)


def test_a_foreign_array_that_contradicts_itself_is_refused_and_stays_its_makers() -> None:
    class Spoilt:
        def __arrow_c_array__(self) -> tuple[object, object]:
            schema, array = arrow.Array(numbers(4)).__arrow_c_array__()
            place = arrow_memory.address_in(array, arrow_memory.Array)
            arrow_memory.Array.from_address(place).offset = 2**63 - 1
            return schema, array

    with pytest.raises(arrow.BadArray) as caught:
        arrow.read(Spoilt())
    assert caught.value.hint
    del caught
    assert held() == 0


def test_what_is_no_array_is_refused() -> None:
    with pytest.raises(TypeError, match="dict"):
        arrow.read({})


@pytest.mark.skipif("pyarrow" in sys.modules, reason="pyarrow is here")
def test_without_pyarrow_the_error_says_what_to_install(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from mlos_dataplane import arrow, arrow_ipc\n"
        "for call in (lambda: arrow_ipc.write(sys.argv[1], [[arrow.Array(bytes(4))]]), lambda: arrow_ipc.read('x')):\n"
        "    try: call()\n"
        "    except arrow_ipc.NoArrow as error: print(error.hint)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "file")]
    said = subprocess.run(command, env=environment(), check=True, capture_output=True, text=True).stdout
    assert said.splitlines() == ["Install it: pip install pyarrow."] * 2


def test_nanoarrow_sees_what_we_export_and_we_what_it_makes() -> None:
    nanoarrow = pytest.importorskip("nanoarrow")
    theirs = nanoarrow.Array(arrow.Array(numbers(5)))
    assert theirs.to_pylist() == [0, 1, 2, 3, 4]
    tensor = nanoarrow.c_schema(arrow.Array(numbers(24), "int32", (2, 3, 4)))
    assert (tensor.format, tensor.child(0).format) == ("+w:12", "i")
    del theirs
    assert held() == 0
    (column,) = arrow.read(nanoarrow.c_array([1, 2, 3], nanoarrow.int64()))
    assert column.view().cast("q").tolist() == [1, 2, 3]
    (text,) = arrow.read(nanoarrow.c_array(["a", None, "ccc"], nanoarrow.string()))
    assert [row if row is None else bytes(row) for row in text.rows()] == [b"a", None, b"ccc"]


@pytest.fixture
def pyarrow() -> Any:
    return pytest.importorskip("pyarrow")


@pytest.fixture
def numpy() -> Any:
    return pytest.importorskip("numpy")


def test_pyarrow_sees_tensors_without_a_copy(pyarrow: Any, numpy: Any) -> None:
    pixels = numpy.arange(24, dtype="float32").reshape(2, 3, 4)
    theirs = pyarrow.array(arrow.Array(pixels))
    assert theirs.type == pyarrow.fixed_shape_tensor(pyarrow.float32(), (3, 4))
    assert numpy.shares_memory(theirs.to_numpy_ndarray(), pixels)
    moved = theirs.storage.flatten()
    del theirs
    assert held() == 1
    assert moved.to_numpy().tolist() == pixels.ravel().tolist()
    del moved
    assert held() == 0


def test_we_see_the_slices_and_nulls_of_pyarrow(pyarrow: Any, numpy: Any) -> None:
    tensors = numpy.arange(12, dtype="int16").reshape(3, 2, 2)
    batch = pyarrow.record_batch(
        {
            "id": pyarrow.array([1, None, 3], "int64"),
            "text": pyarrow.array(["a", None, "ccc"], "large_string"),
            "tensor": pyarrow.FixedShapeTensorArray.from_numpy_ndarray(tensors),
            "nested": pyarrow.array([[[1, 2]], [[3, 4]], [[5, 6]]], pyarrow.list_(pyarrow.list_(pyarrow.int8(), 2), 1)),
        }
    )
    ids, text, tensor, nested = arrow.read(batch.slice(1))
    assert [ids.is_null(row) for row in range(2)] == [True, False]
    assert ids.view().cast("q")[1] == 3
    with pytest.raises(arrow.UnsupportedArray):
        ids.numpy()
    assert [row if row is None else bytes(row) for row in text.rows()] == [None, b"ccc"]
    with pytest.raises(arrow.UnsupportedArray):
        text.view()
    del batch, ids, text
    assert (tensor.numpy() == tensors[1:]).all()
    assert nested.numpy().tolist() == [[[3, 4]], [[5, 6]]]


@pytest.mark.parametrize(
    "odd", ["[True]", "[{'a': {'b': 1}}]", "pyarrow.array(['x']).dictionary_encode()", "[[1], [2, 3]]"]
)
def test_types_of_pyarrow_that_are_no_columns_of_ours_are_refused(pyarrow: Any, odd: str) -> None:
    made = eval(odd, {"pyarrow": pyarrow})
    with pytest.raises(arrow.UnsupportedArray):
        arrow.read(pyarrow.array(made) if isinstance(made, list) else made)


def batches() -> list[list[arrow.Array]]:
    return [
        [arrow.Array(numbers(12), "int32", (2, 6), name="pixels"), arrow.Array(bytes([0, 1]), name="label")],
        [arrow.Array(numbers(6), "int32", (1, 6), name="pixels"), arrow.Array(bytes([2]), name="label")],
    ]


def test_files_streams_and_memory_bring_back_what_was_written(pyarrow: Any, tmp_path: Path) -> None:
    path, stream = tmp_path / "samples.arrow", io.BytesIO()
    size = arrow_ipc.size_of(batches())
    memory = memoryview(bytearray(size))
    assert arrow_ipc.write(path, batches()) == path.stat().st_size
    assert arrow_ipc.write(stream, batches()) == arrow_ipc.write(memory, batches()) == size
    stream.seek(0)
    for source in (path, stream, memory, memoryview(path.read_bytes())):
        got = [[(each.name, each.shape, bytes(each.view())) for each in batch] for batch in arrow_ipc.read(source)]
        assert got == [
            [("pixels", (2, 6), numbers(12).tobytes()), ("label", (2,), b"\0\1")],
            [("pixels", (1, 6), numbers(6).tobytes()), ("label", (1,), b"\2")],
        ]
    with pyarrow.ipc.open_file(path) as file:
        assert file.read_all().num_rows == 3


def test_columns_in_memory_are_seen_where_they_are(pyarrow: Any) -> None:
    memory = memoryview(bytearray(arrow_ipc.size_of(batches())))
    arrow_ipc.write(memory, batches())
    (pixels, _), *_ = arrow_ipc.read(memory)
    place = memory.obj.find(numbers(12).tobytes())
    memory[place] = 77
    assert pixels.view()[0] == 77


def test_memory_that_is_too_small_says_so(pyarrow: Any) -> None:
    with pytest.raises(arrow_ipc.TooSmall):
        arrow_ipc.write(memoryview(bytearray(100)), batches())


def test_columns_of_different_lengths_and_no_batches_are_refused(pyarrow: Any) -> None:
    with pytest.raises(ValueError):
        arrow_ipc.size_of([[arrow.Array(bytes(2)), arrow.Array(bytes(3))]])
    with pytest.raises(ValueError):
        arrow_ipc.size_of([])


def test_truncated_and_foreign_files_are_refused(pyarrow: Any, tmp_path: Path) -> None:
    path, cut = tmp_path / "whole", tmp_path / "cut"
    arrow_ipc.write(path, batches())
    whole = path.read_bytes()
    stream = memoryview(bytearray(arrow_ipc.size_of(batches())))
    arrow_ipc.write(stream, batches())
    for length in range(0, len(whole), 101):
        cut.write_bytes(whole[:length])
        with pytest.raises(arrow.BadArray):
            list(arrow_ipc.read(cut))
    for length in range(0, len(stream) - 200, 101):
        # A stream may end between two batches, but not within one.
        with contextlib.suppress(arrow.BadArray):
            assert len(list(arrow_ipc.read(stream[:length]))) < 2
    cut.write_text("something else")
    with pytest.raises(arrow.BadArray):
        list(arrow_ipc.read(cut))
    with pytest.raises(FileNotFoundError):
        list(arrow_ipc.read(tmp_path / "nowhere"))
