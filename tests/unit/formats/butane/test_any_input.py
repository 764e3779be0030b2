"""Whatever is given, either a config comes out or InvalidButane, and every message has a place in the text."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from distrobuild.formats.butane import InvalidButane, render, translate
from distrobuild.formats.butane.fields import ROOT
from distrobuild.formats.butane.schema import Field, Kind, Struct
from tests.unit.formats.butane.configs import config

FIXTURES = Path(__file__).parent / "fixtures"
UNHURRIED = settings(deadline=None, derandomize=True)
CONFIGS = [path.read_bytes() for path in sorted(FIXTURES.glob("*.bu"))]
VALUES = [
    "", "/a", "a", "/dev/vdb", "x.service", "x.mount", "x.conf", "gzip", "ext4", "swap", "http://a/b", "data:,x",
    "motd.txt", "tree", "..", "[Unit]\nA=b", "\ud800", "\x7f", "ä" * 50, 0, 1, 0o755, 755, -1, 2**70, 1.5, True,
    False, None, [], {},
]  # fmt: skip


def check(source: bytes) -> None:
    try:
        translation = translate(source, "config.bu", FIXTURES / "files")
        document, messages = translation.document, translation.warnings
        # What Ignition reads is JSON, in UTF-8.
        json.loads(translation.text().encode())
        json.loads(translation.text(pretty=True))
        refused = False
    except InvalidButane as error:
        document, messages = error.report.document, error.report.messages
        str(error).encode()
        refused = True
    assert refused is any(message.severity == "error" for message in messages)
    for message in messages:
        assert 1 <= message.span.line <= len(document.lines)
        assert 1 <= message.span.column <= len(document.lines[message.span.line - 1]) + 1
        render(message, document).encode()


def value_of(field: Field, chance: random.Random, depth: int) -> Any:
    """Something for a field: mostly of its kind, sometimes of any other."""
    if chance.random() < 0.05 or depth > 8:
        return chance.choice(VALUES)
    if field.many:
        return [single(field, chance, depth) for _ in range(chance.randrange(4))]
    return single(field, chance, depth)


def single(field: Field, chance: random.Random, depth: int) -> Any:
    if isinstance(field.kind, Struct):
        return mapping(field.kind, chance, depth + 1)
    kind = {Kind.TEXT: str, Kind.NUMBER: int, Kind.FLAG: bool}[field.kind]
    return chance.choice([value for value in VALUES if type(value) is kind])


def mapping(struct: Struct, chance: random.Random, depth: int = 0) -> dict[str, Any]:
    result = {each.name: value_of(each, chance, depth) for each in struct.fields if chance.random() < 0.5}
    if chance.random() < 0.05:
        result[chance.choice(["x", "file", "contens", "\ud800", "<<"])] = chance.choice(VALUES)
    return result


@given(st.binary(max_size=200))
@UNHURRIED
def test_bytes(source: bytes) -> None:
    check(source)


@given(st.text(max_size=200))
@UNHURRIED
def test_text_below_a_right_heading(text: str) -> None:
    check(config("") + text.encode("utf-8", "surrogatepass"))


@given(st.data())
@UNHURRIED
def test_configs_with_a_part_replaced(data: st.DataObject) -> None:
    source = data.draw(st.sampled_from(CONFIGS))
    start = data.draw(st.integers(0, len(source)))
    end = data.draw(st.integers(start, min(len(source), start + 8)))
    inserted = data.draw(
        st.one_of(
            st.binary(max_size=4), st.sampled_from([b"*a", b"&a ", b"<<: ", b"[", b"{", b"- ", b"\n  ", b"!!", b"'"])
        )
    )
    check(source[:start] + inserted + source[end:])


@pytest.mark.parametrize("seed", range(150))
def test_configs_made_of_the_declared_fields(seed: int) -> None:
    chance = random.Random(seed)
    body = {name: value for name, value in mapping(ROOT, chance).items() if name not in ("variant", "version")}
    check(config(yaml.safe_dump(body), chance.choice(["1.0.0", "1.1.0"])))


@pytest.mark.parametrize(
    "source",
    [
        b"&a [*a]", b"? [a]\n: b", b"? {a: b}\n: c", b"!!binary x", b"%YAML 9.9\n---\na: b",
        b"a: &a\n  b: *a\n<<: *a\n", b"<<: x", b"<<: [x]", b"<<: [[]]", b"\xef\xbb\xbf", b"\xff\xfe", b'"\\x"',
        b'a: "\\UFFFFFFFF"', b"!<tag:x,y> a: b", b"!!set {a}", b"a: !!int x", b"variant: !!float 1",
        b"variant: |\n  flatcar\n", b"--- |\n",
        b"...", b"a\n...\nb\n",
        b"%YAML 1." + b"9" * 5000 + b"\n---\na: b\n", b"x: " + b"9" * 5000, b"- " * 2000, b"\t", b"a: b\n\tc: d",
        b"@", b"`",
    ],
)  # fmt: skip
@pytest.mark.parametrize("heading", [b"", b"variant: flatcar\nversion: 1.0.0\n"])
def test_known_oddities_of_yaml(heading: bytes, source: bytes) -> None:
    check(heading + source)


def test_a_long_chain_of_merge_keys() -> None:
    chain = "".join(f"- &a{number} {{<<: *a{number - 1}}}\n" for number in range(1, 3000))
    check(f"- &a0 {{path: /a}}\n{chain}".encode())
    check(config("x:\n- &a0 {path: /a}\n" + chain + "storage: {files: [*a2999]}\n"))


def test_numbers_too_long_for_python() -> None:
    check(f"variant: flatcar\nversion: {'9' * 5000}.0.0\n".encode())
    check(config(f"passwd: {{users: [{{name: a, uid: {'9' * 5000}}}]}}"))
