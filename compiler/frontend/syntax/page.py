"""A text that does not parse, as its tokens and lines: where a declaration, a statement or a section may begin."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from .words import DECLARING, RESERVED, STATING, Token, tokens_of

_AFTER_NAME = {"use": ("as",), "const": ("=",), "param": (":",), "share": ("=",)}
_AFTER_NAME |= dict.fromkeys(("block", "model"), ("(", "=", "{"))
CLOSING = {"(": ")", "[": "]", "{": "}"}

_BLANKS = re.compile(r"[ \t]*")


@dataclass(frozen=True)
class Page:
    """A text and its tokens, which are known by their numbers."""

    text: str

    @cached_property
    def tokens(self) -> list[Token]:
        return tokens_of(self.text)

    @cached_property
    def _words(self) -> list[str]:
        return [token.text for token in self.tokens]

    def word(self, i: int) -> str:
        """The text of a token, or nothing where there is none."""
        return self._words[i] if 0 <= i < len(self._words) else ""

    @cached_property
    def _fresh(self) -> list[bool]:
        after = [0, *(token.end for token in self.tokens)]
        return [i == 0 or "\n" in self.text[after[i] : token.start] for i, token in enumerate(self.tokens)]

    def fresh(self, i: int) -> bool:
        """Whether a token is the first of its line."""
        return self._fresh[i]

    def touches(self, i: int) -> bool:
        """Whether nothing stands between a token and the one before."""
        return self.tokens[i - 1].end == self.tokens[i].start

    @cached_property
    def _lines(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    def indent(self, i: int) -> int:
        """How far the line of a token is indented."""
        line = self._lines[bisect_right(self._lines, self.tokens[i].start) - 1]
        blanks = _BLANKS.match(self.text, line)
        assert blanks is not None
        return blanks.end() - line

    def outdented(self, i: int, first: int) -> bool:
        """Whether a token begins a line that is indented no further than the line of the token `first`."""
        return self.fresh(i) and self.indent(i) <= self.indent(first)

    def free(self, i: int) -> bool:
        """Whether what stands before a token is complete, so that a statement may begin."""
        return i == 0 or self.word(i - 1) in ("{", "}") or self.tokens[i - 1].ends_value

    def begins(self, i: int, words: frozenset[str] = DECLARING | STATING) -> bool:
        """Whether a reserved word begins something, and is no name badly chosen."""
        word = self.word(i)
        if word not in words or (word in DECLARING and self.word(i + 1) in ("=", ":", ",")):
            return False
        follows = i + 1 < len(self.tokens) and self.tokens[i + 1].begins_value and not self.fresh(i + 1)
        if word == "assert":
            follows |= self.word(i + 1) in ("(", "[", "-")
        if not self.fresh(i):
            return follows and self.free(i) and self.word(i + 2) in _AFTER_NAME.get(word, (self.word(i + 2),))
        return follows or self.free(i) or self.word(i - 1) in STATING

    def binds(self, i: int) -> bool:
        """Whether `name =`, `name:` or `a, b =` stands here."""
        return self._bound[i] or (self.tokens[i].is_name and self.word(i + 1) == ":")

    @cached_property
    def _bound(self) -> list[bool]:
        """Whether a token is a name before `=`, perhaps after commas and other names."""
        found = [False] * (len(self.tokens) + 2)
        for i in reversed(range(len(self.tokens))):
            after = self.word(i + 1)
            found[i] = self.tokens[i].is_name and (after == "=" or (after == "," and found[i + 2]))
        return found

    def binds_in_brackets(self, i: int) -> bool:
        """Whether `(a, b) =` stands here."""
        after = i + 1
        while self.word(i) == "(" and (self.word(after) == "," or (self.word(after) and self.tokens[after].is_name)):
            after += 1
        return self.word(after) == ")" and self.word(after + 1) == "="

    def body_of_section(self, i: int) -> int | None:
        """The token after `name "title" {`, if that, or `train` without its brace, stands here."""
        if not self.tokens[i].is_name or self.word(i) in RESERVED:
            return None
        titled = self.word(i + 1)[:1] == '"'
        after = i + 2 if titled else i + 1
        if self.word(after) == "{":
            return after + 1
        if self.word(i) in ("train", "test") and self.fresh(i):
            while after < len(self.tokens) and self.word(after) != "{" and not self.fresh(after):
                after += 1
            if self.word(after) == "{":
                return after + 1
            after = i + 2 if titled else i + 1
        broken = titled if self.word(i) == "test" else self.word(i) == "train" and not titled
        return after if broken and after < len(self.tokens) and self.fresh(i) and self.fresh(after) else None

    @cached_property
    def closers(self) -> dict[int, int]:
        """What closes a bracket: of braces the next that is left, of others what does in the same statement."""
        found, braces, others = {}, [], []
        for i, token in enumerate(self.tokens):
            if token.text in ("{", "}") or self.begins(i):
                others.clear()
            opened = braces if token.text in ("{", "}") else others
            if token.text in CLOSING:
                opened.append(i)
            elif token.text in CLOSING.values() and opened:
                found[opened.pop()] = i
        return found
