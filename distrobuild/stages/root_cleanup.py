"""What is taken out of a root file system when its packages are configured: the traces of how they were installed."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from distrobuild.stages.stage import Job

SCRIPT = Path(__file__).parent / "templates" / "root_cleanup" / "clean.sh"
MEMORY_SHARE = 0.4
"""Part of the free memory that a root may take while it is installed; above it the disk is used."""


def place_script(job: Job) -> str:
    """Put the script that cleans the root file system `$1` into the work folder; return its path in the sandbox."""
    place = job.work / "clean"
    shutil.copyfile(SCRIPT, place)
    place.chmod(0o755)
    return "/work/clean"


def place_of_root(job: Job, kibibytes: int) -> str:
    """Where a root of this size is put together: in memory if it fits, because dpkg waits for a disk very often."""
    free = re.search(r"^MemAvailable: +(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    fits = free is not None and kibibytes < MEMORY_SHARE * int(free[1])
    job.log(f"installing {kibibytes >> 10} MiB in {'memory' if fits else 'the work folder'}")
    return "/tmp" if fits else "/work"
