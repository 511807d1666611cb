"""Comments and blank lines of a file that is laid out anew: which words they go with, and where they come to stand."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import lark

from .document import Item, Line, LineEnd, Mark, Open, OwnLine
from .layout import RESERVED, Token, tokens_of

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


@dataclass(frozen=True, slots=True)
class Begin(Mark):
    """The line that a statement or a declaration begins, the comments above it first. A blank line is kept, or made."""

    token: lark.Token
    blank: bool = False


@dataclass(frozen=True, slots=True)
class Last(Mark):
    """The comments above a closing bracket or, with None, above the end of the file."""

    token: lark.Token | None
    blanks: bool = False  # are kept


class Weaver:
    """Puts the comments and blank lines of a text into the stream of its words. Words are known by where they start."""

    def __init__(self, text: str):
        self.text = text
        self.comments = comments_of(text)
        self.above: dict[int, list[int]] = defaultdict(list)  # comments on lines of their own
        self.beside: dict[int, int] = {}  # a comment at the end of the line
        self.late: list[
            int
        ] = []  # comments where another one had ended the line: they go above the first word of the next
        self.gaps: set[int] = set()  # words and comments below a blank line
        tokens = tokens_of(text)
        starts = [token.start for token in tokens]
        spans = [(token.start, token.end) for token in tokens]
        spans += [(start, start + len(comment)) for start, comment in self.comments.items()]
        for (before, end), (start, _) in pairwise(sorted(spans)):
            if text[before] != "{" and text.count("\n", end, start) > 1:
                self.gaps.add(start)
        for start in self.comments:
            self._attach(start, bisect_right(starts, start), tokens)

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
        woven: list[Item] = []
        ended = False  # whether a comment ends this line already
        for item in stream:
            if isinstance(item, Begin):
                woven += self._begin(item)
                ended = False
            elif isinstance(item, Last):
                woven += self._last(item)
            elif isinstance(item, lark.Token):
                at = _start(item)
                if ended:
                    self.late += [*self.above.pop(at, ()), *self._beside(at)]
                    woven.append(item)
                    continue
                _put_before_groups(woven, [OwnLine(self.comments[start]) for start in self._take(at)])
                woven.append(item)
                for start in self._beside(at):
                    woven.append(LineEnd(self.comments[start]))
                    ended = True
            else:
                woven.append(item)
                ended &= not isinstance(item, Line)
        return woven

    def _take(self, at: int) -> list[int]:
        """The comments that stand above a word, for the one time that they are written."""
        taken, self.late = [*self.late, *self.above.pop(at, ())], []
        return taken

    def _beside(self, at: int) -> list[int]:
        return [self.beside[at]] if at in self.beside else []

    def _begin(self, mark: Begin) -> Iterator[Item]:
        at = _start(mark.token)
        starts = [*self._take(at), at]
        gaps = [start in self.gaps for start in starts]
        gaps[0] |= mark.blank and not any(gaps)
        for start, gap in zip(starts, gaps, strict=True):
            yield Line("", hard=True, blank=gap)
            if start != at:
                yield OwnLine(self.comments[start])

    def _last(self, mark: Last) -> Iterator[Item]:
        for start in self._take(_END if mark.token is None else _start(mark.token)):
            yield Line("", hard=True, blank=mark.blanks and start in self.gaps)
            yield OwnLine(self.comments[start])


def _start(token: lark.Token) -> int:
    assert token.start_pos is not None
    return token.start_pos


def _may_end_a_line(token: Token) -> bool:
    return token.text in _ENDING or (token.text not in RESERVED and (token.is_name or token.text[0] in '0123456789"'))


def _put_before_groups(woven: list[Item], comments: Sequence[Item]) -> None:
    """Insert comments before the groups that have just opened: they concern what is around those."""
    at = len(woven)
    while comments and at and isinstance(woven[at - 1], Open):
        at -= 1
    woven[at:at] = comments
