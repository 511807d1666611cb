"""Where a message points, what it says and how it is drawn."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from ..runtime.errors import ModelError

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Source:
    """The text of one file and the name that messages give it."""

    name: str
    text: str = field(repr=False)

    @cached_property
    def _starts(self) -> list[int]:
        return [0] + [i + 1 for i, c in enumerate(self.text) if c == "\n"]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both from 1."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def line(self, number: int) -> str:
        start = self._starts[number - 1]
        end = self._starts[number] - 1 if number < len(self._starts) else len(self.text)
        return self.text[start:end].rstrip("\r")


@dataclass(frozen=True)
class Span:
    """Characters `[start, end)` of a source."""

    source: Source = field(repr=False)
    start: int
    end: int

    @property
    def line(self) -> int:
        return self.source.position(self.start)[0]

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    def __str__(self) -> str:
        line, column = self.source.position(self.start)
        return f"{self.source.name}:{line}:{column}"


@dataclass(frozen=True)
class Diagnostic:
    """One finding: a stable code (none for what no model is to blame for), one sentence, the place, what led there, and
    the way out."""

    code: str
    message: str
    span: Span | None = None
    label: str = ""
    notes: tuple[str, ...] = ()
    help: str = ""
    severity: Severity = "error"
    file: str = ""  # which one it is about, where no place in it is meant

    def __post_init__(self) -> None:
        """Nothing is told at any length: a name may be as long as a file."""
        for text in ("message", "label", "help"):
            object.__setattr__(self, text, _told(getattr(self, text)))
        object.__setattr__(self, "notes", tuple(map(_told, self.notes)))

    def render(self, color: bool = False) -> str:
        """The finding as text, with the source line underlined."""
        paint = _paint if color else _plain
        shade = {"error": "31;1", "warning": "33;1", "note": "36;1"}[self.severity]
        head = f"{self.severity}[{self.code}]" if self.code else self.severity
        first, *more = folded(f"{head}: {self.message}", "", "  ")
        lines = [paint(head, shade) + paint(first.removeprefix(head), "1"), *(paint(line, "1") for line in more)]
        gutter, bar = "", paint("|", "34;1")
        if self.span is not None:
            line, column = self.span.source.position(self.span.start)
            gutter = " " * len(str(line))
            text = self.span.source.line(line)
            width = max(1, min(self.span.end - self.span.start, len(text) - column + 1))
            text, column = _window(text, column, width)
            width = max(1, min(width, len(text) - column + 1))
            before, width = _cells(text[: column - 1]), max(1, _cells(text[column - 1 : column - 1 + width]))
            underlines = [" " * before + f"{'^' * width} {self.label}".rstrip()]
            if len(underlines[0]) > _WIDEST:  # the label goes below, and ends where the line does
                end = before + width
                underlines = [underlines[0][:end], *([self.label.rjust(end)] if self.label else [])]
            lines += [
                f"{gutter}{paint('-->', '34;1')} {self.span}",
                f"{gutter} {bar}",
                f"{paint(str(line), '34;1')} {bar} {text}",
                *(f"{gutter} {bar} {paint(underline, shade)}" for underline in underlines),
            ]
            if self.notes or self.help:
                lines.append(f"{gutter} {bar}")
        for note in (*self.notes, *([f"help: {self.help}"] if self.help else [])):
            lines += folded(note, f"{gutter} = ", f"{gutter}     ")
        return "\n".join(lines)


class Refusal(Exception):
    """What a rule without a place says no with; whoever knows the place makes it a Diagnostic."""

    def __init__(self, code: str, message: str, *, label: str = "", help: str = "", notes: tuple[str, ...] = ()):
        super().__init__(message)
        self.code, self.message, self.label, self.help, self.notes = code, message, label, help, notes

    def labelled(self, label: str) -> Refusal:
        """The same with a label, if it has none of its own."""
        return Refusal(self.code, self.message, label=self.label or label, help=self.help, notes=self.notes)

    def at(self, span: Span, notes: tuple[str, ...] = ()) -> Diagnostic:
        return Diagnostic(self.code, self.message, span, self.label, self.notes + notes, self.help)


def model_error(diagnostics: list[Diagnostic]) -> ModelError:
    """The exception that carries these findings; its text is all of them, drawn."""
    return ModelError("\n\n".join(d.render() for d in diagnostics), diagnostics)


def folded(text: str, first: str, later: str) -> list[str]:
    """Lines for a terminal of 80 columns, broken at spaces, though not after a code or in the middle of a type."""
    whole = re.sub(r"^\w+\[\w+\]: |\[[^][]{,40}\]", lambda found: found[0].replace(" ", "\xa0"), text)
    lines = textwrap.wrap(
        whole, 80, initial_indent=first, subsequent_indent=later, break_long_words=False, break_on_hyphens=False
    )
    return [line.replace("\xa0", " ") for line in lines]


_LONGEST_WORD, _LONGEST = 60, 2_000  # of what messages say
_LONG_WORD = re.compile(rf"\w{{{_LONGEST_WORD + 1},}}")

_WIDEST = 72  # with the line's number before it, what a terminal of 80 columns holds


def _told(text: str) -> str:
    """A text without the middle of long words and, if it is long itself, without its own."""
    return _ends(_LONG_WORD.sub(lambda word: _ends(word[0], _LONGEST_WORD), text), _LONGEST)


def _ends(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most // 2]}…{text[len(text) - most // 2 + 1 :]}"


def _window(text: str, column: int, width: int) -> tuple[str, int]:
    """The part of a long line around a column, and the column in that part; tabs become single spaces."""
    if len(text) <= _WIDEST:
        return _printable(text), column
    start = max(0, min(column - 1 - (_WIDEST - min(width, _WIDEST)) // 2, len(text) - _WIDEST))
    part = _printable(text[start : start + _WIDEST])
    if start:
        part = "…" + part[1:]
    if start + _WIDEST < len(text):
        part = part[:-1] + "…"
    return part, column - start


def _cells(text: str) -> int:
    """How many columns of a terminal a text takes: some letters are two wide, marks above others none."""
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _paint(text: str, style: str) -> str:
    return f"\033[{style}m{text}\033[0m"


def _plain(text: str, style: str) -> str:
    return text
