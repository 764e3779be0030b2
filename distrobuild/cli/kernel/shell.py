"""`distrobuild kernel shell`: a shell in the patched and configured tree, with the compiler that builds it."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import click

from distrobuild.cli.kernel.chosen import planned, selection_of
from distrobuild.cli.session import Session, kernel_project_options
from distrobuild.engine.kernel_tree import KernelTree
from distrobuild.plan.bare_kernel import plan_settings


@click.command("shell")
@click.argument("kernel", required=False)
@click.argument("program", nargs=-1)
@click.option(
    "--tree",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Keep the tree in FOLDER/linux, and go on with it the next time. Default: it is gone when the shell ends.",
)
@kernel_project_options
def command(session: Session, kernel: str | None, program: tuple[str, ...], tree: Path | None) -> None:
    """Start a shell (or PROGRAM) in the tree of KERNEL (default: the one that targets boot), in the sandbox of a build.

    The tree is a git repository with a commit for each patch of the series: change it, `make`, commit, and
    `git format-patch` writes the patches.
    """
    with planned(session, selection_of(session, kernel), plan_settings) as (engine, plan):
        source = KernelTree.provide(engine, plan)
    with contextlib.ExitStack() as stack:
        scratch = stack.enter_context(session.store.scratch()) if tree is None else source.keep_in(tree)
        if not source.is_in(scratch):
            click.echo("unpacking, a commit for each patch, configuring: a minute", err=True)
            source.make(scratch)
        sys.exit(source.enter(scratch, program))
