"""The machine goes down as it came up."""

from __future__ import annotations

import pytest

from distrobuild.boot.guest import Guest


@pytest.mark.shutdown
def test_the_machine_powers_off_cleanly(guest: Guest) -> None:
    guest.power_off()
