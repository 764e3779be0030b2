"""Calls kbuild with the fixed surroundings that make its result depend on the tree and the configuration alone.

Documentation/kbuild/reproducible-builds.rst names what else would get in: time, user, host and number of the build.
The tree always stands at the same path in the sandbox and is built in place by a pinned compiler, so no prefix map is
needed to keep the host's paths out.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from distrobuild.stages.stage import Job

TREE = "linux"
"""The source tree's folder below /work."""
CACHE = "/ccache"
CACHED_COMPILERS = "/usr/lib/ccache"
"""Debian's folder of links by which a compiler's name means ccache."""
COMPILERS = Path(__file__).parent / "templates" / "kernel_make"
"""A `gcc` that keeps assembler out of ccache; so `CC` stays `gcc`, also in the headers package."""
OUR_COMPILERS = "compilers"
"""Folder below `work` that it is copied to."""
COMPILER_CACHE = {
    "CCACHE_DIR": CACHE,
    "CCACHE_COMPILERCHECK": "content",
    "CCACHE_DEPEND": "1",
    # Where the compiler is that it stands for: not by $PATH, in which ours comes first.
    "CCACHE_PATH": "/usr/bin",
    "CCACHE_MAXSIZE": "5G",
}
"""ccache only ever saves time: it compares the bytes of compiler, source and every header, at paths that never change.
It does not see what assembler includes besides, so that is compiled anew.

Depend mode learns the headers from the compiler instead of a second preprocessor run: an object that is not cached
costs 2 % more than without ccache instead of 22 %. In return, a change of the configuration, whose header is in every
object, recompiles everything.
"""
WITHOUT_DEBUGGER = "-fno-var-tracking-assignments"
"""Of the debugging information only the types are used, for BTF; where a variable lives at each instruction is not.

That saves 3 to 14 % of a compilation, and BTF has the same functions and types. (`-fno-var-tracking` would save more,
and cost half of the functions: pahole drops those whose parameters it cannot place.)
"""
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def kernel_identity(version: str, patch_set: str | None) -> dict[str, str]:
    """Variables of the Makefile that the patches of `patches/6.12` show: version of the distribution, patch set."""
    return {"MLOS_VERSION": version} | ({"MLOS_PATCHSET": patch_set} if patch_set else {})


class Make:
    """`make` in the kernel's tree.

    `builder` stands in the kernel's banner, `variables` are seen by every Makefile, `ccache` says whether compiled
    objects are kept in the job's cache.
    """

    def __init__(self, job: Job, builder: str, variables: Mapping[str, str], *, ccache: bool) -> None:
        self.cpus = job.cpus
        self.sandbox = replace(job.sandbox, extra={**job.sandbox.extra, CACHE: job.cache}) if ccache else job.sandbox
        if ccache:
            shutil.copytree(COMPILERS, job.work / OUR_COMPILERS, dirs_exist_ok=True)
            (job.work / OUR_COMPILERS / "gcc").chmod(0o755)
        date = datetime.fromtimestamp(job.epoch, UTC)
        self.environment: Mapping[str, str] = {
            "KBUILD_BUILD_TIMESTAMP": f"{date:%a %b %d %H:%M:%S UTC %Y}",
            "KBUILD_BUILD_USER": builder,
            "KBUILD_BUILD_HOST": "distrobuild",
            "KBUILD_BUILD_VERSION": "1",
            "KCFLAGS": WITHOUT_DEBUGGER,
            "PATH": f"/work/{OUR_COMPILERS}:{CACHED_COMPILERS}:{PATH}" if ccache else PATH,
            **(COMPILER_CACHE if ccache else {}),
            **variables,
        }

    def __call__(self, *arguments: str) -> None:
        """Make targets (with `NAME=VALUE` variables among them) on all processors of the job."""
        command = ["make", f"--jobs={self.cpus}", *arguments]
        self.sandbox.run(command, cwd=f"/work/{TREE}", environment=self.environment)

    def read(self, target: str) -> str:
        """What making `target` prints."""
        command = ["make", "--silent", target]
        return self.sandbox.read(command, cwd=f"/work/{TREE}", environment=self.environment).decode().strip()
