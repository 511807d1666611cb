"""Text that knows where it may break, and the choice of where it does.

A document is built from words, lines, groups and nests (Wadler, A prettier printer, 2003), flattened into a stream and
written in one pass over it (Oppen, Prettyprinting, 1980): a group whose text fits stays on its line; otherwise all of
its own lines break, and the groups inside are asked in turn. Nothing here recurses, however deep a document nests.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TypeAlias


@dataclass(slots=True)
class Line:
    """A place to break, `flat` where it does not. `hard`: always breaks; `fill`: only if what follows does not fit."""

    flat: str = " "
    hard: bool = False
    fill: bool = False
    blank: bool = False


class Kind(Enum):
    PLAIN = auto()
    BRACKET = auto()
    PIPE = auto()  # stays on its line although a bracket in it breaks: `x -> [` … `] -> add`
    LATE = auto()  # a pipe that breaks only after what stands before it has


@dataclass(slots=True)
class Group:
    doc: Doc
    kind: Kind = Kind.PLAIN


@dataclass(slots=True)
class Nest:
    """Indents the lines in it if the group around it breaks."""

    doc: Doc
    by: int = 2


@dataclass(slots=True)
class IfBroken:
    """Text that is written only where the group around it breaks."""

    text: str


@dataclass(slots=True)
class OwnLine:
    """A comment with a line to itself. In the middle of a line it ends that, and the rest is indented."""

    comment: str


@dataclass(slots=True)
class LineEnd:
    """A comment at the end of its line: the next place to break does. It has no say in what fits."""

    comment: str


class Mark:
    """A leaf that must be replaced before the document is written."""


Doc: TypeAlias = "str | Line | Group | Nest | IfBroken | OwnLine | LineEnd | Mark | tuple[Doc, ...]"

HARD = Line("", hard=True)


@dataclass(slots=True)
class Open:
    kind: Kind


@dataclass(slots=True)
class Indent:
    by: int


class End(Enum):
    GROUP = auto()
    NEST = auto()


Item: TypeAlias = str | Line | IfBroken | OwnLine | LineEnd | Mark | Open | Indent | End


def flatten(doc: Doc) -> Iterator[Item]:
    """A document as a stream: its leaves in order, groups and nests as brackets around them."""
    rest: list[Doc | End] = [doc]
    while rest:
        part = rest.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, tuple):
            rest.extend(reversed(part))
        elif isinstance(part, Group):
            yield Open(part.kind)
            rest += (End.GROUP, part.doc)
        elif isinstance(part, Nest):
            yield Indent(part.by)
            rest += (End.NEST, part.doc)
        else:
            yield part


def write(stream: Iterable[Item], width: int) -> str:
    """The text of a document in which nothing is left to replace."""
    items = list(stream)
    return _Writer(items, _breaks_of(items), width).text()


@dataclass
class _Breaks:
    """What is decided before any width is known, by index into the stream."""

    lines: set[int] = field(default_factory=set)  # that break, whatever their group does
    groups: set[int] = field(default_factory=set)  # that break because something in them does
    last_line: dict[int, int] = field(default_factory=dict)  # of each group: the line before a closing bracket


def _breaks_of(items: Sequence[Item]) -> _Breaks:
    breaks = _Breaks()
    opened: list[int] = []

    def force() -> None:
        in_bracket = False
        for group in reversed(opened):
            kind = items[group].kind  # type: ignore[union-attr]
            if kind is Kind.BRACKET and group in breaks.groups:
                return  # it has told those around it
            if not in_bracket or kind in (Kind.PLAIN, Kind.BRACKET):
                breaks.groups.add(group)
            in_bracket |= kind is Kind.BRACKET

    ended = False
    for i, item in enumerate(items):
        match item:
            case str():
                pass
            case Open():
                opened.append(i)
            case End.GROUP:
                opened.pop()
            case LineEnd():
                ended = True
            case Line():
                if opened:
                    breaks.last_line[opened[-1]] = i
                if item.hard or ended:
                    breaks.lines.add(i)
                    force()
                ended = False
            case OwnLine():
                force()
                ended = False
    return breaks


class _Writer:
    def __init__(self, items: Sequence[Item], breaks: _Breaks, width: int):
        self.items, self.breaks, self.width = items, breaks, width
        self.lines: list[str] = []
        self.line: list[str] = []
        self.comments: list[str] = []  # of the line that is being written
        self.column = 0
        self.indents = [0]
        self.broken = [True]  # of the groups around, the file itself outermost
        self.shift = 0

    def text(self) -> str:
        for i, item in enumerate(self.items):
            match item:
                case str():
                    self._put(item)
                case Line():
                    self._break_or_space(i, item)
                case Open():
                    self.broken.append(i in self.breaks.groups or (self.broken[-1] and not self._fits(i)))
                case End.GROUP:
                    self.broken.pop()
                case Indent():
                    self.indents.append(self.indents[-1] + (item.by if self.broken[-1] else 0))
                case End.NEST:
                    self.indents.pop()
                case IfBroken() if self.broken[-1]:
                    self._put(item.text)
                case LineEnd():
                    self.comments.append(item.comment)
                case OwnLine():
                    if self.line:
                        self._end_line()
                        self.shift = 2
                    self._put(item.comment)
                    self._end_line()
        self._end_line()
        return "".join(f"{line}\n" for line in self.lines)

    def _put(self, text: str) -> None:
        if not self.line:
            self.column = self._margin()
            self.line.append(" " * self.column)
        self.line.append(text)
        self.column += len(text)

    def _margin(self) -> int:
        return self.indents[-1] + self.shift

    def _end_line(self) -> None:
        if self.line:
            self.lines.append("  ".join(["".join(self.line).rstrip(), *self.comments]))
        self.line, self.comments = [], []

    def _break_or_space(self, i: int, line: Line) -> None:
        breaks = self.broken[-1] and not (line.fill and self._fits_to_next_line(i))
        if breaks or i in self.breaks.lines or not self.line:
            self._end_line()
            self.shift = 0
            if line.blank and self.lines:
                self.lines.append("")
        else:
            self._put(line.flat)

    def _fits_to_next_line(self, i: int) -> bool:
        column, i = self.column + len(self.items[i].flat), i + 1  # type: ignore[union-attr]
        while i < len(self.items) and column <= self.width and not isinstance(item := self.items[i], Line):
            text = item.text if isinstance(item, IfBroken) else item
            column += len(text) if isinstance(text, str) else 0
            i += 1
        return column <= self.width

    def _fits(self, group: int) -> bool:
        """Whether the group that opens here may stay on its line, with what follows it up to the next break.

        Of a pipe, only its own text must fit; a bracket in it that breaks leaves the line and comes back at its end.
        """
        column = self.column if self.line else self._margin()
        inside = True
        opened: list[int] = []
        i = group
        while i < len(self.items) and column <= self.width:
            match item := self.items[i]:
                case str():
                    column += len(item)
                case IfBroken() if not opened:
                    column += len(item.text)
                case Open():
                    opened.append(i)
                case End.GROUP if opened:
                    opened.pop()
                    inside &= bool(opened)
                case Line() if opened and opened[-1] not in self.breaks.groups and (inside or self._is_late(opened[0])):
                    column += len(item.flat)
                case Line() if inside:
                    i, column = self.breaks.last_line[opened[-1]], self._margin()
                case Line() | OwnLine():
                    return True
            i += 1
        return column <= self.width

    def _is_late(self, group: int) -> bool:
        opened = self.items[group]
        return isinstance(opened, Open) and opened.kind is Kind.LATE
