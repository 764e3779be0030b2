"""The examples of README and docs, for tests that try them."""

from __future__ import annotations

import re
from pathlib import Path

from tests import mlos

DOCUMENTS = ("README.md", "docs/packages.md")
"""Those with examples in YAML."""
FENCED = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def examples(document: str) -> list[str]:
    """Every block of YAML of a document."""
    return FENCED.findall((mlos.ROOT / document).read_text("utf-8"))


def readme_project(folder: Path) -> Path:
    """Put the README's manifest into `folder`, beside what it names; return its path."""
    for name in mlos.SOURCES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(mlos.ROOT / name)
    (text,) = examples("README.md")
    (folder / "distro.yaml").write_text(text, "utf-8")
    return folder / "distro.yaml"
