"""How an ext4 file system is written from a folder, the same whenever it is made.

mke2fs takes SOURCE_DATE_EPOCH for every time that is later.
"""

from __future__ import annotations

from collections.abc import Sequence

from distrobuild.formats.disk_layout import derived_guid
from distrobuild.stages.stage import Job

CONTENT = "content"
"""Folder below `work` with what stands in the file system."""


def write_ext4(job: Job, place: str, *, image: str, label: str, size: int, features: Sequence[str] = ()) -> None:
    """Write `place` (a path in the sandbox) with `size` bytes from the folder `CONTENT`. Raises `ProgramFailed`.

    `image` names the image and its version: the UUID depends on it and on the label. `features` are mke2fs's, `^NAME`
    for what it shall leave out.
    """
    uuid = derived_guid(image, f"ext4-{label}")
    # The seed of the folders' hashes would be drawn by chance.
    extended = f"root_owner=0:0,hash_seed={uuid}"
    command = ["mke2fs", "-q", "-t", "ext4", "-L", label, "-U", str(uuid), "-E", extended]
    command += ["-O", ",".join(features)] if features else []
    job.sandbox.run([*command, "-d", f"/work/{CONTENT}", place, f"{size >> 10}k"])
