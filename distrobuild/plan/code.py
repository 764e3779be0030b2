"""The digest of a stage's own code: its module, what that imports of distrobuild, data beside those, its templates."""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib.metadata
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import distrobuild
from distrobuild.errors import DistrobuildError
from distrobuild.formats.tree_digest import file_digest, source_files
from distrobuild.stages.stage import Stage

MECHANICS = frozenset({"distrobuild", "distrobuild.errors", "distrobuild.stages.stage", "distrobuild.sandbox.sandbox"})
"""Modules that start and report work but do not shape its result.

What a program in the sandbox sees does shape it: that stands in `distrobuild.sandbox.contract`, which is in every key.
"""

PACKAGE = Path(distrobuild.__file__).parent
ALWAYS = ("distrobuild.sandbox.contract",)

IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+\S+[ \t]+import[ \t]*(?:\([^)]*\)|[^\n]*)|import[ \t]+[^\n]*)", re.MULTILINE)

DISTRIBUTIONS = {"debian": "python-debian", "qemu": "qemu.qmp", "testinfra": "pytest-testinfra", "yaml": "PyYAML"}
"""Of the modules that are not called as the distribution that brings them."""

PYTHON = frozenset({".py", ".pyc"})

SCHEMA_ONLY = frozenset({"pydantic", "typing_extensions"})
"""Third-party modules that check options and never touch a result."""


class CodeChanged(DistrobuildError):
    """Files of distrobuild changed since this process loaded them: what ran is not what the key says."""


@functools.cache
def code_digests(stage: type[Stage]) -> Mapping[str, str]:  # type: ignore[type-arg]
    """Module (or template, or third-party distribution) to digest (or version) of all that `stage.run` may execute."""
    modules, digests = _code(stage)
    for module, path in modules.items():
        digests[module] = _digest(path)
        digests.update(_data(module, path))
        digests.update(_templates(path))
    return dict(sorted(digests.items()))


def require_unchanged(stage: type[Stage]) -> None:  # type: ignore[type-arg]
    """Raise `CodeChanged` if a file behind `code_digests(stage)` is not what it was when this process started."""
    files = {file for path in _code(stage)[0].values() for file in (path, *_data_files(path), *_template_files(path))}
    changed = sorted(str(file.relative_to(PACKAGE)) for file in files & LOADED.keys() if _stamp(file) != LOADED[file])
    if changed:
        message = f"distrobuild's own code changed while the stage ran: {', '.join(changed)}"
        raise CodeChanged(message, hint="build again")


def _stamp(path: Path) -> tuple[int, int] | None:
    """What tells that a file was written: its time and size; None if it is gone."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_size


LOADED = {path: _stamp(path) for path in PACKAGE.rglob("*") if path.suffix != ".pyc" and path.is_file()}
"""Every file of distrobuild as it was when this process started."""


def _code(stage: type[Stage]) -> tuple[dict[str, Path], dict[str, str]]:  # type: ignore[type-arg]
    """Modules that `stage.run` may execute with their files, and versions of the distributions that they import."""
    modules: dict[str, Path] = {}
    versions: dict[str, str] = {}
    pending = [stage.__module__, *ALWAYS]
    seen: set[str] = set()
    while pending:
        module = pending.pop()
        if module in seen or module in MECHANICS:
            continue
        seen.add(module)
        path = _path(module)
        if path is not None:
            modules[module] = path
            own, foreign = _imports(path)
            pending.extend(own)
            versions.update({f"python:{name}": version for name, version in foreign})
    return modules, versions


@functools.cache
def _digest(path: Path) -> str:
    """Of a file as this process loaded it, or as good as: `require_unchanged` sees to that."""
    return file_digest(path)


@functools.cache
def _path(module: str) -> Path | None:
    """The file of a module; None for the name of something else, as in `from package.module import name`.

    Nothing is imported to find out: the modules of a boot alone would take longer than everything else here.
    """
    top, *rest = module.split(".")
    if top != "distrobuild":  # a stage of somebody else's, which is loaded
        file = getattr(sys.modules.get(module), "__file__", None)
        return Path(file) if file else None
    place = PACKAGE.joinpath(*rest)
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


@functools.cache
def _data(module: str, path: Path) -> dict[str, str]:
    """The files beside a module that are no Python (`probe.S`): it may read them."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return {f"{package}/{each.name}": _digest(each) for each in _data_files(path)}


def _data_files(path: Path) -> list[Path]:
    return [each for each in path.parent.iterdir() if each.is_file() and each.suffix not in PYTHON]


@functools.cache
def _templates(path: Path) -> dict[str, str]:
    """The files below `templates/NAME` beside the module NAME."""
    folder = path.parent / "templates" / path.stem
    files = source_files(folder) if folder.is_dir() else {}
    return {f"templates/{path.stem}/{name}": digest for name, digest in files.items()}


def _template_files(path: Path) -> list[Path]:
    return [each for each in (path.parent / "templates" / path.stem).rglob("*") if each.is_file()]


@functools.cache
def _imports(path: Path) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    """Modules of distrobuild that a file names, and (distribution, version) of the third-party ones."""
    own: set[str] = set()
    foreign: set[tuple[str, str]] = set()
    for node in _import_statements(path.read_text("utf-8")):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            top = name.partition(".")[0]
            if top == "distrobuild":
                own.add(name)
            elif top not in sys.stdlib_module_names and top not in SCHEMA_ONLY:
                foreign.update(_distributions(top))
    return frozenset(own), frozenset(foreign)


def _import_statements(text: str) -> Iterator[ast.stmt]:
    """Every import of a module's source, at any depth. Only these lines are parsed, a tenth of the work.

    A line of a docstring that reads like an import counts as well: one module too many never makes a key lie.
    """
    statements = [match[0].strip() for match in IMPORT.finditer(text)]
    try:
        yield from ast.parse("\n".join(statements)).body
    except SyntaxError:  # prose that begins like an import
        for statement in statements:
            with contextlib.suppress(SyntaxError):
                yield from ast.parse(statement).body


@functools.cache
def _distributions(module: str) -> tuple[tuple[str, str], ...]:
    """Name and version of what brings a module; for an unknown one, every installed distribution is looked through."""
    try:
        found = importlib.metadata.distribution(DISTRIBUTIONS.get(module, module))
    except importlib.metadata.PackageNotFoundError:
        names = importlib.metadata.packages_distributions().get(module, [])
        return tuple((name, importlib.metadata.version(name)) for name in sorted(set(names)))
    return ((found.metadata["Name"], found.version),)
