"""Every syntax error of a file, once, and what is sound beside them: each declaration and statement is parsed alone."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ..diagnostics import Diagnostic, Source, Span
from . import ast
from .build import Fault
from .complain import complain
from .lalr import Parser, Unexpected
from .layout import DECLARING, RESERVED, STATING, Outline, Part, Token, declarations_of, tokens_of

BINDING = DECLARING | STATING | {"as"}


def recover(source: Source, parser: Parser) -> tuple[list[Diagnostic], tuple[ast.Fragment, ...]]:
    """The syntax errors of a file, and the texts to leave out so that the rest parses."""
    text, tokens = source.text, tokens_of(source.text)
    faults: list[Fault] = []
    lost: list[ast.Fragment] = []
    for declaration in declarations_of(text, tokens):
        whole = Part("_declaration", declaration.first, declaration.last)
        wrong = [(part, fault) for part in declaration.parts for fault in _faults(part, text, tokens, parser)]
        wrong = wrong or [(whole, fault) for fault in _faults(whole, text, tokens, parser)]
        if wrong:
            faults += [fault for _, fault in wrong]
            lost += _lost(declaration, [part for part, _ in wrong], text, tokens, parser)
    errors = [
        Diagnostic(fault.code, fault.message, Span(source, fault.start, fault.end), help=fault.help)
        for fault in _misplaced(sorted(faults, key=lambda fault: fault.start), tokens)
    ]
    return errors, tuple(lost)


def without(text: str, lost: Sequence[ast.Fragment], start: int = 0) -> str:
    """A text that begins at `start` with blanks for what is lost, so that all the rest stays in its place."""
    pieces, at = [], 0
    for fragment in lost:
        pieces += [text[at : fragment.start - start], " " * (fragment.end - fragment.start)]
        at = fragment.end - start
    return "".join([*pieces, text[at:]])


def _misplaced(faults: list[Fault], tokens: Sequence[Token]) -> Iterator[Fault]:
    """The same faults; a brace that seems open and one that seems surplus after it are one: a declaration inside."""
    declaring = [token for token in tokens if token.text in DECLARING]
    starts = [token.start for token in declaring]
    ended = False
    for fault, following in pairwise([*faults, None]):
        assert fault is not None
        if ended:  # the surplus brace of the declaration before
            ended = False
            continue
        inside = bisect_right(starts, fault.start)
        pair = (fault.message, following.message if following else "")
        ended = pair == ("`{` is never closed", "`}` closes nothing") and inside < len(declaring)
        if ended:
            word = declaring[inside]
            help = "inside, a binding is enough: name = …" if word.text == "const" else ""
            yield Fault(f"a `{word.text}` inside of braces", word.start, word.end, help=help)
        else:
            yield fault


def _lost(
    declaration: Outline, wrong: Sequence[Part], text: str, tokens: Sequence[Token], parser: Parser
) -> list[ast.Fragment]:
    """The statements that do not parse, or the whole declaration if it does not parse without them.

    A statement on the same line goes too: it may be the other half of one that a misplaced word cuts in two.
    """
    broken = {part.first for part in wrong}
    for part, following in pairwise(declaration.parts):
        at = following.first
        if part.rule == "statement" and part.last == at < len(tokens) and not _apart(tokens[at - 1], tokens[at], text):
            broken |= {part.first, at} if broken & {part.first, at} else set()
    statements = (part for part in declaration.parts if part.rule == "statement" and part.first in broken)
    lost = [_fragment(part.first, part.last, tokens) for part in statements]
    start, end = tokens[declaration.first].start, tokens[declaration.last - 1].end
    try:
        parser.parse(without(text[start:end], lost, start), "_declaration")
    except (Unexpected, Fault):
        return [_fragment(declaration.first, declaration.last, tokens)]
    return lost


def _fragment(first: int, last: int, tokens: Sequence[Token]) -> ast.Fragment:
    """What binds a name: a place at the head, a reserved word or `as` before it, `=` or `:` after it."""
    if first == last:
        return ast.Fragment(tokens[first - 1].end, tokens[first - 1].end, "", frozenset())
    names, heading = set(), True
    for i in range(first, last):
        heading = heading and (tokens[i].is_name or tokens[i].text == ",")
        if tokens[i].is_name and (heading or (i > first and tokens[i - 1].text in BINDING)):
            names.add(tokens[i].text)
    listed = False  # whether `=` or `:` follows, perhaps after more names
    for i in reversed(range(first, last)):
        if tokens[i].is_name and listed:
            names.add(tokens[i].text)
        listed = tokens[i].text in ("=", ":") or (listed and (tokens[i].is_name or tokens[i].text == ","))
    return ast.Fragment(tokens[first].start, tokens[last - 1].end, tokens[first].text, frozenset(names))


def _faults(part: Part, text: str, tokens: Sequence[Token], parser: Parser) -> Iterator[Fault]:
    if part.faults:
        yield part.faults[0]
        return
    start = tokens[part.first].start
    try:
        parser.parse(text[start : tokens[part.last - 1].end], part.rule)
    except (Unexpected, Fault) as error:
        yield _fault(error, part, start, text, tokens)


def _fault(error: Unexpected | Fault, part: Part, start: int, text: str, tokens: Sequence[Token]) -> Fault:
    """An error in a part of a text that starts at `start`, said in the language's words."""
    if isinstance(error, Fault):
        return Fault(error.message, start + error.start, start + error.end, code=error.code, help=error.help)
    ended = error.ended
    at = part.last if ended else bisect_left(tokens, start + error.start + 1, key=lambda t: t.end)
    before = tokens[at - 1] if at > part.first else None
    found = tokens[at] if at < len(tokens) and (not ended or _interrupts(tokens[at], text, before)) else None
    named = tokens[part.first].text in STATING and at == part.first + 2  # `input x` may end here, and must not go on so
    return complain(
        found, before, ("COLON", "EQUAL") if named else error.expected, tokens[at - 1], _apart(before, found, text)
    )


def _interrupts(token: Token, text: str, before: Token | None) -> bool:
    """Whether a part ends at a reserved word that was meant as something else: one on the same line."""
    return token.text in RESERVED and before is not None and not _apart(before, token, text)


def _apart(before: Token | None, token: Token | None, text: str) -> bool:
    """Whether a line ends between two tokens."""
    return before is not None and token is not None and "\n" in text[before.end : token.start]
