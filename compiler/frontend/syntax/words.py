"""The words and signs of a text, and which of them are reserved."""

from __future__ import annotations

import re
from typing import NamedTuple

DECLARING = frozenset({"use", "const", "block", "model"})
STATING = frozenset({"input", "param", "share", "output", "assert"})
CONSTANTS = frozenset({"true", "false", "none"})
JOINING = frozenset({"then", "else", "and", "or", "as"})  # which begin nothing
RESERVED = DECLARING | STATING | CONSTANTS | JOINING | {"if", "not"}

_TOKEN = re.compile(
    r"""\#[^\n]* | "[^"\r\n]*" | [A-Za-z_][A-Za-z0-9_]* | [0-9](?:[A-Za-z0-9_.]|(?<=[eE])[+-](?=[0-9]))*
    | -> | [=!<>]= | \*\* | // | [^\ \t\f\r\n]""",
    re.VERBOSE,
)


class Token(NamedTuple):
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def is_name(self) -> bool:
        return self.text[0].isalpha() or self.text[0] == "_"

    @property
    def is_literal(self) -> bool:
        return self.text[0] in '0123456789"'

    @property
    def begins_value(self) -> bool:
        """Whether this is a number, a string or a word that is not between two values."""
        return self.is_literal or (self.is_name and self.text not in JOINING)

    @property
    def ends_value(self) -> bool:
        if self.is_name:
            return self.text not in RESERVED or self.text in CONSTANTS
        return self.is_literal or self.text in (")", "]")


def words_of(text: str) -> list[str]:
    """The words and signs of a text without its comments; characters that begin none stand alone."""
    return [word for word in _TOKEN.findall(text) if word[0] != "#"]


def length(text: str) -> int:
    """How many words, signs and comments a text has."""
    return len(_TOKEN.findall(text))


def tokens_of(text: str) -> list[Token]:
    """The words of a text and where they start."""
    return [Token(m[0], m.start()) for m in _TOKEN.finditer(text) if m[0][0] != "#"]
