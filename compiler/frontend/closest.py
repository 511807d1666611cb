"""The known word that somebody may have meant."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from functools import lru_cache

WORDS, LETTERS = 500, 80  # beyond which nobody waits for an answer


def closest(word: str, known: Collection[str], likeness: float = 0.6) -> list[str]:
    """The most like of the known words, or none that is like enough."""
    if len(known) > WORDS or len(word) > LETTERS:
        return []
    return list(_closest(word, tuple(known), likeness))


@lru_cache(1000)  # a word that is wrong once is wrong again
def _closest(word: str, known: tuple[str, ...], likeness: float) -> list[str]:
    return get_close_matches(word, [other for other in known if len(other) <= LETTERS], 1, likeness)
