"""Every syntax error of a file, once, and what is sound beside them: each declaration and statement is parsed alone."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice

from ...diagnostics import Diagnostic, Source, Span, model_error
from ..report import FINDINGS, incomplete
from . import ast
from .complain import complain, meant
from .faults import Fault
from .lalr import Parser, Unexpected
from .layout import Outline, Part, declarations
from .page import Page
from .words import DECLARING, RESERVED


def recover(source: Source, parser: Parser) -> tuple[list[Diagnostic], tuple[ast.Fragment, ...]]:
    """The syntax errors of a file, and the texts to leave out so that the rest parses.

    Raises `ModelError` with the first errors if there are too many to go on.
    """
    page = Page(source.text)
    faults: list[Fault] = []
    lost: list[ast.Fragment] = []
    for declaration in declarations(page):
        whole = Part("_declaration", declaration.first, declaration.last)
        found = ((part, fault) for part in declaration.parts for fault in _faults(part, page, parser))
        wrong = [*islice(found, FINDINGS + 1)]
        wrong = wrong or [(whole, fault) for fault in _faults(whole, page, parser)]
        if wrong:
            faults += [fault for _, fault in wrong]
            if len(faults) > FINDINGS:
                *told, last = _errors(source, faults[:FINDINGS])
                raise model_error([*told, incomplete(last)])
            lost += _lost(declaration, [part for part, _ in wrong], page, parser)
    return _errors(source, faults), tuple(lost)


def _errors(source: Source, faults: list[Fault]) -> list[Diagnostic]:
    return [
        Diagnostic(fault.code, fault.message, Span(source, fault.start, fault.end), help=fault.help)
        for fault in sorted(faults, key=lambda fault: fault.start)
    ]


def without(text: str, lost: Sequence[ast.Fragment], start: int = 0) -> str:
    """A text that begins at `start` with blanks for what is lost, so that all the rest stays in its place."""
    pieces, at = [], 0
    for fragment in lost:
        pieces += [text[at : fragment.start - start], " " * (fragment.end - fragment.start)]
        at = fragment.end - start
    return "".join([*pieces, text[at:]])


def _lost(declaration: Outline, wrong: Sequence[Part], page: Page, parser: Parser) -> list[ast.Fragment]:
    """The statements that do not parse, or the whole declaration if it does not parse without them."""
    lost = [_fragment(part, page) for part in wrong if part.rule != "header"]
    start, end = page.tokens[declaration.first].start, page.tokens[declaration.last - 1].end
    try:
        parser.parse(without(page.text[start:end], lost, start), "_declaration")
    except (Unexpected, Fault):
        return [_fragment(Part("_declaration", declaration.first, declaration.last), page)]
    return lost


def _fragment(part: Part, page: Page) -> ast.Fragment:
    """What a lost text was likely meant to bind: its name, others before a `=` outside of brackets, and `as` names."""
    first, last = part.first, part.last
    if first == last:
        end = page.tokens[first - 1].end
        return ast.Fragment(end, end, "", frozenset(), False)
    if part.rule == "head":
        return ast.Fragment(page.tokens[first].start, page.tokens[last - 1].end, "", frozenset(), False)
    kind, at = meant(page, first, last)
    if part.rule == "_declaration" and not kind:
        kind = "let"
    while kind in DECLARING and at < last and page.word(at) in RESERVED:
        at += 1
    heads, names = [page.word(at)], set[str]()
    if kind == "use":
        heads = [page.word(last - 1)]
    elif kind not in DECLARING:
        while page.word(at + 1) == ",":
            at += 2
            heads.append(page.word(at))
        names = {page.word(i) for i in range(first + 1, last) if page.word(i - 1) == "as"}
        names |= _bound(page, first, last) if kind or page.word(first) == "if" else set()
    named = {name for name in heads if name.isidentifier() and name not in RESERVED}
    merged = kind in DECLARING | {"input"} and page.word(at + 1) in (",", ")", "[")  # a sign after the name is missing
    unsaid = merged or len(named) < len(heads) or (first < at < last and page.fresh(at))
    nameless = unsaid and kind not in ("", "assert")
    known = named | {name for name in names if name.isidentifier()} if kind else names
    return ast.Fragment(page.tokens[first].start, page.tokens[last - 1].end, kind, frozenset(known), nameless)


def _bound(page: Page, first: int, last: int) -> set[str]:
    """The names before a `=` outside of calls and lists."""
    found, depth = set(), 0
    for i in range(first, last):
        depth += (page.word(i) in ("(", "[")) - (page.word(i) in (")", "]"))
        if depth == 0 and page.tokens[i].is_name and page.binds(i):
            found.add(page.word(i))
    return found


def _faults(part: Part, page: Page, parser: Parser) -> Iterator[Fault]:
    if part.faults:
        yield part.faults[0]
        return
    start = page.tokens[part.first].start
    try:
        parser.parse(page.text[start : page.tokens[part.last - 1].end], part.rule)
    except Fault as fault:
        yield Fault(fault.message, start + fault.start, start + fault.end, code=fault.code, help=fault.help)
    except Unexpected as error:
        at = part.last if error.ended else bisect_left(page.tokens, start + error.start + 1, key=lambda t: t.end)
        yield complain(page, part, at, error.expected)
