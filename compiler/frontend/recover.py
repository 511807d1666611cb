"""Every syntax error of a file, once, and what is sound beside them: each declaration and statement is parsed alone."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence

from lark import Lark
from lark.exceptions import UnexpectedCharacters, UnexpectedInput

from ..diagnostics import Diagnostic, Source, Span
from . import ast
from .build import Fault
from .complain import complain
from .layout import DECLARING, RESERVED, STATING, Outline, Part, Token, declarations_of, tokens_of

BINDING = DECLARING | STATING | {"as"}


def recover(
    source: Source, grammar: Lark, error: UnexpectedInput | Fault
) -> tuple[list[Diagnostic], tuple[ast.Fragment, ...]]:
    """The syntax errors of a file for which `error` was raised, and the texts to leave out so that the rest parses."""
    text, tokens = source.text, tokens_of(source.text)
    faults: list[Fault] = []
    lost: list[ast.Fragment] = []
    for declaration in declarations_of(text, tokens):
        wrong = [(part, fault) for part in declaration.parts for fault in _faults(part, text, tokens, grammar)]
        if wrong:
            faults += [fault for _, fault in wrong]
            lost += _lost(declaration, [part for part, _ in wrong], text, tokens, grammar)
    if not faults:  # each part parses, but the whole does not
        faults = [_fault(error, Part("file", 0, len(tokens)), 0, text, tokens)]
        lost = [_fragment(0, len(tokens), tokens)]
    errors = [
        Diagnostic(fault.code, fault.message, Span(source, fault.start, fault.end), help=fault.help)
        for fault in _misplaced(sorted(faults, key=lambda fault: fault.start), tokens)
    ]
    return errors, tuple(lost)


def _misplaced(faults: list[Fault], tokens: Sequence[Token]) -> Iterator[Fault]:
    """The same faults; a brace that seems open and one that seems surplus after it are one: a declaration inside."""
    waiting = iter(faults)
    for fault in waiting:
        rest = [other for other in faults if other.start > fault.start]
        if fault.message == "`{` is never closed" and rest and rest[0].message == "`}` closes nothing":
            inside = (t for t in tokens if t.text in DECLARING and fault.start < t.start < rest[0].start)
            word = next(inside, None)
            if word is not None:
                help = "inside, a binding is enough: name = …" if word.text == "const" else ""
                yield Fault(f"a `{word.text}` inside of braces", word.start, word.end, help=help)
                next(waiting)
                continue
        yield fault


def _lost(
    declaration: Outline, wrong: Sequence[Part], text: str, tokens: Sequence[Token], grammar: Lark
) -> list[ast.Fragment]:
    """The statements that do not parse, or the whole declaration if it does not parse without them."""
    lost = [_fragment(part.first, part.last, tokens) for part in wrong if part.rule == "statement"]
    start, end = tokens[declaration.first].start, tokens[declaration.last - 1].end
    rest = text[start:end]
    for fragment in lost:
        rest = rest[: fragment.start - start] + " " * (fragment.end - fragment.start) + rest[fragment.end - start :]
    try:
        grammar.parse(rest, start="_declaration")
    except (UnexpectedInput, Fault):
        return [_fragment(declaration.first, declaration.last, tokens)]
    return lost


def _fragment(first: int, last: int, tokens: Sequence[Token]) -> ast.Fragment:
    """What binds a name: a place at the head, a reserved word or `as` before it, `=` or `:` after it."""
    if first == last:
        return ast.Fragment(tokens[first - 1].end, tokens[first - 1].end, "", frozenset())
    names, heading = set(), True
    for i in range(first, last):
        token, before = tokens[i], tokens[i - 1].text if i > first else ""
        after = tokens[i + 1].text if i + 1 < last else ""
        heading = heading and (token.is_name or token.text == ",")
        if token.is_name and (heading or after in ("=", ":") or before in BINDING):
            names.add(token.text)
    return ast.Fragment(tokens[first].start, tokens[last - 1].end, tokens[first].text, frozenset(names))


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
