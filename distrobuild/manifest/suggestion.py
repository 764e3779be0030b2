"""`did you mean`: the nearest of the words that would have been right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

SIMILARITY = 0.6
"""Below this ratio (difflib: 0 nothing in common, 1 equal) a guess confuses more than it helps."""


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that looks most like `word`, or None when none is near."""
    folded = {candidate.casefold(): candidate for candidate in candidates}
    matches = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=SIMILARITY)
    return folded[matches[0]] if matches else None


def similarity(word: str, candidates: Iterable[str]) -> float:
    """How near the nearest candidate is, 0 to 1."""
    ratios = (difflib.SequenceMatcher(None, word.casefold(), each.casefold()).ratio() for each in candidates)
    return max(ratios, default=0.0)


def hint(word: str, candidates: Iterable[str], *, otherwise: str) -> str:
    """A hint that names the nearest candidate; if none is near, `otherwise` and all of them."""
    known = sorted(candidates)
    if guess := nearest(word, known):
        return f"did you mean `{guess}`?"
    return f"{otherwise}: {quoted(known)}" if known else f"{otherwise}: none"


def quoted(words: Iterable[str], last: str = ", ") -> str:
    """`a`, `b`, `c`; `last` stands before the last one."""
    marked = [f"`{word}`" for word in words]
    return last.join([", ".join(marked[:-1]), marked[-1]]) if len(marked) > 1 else "".join(marked)
