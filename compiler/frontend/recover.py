"""Every syntax error of a file, once: each declaration and each statement is parsed alone."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence

from lark import Lark
from lark.exceptions import UnexpectedCharacters, UnexpectedInput

from ..diagnostics import Diagnostic, Source, Span
from .build import Fault
from .complain import complain
from .layout import RESERVED, STATING, Part, Token, parts_of, tokens_of


def find_errors(source: Source, grammar: Lark, error: UnexpectedInput | Fault) -> list[Diagnostic]:
    """The syntax errors of a file for which `error` was raised."""
    tokens = tokens_of(source.text)
    parts = list(parts_of(source.text, tokens))
    faults = [fault for part in parts for fault in _faults(part, source.text, tokens, grammar)]
    if not faults:  # each part parses, but the whole does not
        faults = [_fault(error, Part("file", 0, len(tokens)), 0, source.text, tokens)]
    return [
        Diagnostic(fault.code, fault.message, Span(source, fault.start, fault.end), help=fault.help)
        for fault in sorted(faults, key=lambda fault: fault.start)
    ]


def _faults(part: Part, text: str, tokens: Sequence[Token], grammar: Lark) -> Iterator[Fault]:
    if part.faults:
        yield part.faults[0]
        return
    start = tokens[part.first].start
    try:
        grammar.parse(text[start : tokens[part.last - 1].end], start=part.rule)
    except (UnexpectedInput, Fault) as error:
        yield _fault(error, part, start, text, tokens)


def _fault(error: UnexpectedInput | Fault, part: Part, start: int, text: str, tokens: Sequence[Token]) -> Fault:
    """An error in a part of a text that starts at `start`, said in the language's words."""
    if isinstance(error, Fault):
        return Fault(error.message, start + error.start, start + error.end, code=error.code, help=error.help)
    ended = getattr(getattr(error, "token", None), "type", "") == "$END"
    at = part.last if ended else bisect_left(tokens, start + (error.pos_in_stream or 0) + 1, key=lambda t: t.end)
    before = tokens[at - 1] if at > part.first else None
    found = tokens[at] if at < len(tokens) and (not ended or _interrupts(tokens[at], text, before)) else None
    named = tokens[part.first].text in STATING and at == part.first + 2  # `input x` may end here, and must not go on so
    return complain(
        found, before, ("COLON", "EQUAL") if named else _expected(error), tokens[at - 1], _apart(before, found, text)
    )


def _interrupts(token: Token, text: str, before: Token | None) -> bool:
    """Whether a part ends at a reserved word that was meant as something else: one on the same line."""
    return token.text in RESERVED and before is not None and not _apart(before, token, text)


def _apart(before: Token | None, token: Token | None, text: str) -> bool:
    """Whether a line ends between two tokens."""
    return before is not None and token is not None and "\n" in text[before.end : token.start]


def _expected(error: UnexpectedInput) -> Collection[str]:
    """The grammar's names of what could have stood there."""
    if isinstance(error, UnexpectedCharacters):
        return error.allowed or ()
    parser = getattr(error, "interactive_parser", None)
    return parser.accepts() if parser else ()
