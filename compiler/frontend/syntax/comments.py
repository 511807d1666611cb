"""Comments and blank lines of a file that is laid out anew: which words they go with, and where they come to stand."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

import lark

from .document import HARD, End, Indent, Item, Kind, Line, LineEnd, Mark, Open, OwnLine
from .words import RESERVED, Token, tokens_of

_LEADING = frozenset(
    ["->", "+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "and", "or", "then", "else"]
)  # which begin lines
_ENDING = frozenset(
    ["(", "[", "{", ")", "]", "}", "true", "false", "none"]
)  # which end them, as do names, numbers and strings
_END = -1  # where the file ends, among the starts of words


def comments_of(text: str) -> dict[int, str]:
    """The comments of a text that parses, by where they start."""
    found = re.finditer(r'"[^"\r\n]*"|#[^\n]*', text)
    return {match.start(): match[0].rstrip() for match in found if match[0][0] == "#"}


@dataclass(slots=True)
class Begin(Mark):
    """The line that a statement or a declaration begins, the comments above it first. A blank line is kept, or made."""

    token: lark.Token
    blank: bool = False


@dataclass(slots=True)
class Last(Mark):
    """The comments above a closing bracket or, with None, above the end of the file."""

    token: lark.Token | None
    blanks: bool = False  # are kept


@dataclass(slots=True)
class Value(Mark):
    """The space before the value of a statement; if there are comments above it, a new line, indented up to its end."""

    token: lark.Token


class ValueEnd(Mark):
    pass


class Weaver:
    """Puts the comments and blank lines of a text into the stream of its words. Words are known by where they start."""

    def __init__(self, text: str):
        self.text = text
        self.comments = comments_of(text)
        self.above: dict[int, list[int]] = defaultdict(list)  # comments on lines of their own
        self.beside: dict[int, int] = {}  # a comment at the end of the line
        self.late: list[int] = []  # comments that found their line ended by another: they go above the next
        self.gaps: set[int] = set()  # words and comments below a blank line
        comments_end = {start + len(comment) for start, comment in self.comments.items()}
        for blank in re.finditer(r"(?<=\S)\s+", text):
            begins_body = text[blank.start() - 1] == "{" and blank.start() not in comments_end
            if blank[0].count("\n") > 1 and not begins_body:
                self.gaps.add(blank.end())
        tokens = tokens_of(text) if self.comments else []
        starts = [token.start for token in tokens]
        for start in self.comments:
            self._attach(start, bisect_right(starts, start), tokens)
        self.woven: list[Item] = []
        self.line_has_ended = False  # by a comment
        self.value_is_below = False

    def _attach(self, start: int, at: int, tokens: Sequence[Token]) -> None:
        """Find the place of the comment between `tokens[at - 1]` and `tokens[at]`.

        It never stands between an operator and its right side, nor before a comma, an `=` or a `{`.
        """
        ends_line = at > 0 and "\n" not in self.text[tokens[at - 1].end : start]
        while at > 0 and tokens[at - 1].text in _LEADING:
            at -= 1
        while at < len(tokens) and tokens[at].text in ("=", "{"):
            at += 1
            self.gaps.discard(start)
        before, after = at - 1, at
        while before >= 0 and tokens[before].text == ",":
            before -= 1
        while after < len(tokens) and tokens[after].text == ",":
            after += 1
        below = tokens[after].start if after < len(tokens) else _END
        no_parameters = [token.text for token in tokens[at - 1 : at + 2]] == ["(", ")", "="]
        if ends_line and before >= 0 and _may_end_a_line(tokens[before]) and not no_parameters:
            word = tokens[before].start
            if word not in self.beside and below not in self.above:
                self.beside[word] = start
                return
        self.above[below].append(start)

    def weave(self, stream: Iterable[Item]) -> list[Item]:
        """The stream with its marks replaced, and with the comments above and beside its words."""
        for item in stream:
            match item:
                case lark.Token() if self.comments:
                    self._word(item)
                case str():
                    self.woven.append(item)
                case Begin():
                    self._begin(_start(item.token), item.blank)
                case Value():
                    self._value(_start(item.token))
                case ValueEnd():
                    self._put(*((End.NEST, End.GROUP) if self.value_is_below else ()))
                case Last():
                    self._last(_END if item.token is None else _start(item.token), item.blanks)
                case Line():  # after which a comment's line has begun anew
                    self._put(item)
                case _:
                    self.woven.append(item)
        return self.woven

    def _put(self, *items: Item) -> None:
        self.woven += items
        for item in items:
            if isinstance(item, (Line, OwnLine, LineEnd)):
                self.line_has_ended = isinstance(item, LineEnd)

    def _take(self, at: int) -> list[int]:
        """The comments to be written above a word, for the one time that they are."""
        taken, self.late = [*self.late, *self.above.pop(at, ())], []
        return taken

    def _begin(self, at: int, blank: bool) -> None:
        starts = [*self._take(at), at]
        gaps = [start in self.gaps for start in starts]
        gaps[0] |= blank and not any(gaps)
        for start, gap in zip(starts, gaps, strict=True):
            self._put(Line("", hard=True, blank=gap))
            if start != at:
                self._put(OwnLine(self.comments[start]))

    def _last(self, at: int, blanks: bool) -> None:
        for start in self._take(at):
            self._put(Line("", hard=True, blank=blanks and start in self.gaps), OwnLine(self.comments[start]))

    def _value(self, at: int) -> None:
        self.value_is_below = at in self.above and not self.line_has_ended
        if self.value_is_below:
            self._put(Open(Kind.PLAIN), Indent(2))
            for start in self._take(at):
                self._put(HARD, OwnLine(self.comments[start]))
        else:
            self._put(" ")

    def _word(self, token: lark.Token) -> None:
        at = _start(token)
        if not (at in self.above or at in self.beside or self.late or self.line_has_ended):
            self.woven.append(token)
            return
        beside = [self.beside[at]] if at in self.beside else []
        if self.line_has_ended:
            self.late += [*self.above.pop(at, ()), *beside]
            self._put(token)
            return
        above = self._take(at)
        groups = len(list(takewhile(lambda item: isinstance(item, Open), reversed(self.woven)))) if above else 0
        opened = [self.woven.pop() for _ in range(groups)]  # comments concern what is around the groups that begin here
        self._put(*(OwnLine(self.comments[start]) for start in above), *opened, token)
        self._put(*(LineEnd(self.comments[start]) for start in beside))


def _start(token: lark.Token) -> int:
    assert token.start_pos is not None
    return token.start_pos


def _may_end_a_line(token: Token) -> bool:
    return token.text in _ENDING or (token.text not in RESERVED and (token.is_name or token.text[0] in '0123456789"'))
