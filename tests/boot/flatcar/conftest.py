"""The machine's second boot, which is into the next version: what must outlive it is noted before."""

from __future__ import annotations

from pathlib import Path

import pytest
from machine import Before, Identity, offer, slot
from testinfra.host import Host

from distrobuild.boot.guest import Guest


@pytest.fixture(scope="session")
def before(guest: Guest, host: Host, updates: list[Path]) -> Before:
    """Change the machine as its people would, note what must stay, and bring it to the next version."""
    host.check_output("useradd --create-home ada && echo kept > /etc/kept && echo kept > /var/lib/kept")
    host.check_output("echo changed > /opt/models/README && rm /etc/services && echo kept > /srv/models/kept")
    found = Before(Identity.of(host), slot(host))
    offer(guest, updates[0])
    host.check_output("update-image")
    guest.reboot()
    return found
