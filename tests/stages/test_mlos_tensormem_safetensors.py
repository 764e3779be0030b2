"""Model files in sealed memory: what a good file becomes, and that a bad one is refused before it costs anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stages.tensormem_host import environment

from tensormem import Tensor  # isort: skip  # after tensormem_host, which makes it importable
from tensormem.safetensors import MalformedFile, Model, load  # isort: skip

GOOD: dict[str, Any] = {
    "bias": {"dtype": "F32", "shape": [2], "data_offsets": [24, 32]},
    "weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    "nothing": {"dtype": "I8", "shape": [0, 5], "data_offsets": [32, 32]},
    "__metadata__": {"format": "pt"},
}
DATA = bytes(range(32))
NO_BYTES = b'{"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}'
ALL_BYTES = b'{"dtype": "U8", "shape": [32], "data_offsets": [0, 32]}'


def file_of(header: object, data: bytes = DATA) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def changed(**changes: Any) -> dict[str, Any]:
    return {**GOOD, "bias": {**GOOD["bias"], **changes}}


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes], Path]:
    def put(content: bytes) -> Path:
        (tmp_path / "model.safetensors").write_bytes(content)
        return tmp_path / "model.safetensors"

    return put


def test_a_file_becomes_one_sealed_tensor_with_its_own_tensors_in_it(write: Callable[[bytes], Path]) -> None:
    model = load(write(file_of(GOOD)))
    assert model.tensor.info.sealed
    assert model.tensor.info.name == "model"
    assert set(model) == {"bias", "weight", "nothing"}
    assert bytes(model.memory("weight")) == DATA[:24]
    assert bytes(model.memory("bias")) == DATA[24:]
    assert bytes(model.memory("nothing")) == b""
    assert model.memory("weight").readonly
    assert model.header.metadata == {"format": "pt"}


def test_whoever_attaches_the_tensor_finds_the_same_in_it(write: Callable[[bytes], Path]) -> None:
    model = load(write(file_of(GOOD)))
    again = Model(Tensor.from_fd(model.tensor.fileno()))
    assert bytes(again.memory("bias")) == DATA[24:]
    assert again.header.tensors["weight"].shape == (2, 3)


def test_data_begin_at_a_page_and_do_not_depend_on_padding(write: Callable[[bytes], Path]) -> None:
    padded = json.dumps(GOOD).encode() + b" " * 77
    first, second = (load(write(file_of(header))) for header in (GOOD, padded))
    assert bytes(first.tensor.view()) == bytes(second.tensor.view())
    assert bytes(first.tensor.view()[4096:]) == DATA
    assert first.header.tensors["bias"].offset == 4096 + 24


def test_memory_that_can_still_be_changed_is_no_model(write: Callable[[bytes], Path]) -> None:
    content = bytes(load(write(file_of(GOOD))).tensor.view())
    tensor = Tensor.create(len(content), None)
    with tensor.writing() as memory:
        memory[:] = content
    with pytest.raises(MalformedFile, match="seal"):
        Model(tensor)
    tensor.seal()
    assert len(Model(tensor)) == 3


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 7, b"\0" * 8, b"\xff" * 8, (2**40).to_bytes(8, "little") + b"{}", (3).to_bytes(8, "little") + b"{}",
        file_of(b"[]"),
        file_of(b'"text"'), file_of(b"{"), file_of(b" {}", b""), file_of(b"{} x", b""),
        file_of(b"\xff\xfe"),
        file_of(b'{"a":' * 100_000), file_of(b'{"__metadata__": NaN}', b""),
        file_of(b'{"__metadata__": {"a": 1}}', b""),
        file_of(b'{"a": 1, "a": 2}', b""), file_of({"a": 1}), file_of({"a": None}), file_of({"a": []}),
        file_of(b'{"a": ' + b"9" * 5000 + b"}", b""),
        file_of(GOOD, DATA + b"x"), file_of(GOOD, DATA[:-1]), file_of({}, b"x"),
        file_of(changed(dtype="F33")), file_of(changed(dtype=["F32"])), file_of(changed(more=1)),
        file_of(changed(shape=[-2])), file_of(changed(shape=[2.0])), file_of(changed(shape=[True, 2])),
        file_of(changed(shape="2")), file_of(changed(shape=[1] * 65)), file_of(changed(shape=[2**62, 2**62])),
        file_of(changed(data_offsets=[24])), file_of(changed(data_offsets=[32, 24])),
        file_of(changed(data_offsets=[-8, 0])),
        file_of(changed(data_offsets=[16, 24])), file_of(changed(data_offsets=[25, 33])),
        file_of(changed(data_offsets=[24.0, 32.0])), file_of(changed(data_offsets=[2**63, 2**63 + 8])),
        file_of({"a": {"dtype": "U8", "shape": [2**60], "data_offsets": [0, 2**60]}}),
        file_of({"a": {"dtype": "U8", "shape": [32], "data_offsets": [0, 16]}}),
        file_of(b'{"a": %b, "a": %b}' % ((ALL_BYTES,) * 2)), file_of(b'{"a": %b, "a": %b}' % (NO_BYTES, ALL_BYTES)),
        file_of(b'{"__metadata__": {"k": "1", "k": "2"}, "a": %b}' % ALL_BYTES),
        file_of(b'{"__metadata__": {}, "__metadata__": {}, "a": %b}' % ALL_BYTES),
        file_of(b'{"a\\u0000b": %b}' % ALL_BYTES), file_of(b'{"a": %b,}' % ALL_BYTES),
        file_of(b'{"a": %b]' % ALL_BYTES), file_of(b'{"a": {"dtype": "I8", %b}' % ALL_BYTES[1:]),
    ],
)  # fmt: skip
def test_a_malformed_file_is_refused(content: bytes, write: Callable[[bytes], Path]) -> None:
    with pytest.raises(MalformedFile):
        load(write(content))


def test_a_file_that_claims_much_costs_little(write: Callable[[bytes], Path]) -> None:
    path = write((100_000_000).to_bytes(8, "little") + b"{}")
    script = (
        "import resource, sys\nfrom tensormem import safetensors\n"
        "resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))\n"
        "try:\n    safetensors.load(sys.argv[1])\nexcept safetensors.MalformedFile:\n    print('refused')\n"
    )
    for content in (path.read_bytes(), file_of({"a": {"dtype": "U8", "shape": [2**40], "data_offsets": [0, 2**40]}})):
        command = [sys.executable, "-c", script, str(write(content))]
        assert subprocess.check_output(command, env=environment(), text=True) == "refused\n"


def test_only_ordinary_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(MalformedFile, match="ordinary"):
        load(tmp_path / "pipe")
    with pytest.raises(IsADirectoryError):
        load(tmp_path)
    with pytest.raises(FileNotFoundError, match="none"):
        load(tmp_path / "none")


def test_what_is_wrong_is_told_without_commands_to_a_terminal(write: Callable[[bytes], Path]) -> None:
    header = {"\x1b[31mred": {"dtype": "F33", "shape": [], "data_offsets": [0, 0]}}
    with pytest.raises(MalformedFile, match=r"^\?\[31mred has elements of a type that is not known: F33$"):
        load(write(file_of(header)))


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, len(file_of(GOOD)) - 1), value=st.integers(0, 255), cut=st.integers(0, 40))
def test_a_damaged_file_is_refused_or_still_describes_all_of_itself(at: int, value: int, cut: int) -> None:
    content = bytearray(file_of(GOOD))
    content[at] = value
    content = content[: len(content) - cut]
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        try:
            model = load(file.name)
        except MalformedFile:
            return
    assert sum(entry.size for entry in model.header.tensors.values()) == len(DATA)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_noise_is_refused(noise: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(file_of(b"{" + noise))
        file.flush()
        with pytest.raises(MalformedFile):
            load(file.name)
