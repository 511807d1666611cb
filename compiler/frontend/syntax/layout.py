"""The layout of a file that does not parse: its declarations, statements and brackets, found from words and lines.

A reserved word begins a declaration or a statement where one may begin: after a value or a brace, or on a line of its
own, and before what must follow it. In `conv(8, model=3)`, `-> block(3)` and `as share` it is a name badly chosen. So
no broken statement hides another, and none is cut in two.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from .faults import Fault
from .page import CLOSING, Page
from .words import DECLARING, STATING


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


def declarations(page: Page) -> Iterator[Outline]:
    """The declarations of a file, and what stands where one should."""
    starts, braces, brackets = [0] if page.tokens else [], 0, 0
    for i, token in enumerate(page.tokens):
        if i and (braces == 0 or page.outdented(i, starts[-1])):
            word = page.begins(i, DECLARING)
            other = not braces and not brackets and token.begins_value and token.text not in STATING
            if word or (other and page.free(i) and page.outdented(i, starts[-1])):
                starts.append(i)
                braces = brackets = 0
        braces = max(0, braces + (token.text == "{") - (token.text == "}"))
        brackets = max(0, brackets + (token.text in ("(", "[")) - (token.text in (")", "]")))
    for start, end in pairwise([*starts, len(page.tokens)]):
        yield Outline(start, end, _parts(page, start, end))


def _parts(page: Page, start: int, end: int) -> list[Part]:
    body = _body(page, start, end)
    if body is None:
        return [Part("_declaration", start, end, _Walk(page, start, end).faults())]
    header = Part("header", start, body, _Walk(page, start, body).faults())
    opener, first = body, body + 1
    if page.word(body) != "{":
        opener, first, before = start, body, page.tokens[body - 1]
        message, help = "a body stands in braces", f"{page.word(start)} {page.word(start + 1)} {{ … }}"
        header.faults.append(Fault(message, before.start, before.end, help=help))
    return [header, *_Walk(page, first, end).statements(opener)]


def _body(page: Page, start: int, end: int) -> int | None:
    """The brace of a block or a model or, where that was forgotten, its first statement; None if it has no body."""
    depth = 0
    if page.word(start) not in ("use", "const"):
        for i in range(start + 1, end):
            text = page.word(i)
            depth += (text == "(") - (text == ")")
            if text == "{" or (page.fresh(i) and page.begins(i, STATING)):
                return i
            if (text == "=" and depth <= 0) or page.begins(i, DECLARING):
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
        body = _body(page, i, self.last)
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
