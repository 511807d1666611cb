"""The layout of a file that does not parse: its declarations, statements and brackets, found from words and lines.

A reserved word begins a declaration or a statement where one may begin: after a value or a brace, or on a line of its
own, and before what must follow it. In `conv(8, model=3)`, `-> block(3)` and `as share` it is a name badly chosen. So
no broken statement hides another, and none is cut in two.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from .build import Fault

DECLARING = frozenset({"use", "const", "block", "model"})
STATING = frozenset({"input", "param", "share", "output", "assert"})
CONSTANTS = frozenset({"true", "false", "none"})
JOINING = frozenset({"then", "else", "and", "or", "as"})  # which begin nothing
RESERVED = DECLARING | STATING | CONSTANTS | JOINING | {"if", "not"}
_AFTER_NAME = {"use": ("as",), "const": ("=",), "param": (":",), "share": ("=",)}
_AFTER_NAME |= dict.fromkeys(("block", "model"), ("(", "=", "{"))
CLOSING = {"(": ")", "[": "]", "{": "}"}

_BLANKS = re.compile(r"[ \t]*")
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


def tokens_of(text: str) -> list[Token]:
    """The words of a text and where they start."""
    return [Token(m[0], m.start()) for m in _TOKEN.finditer(text) if m[0][0] != "#"]


@dataclass
class Part:
    """Tokens `[first, last)` that should parse on their own, as what `rule` says; or that have faults already.

    A `head` stands between the name of a section and its brace, and has.
    """

    rule: str
    first: int
    last: int
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True)
class Outline:
    """Tokens `[first, last)` of a declaration, and its parts: with a body, its header and statements."""

    first: int
    last: int
    parts: list[Part]


@dataclass(frozen=True)
class Page:
    """A text and its tokens, which are known by their numbers."""

    text: str

    @cached_property
    def tokens(self) -> list[Token]:
        return tokens_of(self.text)

    def word(self, i: int) -> str:
        """The text of a token, or nothing where there is none."""
        return self.tokens[i].text if 0 <= i < len(self.tokens) else ""

    def fresh(self, i: int) -> bool:
        """Whether a token is the first of its line."""
        return i == 0 or "\n" in self.text[self.tokens[i - 1].end : self.tokens[i].start]

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
        if self.word(i) not in words or (self.word(i) in DECLARING and self.word(i + 1) in ("=", ":", ",")):
            return False
        follows = i + 1 < len(self.tokens) and self.tokens[i + 1].begins_value and not self.fresh(i + 1)
        if self.word(i) == "assert":
            follows |= self.word(i + 1) in ("(", "[", "-")
        if not self.fresh(i):
            return follows and self.free(i) and self.word(i + 2) in _AFTER_NAME.get(self.word(i), (self.word(i + 2),))
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

    def declarations(self) -> Iterator[Outline]:
        """The declarations of a file, and what stands where one should."""
        starts, braces, brackets = [0] if self.tokens else [], 0, 0
        for i, token in enumerate(self.tokens):
            if i and (braces == 0 or self.outdented(i, starts[-1])):
                word = self.begins(i, DECLARING)
                other = not braces and not brackets and token.begins_value and token.text not in STATING
                if word or (other and self.free(i) and self.outdented(i, starts[-1])):
                    starts.append(i)
                    braces = brackets = 0
            braces = max(0, braces + (token.text == "{") - (token.text == "}"))
            brackets = max(0, brackets + (token.text in ("(", "[")) - (token.text in (")", "]")))
        for start, end in pairwise([*starts, len(self.tokens)]):
            yield Outline(start, end, self._parts(start, end))

    def _parts(self, start: int, end: int) -> list[Part]:
        body = self._body(start, end)
        if body is None:
            return [Part("_declaration", start, end, _Walk(self, start, end).faults())]
        header = Part("header", start, body, _Walk(self, start, body).faults())
        opener, first = body, body + 1
        if self.word(body) != "{":
            opener, first, before = start, body, self.tokens[body - 1]
            message, help = "a body stands in braces", f"{self.word(start)} {self.word(start + 1)} {{ … }}"
            header.faults.append(Fault(message, before.start, before.end, help=help))
        return [header, *_Walk(self, first, end).statements(opener)]

    def _body(self, start: int, end: int) -> int | None:
        """The brace of a block or a model or, where that was forgotten, its first statement; None if it has no body."""
        depth = 0
        if self.word(start) not in ("use", "const"):
            for i in range(start + 1, end):
                text = self.word(i)
                depth += (text == "(") - (text == ")")
                if text == "{" or (self.fresh(i) and self.begins(i, STATING)):
                    return i
                if (text == "=" and depth <= 0) or self.begins(i, DECLARING):
                    return None
        return None


class _Walk:
    """A walk over tokens `[first, last)` that keeps the open brackets, each as its number and its sign."""

    def __init__(self, page: Page, first: int, last: int):
        self.page, self.first, self.last = page, first, last
        self.open: list[tuple[int, str]] = []
        self.surplus = 0  # of closing braces
        self.choice = -1  # the last `if`
        self.parts: list[Part] = []
        self.here: Part | None = None

    def faults(self) -> list[Fault]:
        """The bracket faults of what has no statements."""
        found = [fault for i in range(self.first, self.last) if (fault := self._step(i))]
        return found + self._unclosed(0)

    def statements(self, opener: int) -> list[Part]:
        """The statements of a body, whose brace or, where that was forgotten, whose first word is `opener`."""
        page = self.page
        self.open = [(opener, "{")]
        signs = [page.word(i) for i in range(self.first, self.last)]
        self.surplus = signs.count("}") - signs.count("{") - 1
        i = self.first
        while i < self.last:
            self.choice = i if page.word(i) == "if" else self.choice
            if self._starts(i):
                i = self._start(i)
                continue
            sign = page.word(i)
            if sign == "}" and self.open:
                self._close(i)
            elif sign == "{" and self._chooses(i):
                i = page.closers.get(i, i)
            elif sign == page.word(i - 1) == "{":
                self.surplus += 1
                self._wrong(i, "`{` is never closed", "wanted `}`", "E0102")
            elif sign == "{" and self._innermost() == "{" and page.free(i) and page.fresh(i):
                self._finish(i)
                self._wrong(i, "a section begins with its name", 'train { … } or test "what" { … }')
                self.open.append((i, "{"))
            else:
                if self.here is None:
                    self.here = Part("statement" if self.open else "_declaration", i, i)
                if sign == "{" and self.open and (end := self._closed_on_its_line(i)):
                    i = end  # no section: a list or a choice as other languages write them
                elif fault := self._step(i):
                    self.here.faults.append(fault)
            i += 1
        self._finish(self.last)
        if page.word(opener) == "{" or len(self.open) > 1:
            for fault in self._unclosed(0)[:1]:
                self.parts.append(Part("statement", self.last, self.last, [fault]))
        return self.parts

    def _closed_on_its_line(self, i: int) -> int | None:
        end = self.page.closers.get(i, self.last)
        return end if end < self.last and not any(map(self.page.fresh, range(i + 1, end + 1))) else None

    def _chooses(self, i: int) -> bool:
        """Whether a brace begins a branch of `if p { … } else { … }`, which other languages have."""
        return self.here is not None and self.here.first <= self.choice

    def _starts(self, i: int) -> bool:
        page = self.page
        if not self.open:
            return False
        if page.begins(i):
            return True
        inside, current = self._innermost() == "{", self.here.first if self.here else i
        if inside and (page.free(i) or page.fresh(i)) and page.body_of_section(i) is not None:
            return True
        if current == i - 1 and page.tokens[current].is_name:
            return False  # a statement has more than one word, the first perhaps misspelt
        if page.word(i) == page.word(i - 1) and not page.fresh(i):
            return False  # a word written twice
        if page.word(i) == "=" and page.fresh(i) and inside:
            return "=" in map(page.word, range(current, i)) or page.word(current) in ("input", "assert")
        outdented = page.outdented(i, current)
        if page.binds(i):
            if inside:
                return page.free(i) or (outdented and not self._lists_names(i))
            return outdented and (page.free(i) or self.open[-1][0] not in page.closers)
        if not inside or not page.free(i) or not (outdented or self.here is None):
            return False
        return page.tokens[i].begins_value or page.binds_in_brackets(i)

    def _lists_names(self, i: int) -> bool:
        """Whether a name goes on a list of names that begins a statement."""
        between = range(self.here.first + 1, i, 2) if self.here else ()
        return self.page.word(i - 1) == "," and all(self.page.word(k) == "," for k in between)

    def _start(self, i: int) -> int:
        """Begin a statement or a section; gives the token to go on with."""
        page = self.page
        self._finish(i)
        if self.surplus < 0:
            self._leave_sections(i)
        if page.begins(i, DECLARING):
            return self._declaration(i)
        body = page.body_of_section(i)
        if body is None:
            self.here = Part("statement", i, i)
            self._step(i)
            return i + 1
        head = i + 2 if page.word(i + 1)[:1] == '"' else i + 1
        if page.word(body - 1) == "{" and head < body - 1:
            token = page.tokens[head]
            help = 'sections are train { … } and test "what" { … }'
            fault = Fault(f"expected `{{`, found `{token.text}`", token.start, token.end, help=help)
            self.parts.append(Part("head", head, body - 1, [fault]))
        elif page.word(body - 1) != "{":
            self.surplus -= 1
            self._wrong(i, f"expected `{{` after `{page.word(body - 1)}`", at=body - 1)
        self.open.append((body - 1, "{"))
        return body

    def _declaration(self, i: int) -> int:
        """A declaration inside of braces, with its own braces."""
        page, word = self.page, self.page.word(i)
        help = (
            "inside, a binding is enough: name = …" if word == "const" else f"a `{word}` stands at the top of the file"
        )
        fault = Fault(f"a `{word}` inside of braces", page.tokens[i].start, page.tokens[i].end, help=help)
        self.here = Part("_declaration", i, i, [fault])
        body = page._body(i, self.last)
        if body is None or page.word(body) != "{":
            return i + 1
        closed = page.closers.get(body, self.last)
        if closed >= self.last:
            return i + 1
        self._finish(closed + 1)
        return closed + 1

    def _leave_sections(self, i: int) -> None:
        """A statement that stands no further right than a section ends it."""
        while len(self.open) > 1 and self.page.outdented(i, self.open[-1][0]):
            self.parts.append(Part("statement", i, i, self._unclosed(len(self.open) - 1)))

    def _close(self, i: int) -> None:
        """Close a brace: the innermost or, where their numbers differ, the one whose line is indented as this."""
        page = self.page
        self._finish(i)
        if not self.open:  # only brackets were, and belonged to the statement that ended here
            self.surplus -= 1
            self._wrong(i, "`}` closes nothing", code="E0102")
            return
        if self.surplus:
            levels = (k for k in self._braces() if page.indent(self.open[k][0]) == page.indent(i))
            level, top = next(levels, None), len(self.open) - 1
            if self.surplus > 0 and level != top:
                self.surplus -= 1
                self._wrong(i, "`}` closes nothing", code="E0102")
                return
            if self.surplus < 0 and level is not None and level < top and page.fresh(i):
                self.parts.append(Part("statement", i, i, self._unclosed(level + 1)))
        self.open.pop()

    def _wrong(self, i: int, message: str, help: str = "", code: str = "E0101", at: int | None = None) -> None:
        token = self.page.tokens[i if at is None else at]
        if (
            self.parts
            and self.parts[-1].last == i
            and self.parts[-1].faults
            and self.parts[-1].faults[0].message == message
        ):
            self.parts[-1].last += 1  # many of one kind in a row
            return
        fault = Fault(message, token.start, token.end, code=code, help=help)
        self.parts.append(Part("statement", i, i + 1, [fault]))

    def _finish(self, at: int) -> None:
        """End the statement that goes on, and forget the brackets that it leaves open."""
        if self.here is not None:
            self.here.faults += self._unclosed(next(self._braces(), -1) + 1)
            self.here.last = at
            self.parts.append(self.here)
        self.here = None

    def _braces(self) -> Iterator[int]:
        """Where braces are among the open brackets, innermost first."""
        return (k for k in reversed(range(len(self.open))) if self.open[k][1] == "{")

    def _innermost(self) -> str:
        return self.open[-1][1] if self.open else ""

    def _step(self, i: int) -> Fault | None:
        token = self.page.tokens[i]
        if token.text in CLOSING:
            self.open.append((i, token.text))
        elif token.text in CLOSING.values():
            if not self.open or (self._innermost() == "{" and token.text != "}"):
                return Fault(f"`{token.text}` closes nothing", token.start, token.end, code="E0102")
            first, sign = self.open.pop()
            if CLOSING[sign] != token.text:
                opener = self.page.tokens[first]
                message = f"`{sign}` is closed by `{token.text}`"
                return Fault(message, opener.start, opener.end, code="E0102", help=f"wanted `{CLOSING[sign]}`")
        return None

    def _unclosed(self, depth: int) -> list[Fault]:
        """The faults of all but the first so many brackets, which are then forgotten."""
        lost = self.open[depth:]
        del self.open[depth:]
        openers = [(self.page.tokens[first], sign) for first, sign in lost]
        return [
            Fault(f"`{sign}` is never closed", t.start, t.end, code="E0102", help=f"wanted `{CLOSING[sign]}`")
            for t, sign in openers
        ]
