"""The known word that somebody may have meant."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

WORDS, LETTERS = 500, 80  # beyond which nobody waits for an answer


def closest(word: str, known: Collection[str], likeness: float = 0.6) -> list[str]:
    """The most like of the known words, or none that is like enough."""
    if len(known) > WORDS or len(word) > LETTERS:
        return []
    return get_close_matches(word, [other for other in known if len(other) <= LETTERS], 1, likeness)
