from __future__ import annotations

from uuid import UUID

from distrobuild.formats import vhd

NUMBER = UUID("0123456789abcdef0123456789abcdef")


def test_the_checksum_is_the_complement_of_the_sum_of_all_other_bytes() -> None:
    footer = vhd.footer(1 << 30, 1767225600, NUMBER)
    rest = sum(footer) - sum(footer[vhd.CHECKSUM_OFFSET : vhd.CHECKSUM_OFFSET + 4])
    assert int.from_bytes(footer[vhd.CHECKSUM_OFFSET : vhd.CHECKSUM_OFFSET + 4], "big") == ~rest & 0xFFFFFFFF
    assert len(footer) == vhd.FOOTER_SIZE


def test_size_time_and_number_stand_where_the_specification_has_them() -> None:
    footer = vhd.footer(8_455_716_864, vhd.EPOCH + 5, NUMBER)
    assert footer[:8] == b"conectix"
    assert int.from_bytes(footer[24:28], "big") == 5
    assert int.from_bytes(footer[40:48], "big") == int.from_bytes(footer[48:56], "big") == 8_455_716_864
    assert footer[60:64] == b"\0\0\0\2"
    assert footer[68:84] == NUMBER.bytes


def test_a_time_before_2000_is_the_start_of_2000() -> None:
    assert vhd.footer(0, 0, NUMBER) == vhd.footer(0, vhd.EPOCH, NUMBER)
