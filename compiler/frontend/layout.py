"""The layout of a file that does not parse: its declarations, statements and brackets, found from words alone.

Reserved words begin declarations and statements wherever they stand, so that one broken statement hides no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from .build import Fault

DECLARING = frozenset({"use", "const", "block", "model"})
STATING = frozenset({"input", "param", "share", "output", "assert"})
RESERVED = DECLARING | STATING | {"if", "then", "else", "and", "or", "not", "as", "true", "false", "none"}
CLOSING = {"(": ")", "[": "]", "{": "}"}

_TOKEN = re.compile(
    r"""\#[^\n]* | "[^"\r\n]*" | [A-Za-z_][A-Za-z0-9_]* | [0-9](?:[A-Za-z0-9_.]|(?<=[eE])[+-](?=[0-9]))*
    | -> | [=!<>]= | \*\* | // | [^\ \t\f\r\n]""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Token:
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def is_name(self) -> bool:
        return self.text[0].isalpha() or self.text[0] == "_"


@dataclass
class Part:
    """Tokens `[first, last)` that should parse on their own, as what `rule` says; or whose brackets already don't."""

    rule: str
    first: int
    last: int = -1
    faults: list[Fault] = field(default_factory=list)


def tokens_of(text: str) -> list[Token]:
    """The tokens of a text without its comments; characters that begin none stand alone."""
    return [Token(m[0], m.start()) for m in _TOKEN.finditer(text) if m[0][0] != "#"]


@dataclass(frozen=True)
class Outline:
    """Tokens `[first, last)` of a declaration, and its parts: with a body, its header and statements."""

    first: int
    last: int
    parts: list[Part]


def declarations_of(text: str, tokens: Sequence[Token]) -> Iterator[Outline]:
    """The declarations of a file, and before them what none begins."""
    starts = [i for i, token in enumerate(tokens) if token.text in DECLARING]
    if tokens and (not starts or starts[0]):
        end = starts[0] if starts else len(tokens)
        yield Outline(0, end, [Part("_declaration", 0, end)])
    for start, end in pairwise([*starts, len(tokens)]):
        yield Outline(start, end, _parts(text, tokens, start, end))


def _parts(text: str, tokens: Sequence[Token], start: int, end: int) -> list[Part]:
    brace = _body(tokens, start, end)
    if brace is None:
        part = Part("_declaration", start, end)
        part.faults = _Brackets(text, tokens).whole(start, end)
        return [part]
    patient = _Brackets(text, tokens)
    found = patient.statements(brace, end)
    if patient.broken:  # look again, taking lines that look like bindings for what they are
        found = _Brackets(text, tokens, by_lines=True).statements(brace, end)
    return [Part("header", start, brace), *found]


def _body(tokens: Sequence[Token], start: int, end: int) -> int | None:
    """Where the brace of a block or a model is, if it has one."""
    if tokens[start].text in ("block", "model"):
        depth = 0
        for i in range(start, end):
            text = tokens[i].text
            depth += (text == "(") - (text == ")")
            if text == "{":
                return i
            if text in STATING or (text == "=" and depth <= 0):
                return None
    return None


class _Brackets:
    """A walk over tokens that keeps the open brackets."""

    def __init__(self, text: str, tokens: Sequence[Token], by_lines: bool = False):
        self.text, self.tokens, self.by_lines = text, tokens, by_lines
        self.open: list[Token] = []
        self.broken = False

    def whole(self, start: int, end: int) -> list[Fault]:
        """The bracket faults of one declaration without a body."""
        faults = [fault for i in range(start, end) if (fault := self._step(self.tokens[i]))]
        return faults + self._unclosed(0)

    def statements(self, brace: int, end: int) -> list[Part]:
        """The statements after a body's brace."""
        tokens, parts = self.tokens, []
        self.open = [tokens[brace]]
        here: Part | None = None

        def finish(at: int) -> None:
            nonlocal here
            if here is not None:
                here.last = at
                parts.append(here)
            here = None

        for i in range(brace + 1, end):
            token = tokens[i]
            inside = bool(self.open) and self.open[-1].text == "{"
            if self._starts(i, end, inside, tokens[here.first] if here else None):
                if here is not None:
                    here.faults += self._unclosed_to_brace()
                finish(i)
                here = Part("statement", i)
                if self._is_section(i, end):
                    here = None  # its statements are parsed one by one
                    continue
            if token.text == "}" and any(opener.text == "{" for opener in self.open):
                if here is not None:
                    here.faults += self._unclosed_to_brace()
                finish(i)
                self.open.pop()
                continue
            if token.text == "{" and self._closes_header(i):
                self.open.append(token)
                continue
            if here is None and not (inside and self._is_title(i, end)):
                here = Part("statement" if self.open else "_declaration", i)
            fault = self._step(token)
            if fault and here is not None:
                here.faults.append(fault)
        if here is not None and self.open:
            here.faults += self._unclosed_to_brace()
        finish(end)
        if self.open:
            self.broken = True
            parts.append(Part("statement", end, end, self._unclosed(0)[:1]))
        return parts

    def _starts(self, i: int, end: int, inside: bool, current: Token | None) -> bool:
        token, before = self.tokens[i], self.tokens[i - 1]
        if not self.open:
            return False
        if token.text in STATING:
            return before.text not in STATING or "\n" in self.text[before.end : token.start]
        if not token.is_name or before.text in STATING or (before.text == "," and inside):
            return False
        if not self._binds(i, end) and not self._is_section(i, end):
            return False
        return inside or (self.by_lines and self._dedented(token, current))

    def _binds(self, i: int, end: int) -> bool:
        """Whether `name =`, `name:` or `a, b =` stands here."""
        tokens, j = self.tokens, i + 1
        while j + 1 < end and tokens[j].text == "," and tokens[j + 1].is_name:
            j += 2
        return j < end and (tokens[j].text == "=" or (tokens[j].text == ":" and j == i + 1))

    def _is_section(self, i: int, end: int) -> bool:
        tokens = self.tokens
        j = i + 2 if i + 1 < end and tokens[i + 1].text[0] == '"' else i + 1
        return tokens[i].is_name and j < end and tokens[j].text == "{"

    def _is_title(self, i: int, end: int) -> bool:
        return self.tokens[i].text[0] == '"' and i + 1 < end and self.tokens[i + 1].text == "{"

    def _closes_header(self, i: int) -> bool:
        start = i - 2 if self.tokens[i - 1].text[0] == '"' else i - 1
        return self._is_section(start, i + 1) and bool(self.open) and self.open[-1].text == "{"

    def _dedented(self, token: Token, current: Token | None) -> bool:
        """Whether a token begins its line, no further right than the statement before it began."""
        return current is not None and 0 <= self._column(token) <= self._column(current)

    def _column(self, token: Token) -> int:
        line = self.text.rfind("\n", 0, token.start) + 1
        return token.start - line if not self.text[line : token.start].strip() else -1

    def _step(self, token: Token) -> Fault | None:
        if token.text in CLOSING:
            self.open.append(token)
        elif token.text in CLOSING.values():
            if not self.open or (self.open[-1].text == "{" and token.text != "}"):
                self.broken = True
                return Fault(f"`{token.text}` closes nothing", token.start, token.end, code="E0102")
            opener = self.open.pop()
            if CLOSING[opener.text] != token.text:
                self.broken = True
                message = f"`{opener.text}` is closed by `{token.text}`"
                return Fault(message, opener.start, opener.end, code="E0102", help=f"wanted `{CLOSING[opener.text]}`")
        return None

    def _unclosed_to_brace(self) -> list[Fault]:
        """The faults of brackets left open since the last brace, which are then forgotten."""
        depth = max((i + 1 for i, token in enumerate(self.open) if token.text == "{"), default=0)
        return self._unclosed(depth)

    def _unclosed(self, depth: int) -> list[Fault]:
        lost = self.open[depth:]
        del self.open[depth:]
        self.broken |= bool(lost)
        return [
            Fault(f"`{t.text}` is never closed", t.start, t.end, code="E0102", help=f"wanted `{CLOSING[t.text]}`")
            for t in lost
        ]
