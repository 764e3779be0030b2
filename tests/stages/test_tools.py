"""The tools root is the same whichever mmdebstrap made it."""

from __future__ import annotations

from collections.abc import Callable

from distrobuild.formats.tree_digest import source_files
from distrobuild.stages.stage import Job
from tests import mlos


def test_the_mmdebstrap_of_the_tools_root_makes_the_root_that_the_one_of_the_host_made(
    make_job: Callable[..., Job],
) -> None:
    entries = mlos.build("tools", "fetch/tools")
    job = make_job({"debs": entries["fetch/tools"].output})
    mlos.plan().find("tools").stage.run(job)
    ours, theirs = source_files(job.output), source_files(entries["tools"].output)
    assert {name for name in ours | theirs if ours.get(name) != theirs.get(name)} == set()
