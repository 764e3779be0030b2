# SPDX-License-Identifier: Apache-2.0
"""Types of elements: their names, and the numbers by which DLPack and the kernel know them."""

from __future__ import annotations

_CODES = {"int": 0, "uint": 1, "float": 2, "bfloat": 4, "complex": 5}

NUMBERS: dict[str, int] = {
    **{f"{kind}{bits}": _CODES[kind] << 16 | bits << 8 | 1 for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
    **{f"float{bits}": _CODES["float"] << 16 | bits << 8 | 1 for bits in (16, 32, 64)},
    "bfloat16": _CODES["bfloat"] << 16 | 16 << 8 | 1,
    **{f"complex{bits}": _CODES["complex"] << 16 | bits << 8 | 1 for bits in (64, 128)},
    "bool": 6 << 16 | 8 << 8 | 1,
    "float8_e4m3fn": 10 << 16 | 8 << 8 | 1,
    "float8_e5m2": 12 << 16 | 8 << 8 | 1,
}
"""Name of a type, as NumPy and PyTorch write it, to its number: code << 16 | bits << 8 | lanes."""

NAMES = {number: name for name, number in NUMBERS.items()}
UNKNOWN_TO_NUMPY = {"bfloat16", "float8_e4m3fn", "float8_e5m2"}


def number_of(name: str) -> int:
    """The number of a type. Raises ValueError for a name that is none."""
    if name not in NUMBERS:
        raise ValueError(f"no type of elements: {name!r}; there are {', '.join(NUMBERS)}")
    return NUMBERS[name]


def item_size(name: str) -> int:
    """Bytes of an element."""
    return (number_of(name) >> 8 & 0xFF) // 8
