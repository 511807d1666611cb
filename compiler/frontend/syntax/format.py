"""The one layout of a `.cnn` file: `cnnc fmt`.

What a line holds is decided by its width, but for two things that only the author knows. Networks are written a layer,
a stage or a unit a line, so a line that the author began with an arrow (or ended with one) stays a line. Branches of a
fan-out and rows of a kernel are written a line each, so a list or a tuple that the author broke stays broken.

    logits = image -> scale(1/255)        the author's lines; one that is too long is broken at each of its arrows
      -> conv(32, 3) as conv1 -> relu

    block pair(c) = [                     a list begins beside the `=` and, if it does not fit, has one item a line
      conv(c, 1),
      conv(c, 3) -> relu,
    ] -> add -> relu

    block unit(c) =                       other values of declarations that do not fit begin below,
      conv(c, 3)                          and their arrows stand where they begin
      -> relu

Sums, and what binds looser, have spaces around their signs; products and powers have none: `a*b + c`. Calls are broken
an argument a line, lists of numbers are filled, and brackets that break end in a comma. The settings of `train` are a
table. Of blank lines one is kept between statements, and one is put before a declaration with statements.

A comment on a line of its own stays above what follows it, one at the end of a line at the end of a line.

Formatting again changes nothing. Words stay, but for commas at the end of brackets, or nothing is written at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, wraps
from itertools import pairwise, takewhile
from typing import Any, Literal

from lark import Token

from ....runtime.errors import InternalError
from ...diagnostics import Source
from ...uncollected import uncollected
from . import tables
from .comments import Begin, Last, Value, ValueEnd, Weaver, comments_of
from .document import HARD, Doc, Group, IfBroken, Kind, Line, Nest, flatten, write
from .faults import Fault, deeper, end_of, in_order, start_of, touch, value_of
from .lalr import Parser, Unexpected
from .parse import parse
from .sources import check_source
from .words import words_of

WIDTH = 100


def format(source: Source) -> str:
    """A file in the one layout; raises `ModelError` with its syntax errors, or if it gets too large."""
    with uncollected():
        text = _laid_out(source)
    check_source(Source(f"the layout of {source.name}", text), len(text.encode()))
    if _words(text) != _words(source.text):
        raise InternalError(f"the layout of {source.name} would change what it says")
    return text


def _laid_out(source: Source) -> str:
    try:
        document: Doc = _parser().parse(source.text, "file")
    except (Unexpected, Fault):
        parse(source)  # which tells all that is wrong
        raise
    return write(Weaver(source.text).weave(flatten(document)), WIDTH)


@cache
def _parser() -> Parser:
    """The parser of `parse`, which here gives documents and leaves no token out."""
    return Parser(_Layout(), tables.written(), keep_all_tokens=True)


def _words(text: str) -> list[str]:
    """The words of a text but for commas, then its comments."""
    return [*(word for word in words_of(text) if word != ","), *comments_of(text).values()]


# From rules of the grammar to documents


@dataclass(slots=True)
class _Piece:
    """A part of the file: its document, and its first and last token.

    `aligned` is the document where further lines stand below the first, not indented by 2.
    """

    first: Token
    last: Token
    doc: Doc
    aligned: Doc = ()
    sort: Literal["", "number", "numbers", "list", "conditional", "keyword", "setting", "statements"] = ""
    depth: int = 1


def _nests(rule: Callable[..., _Piece]) -> Callable[..., _Piece]:
    """A rule for expressions that are one deeper than those in them."""

    @wraps(rule)
    def nesting(self: _Layout, *parts: Any) -> _Piece:
        piece = rule(self, *parts)
        piece.depth = deeper(start_of(piece.first), [part.depth for part in _items(parts)])
        return piece

    return nesting


class _Layout:
    """One method for each rule of the grammar. Lark calls them while it parses, so nothing recurses.

    What is wrong by rules that the grammar cannot express raises `Fault` as it does for the syntax tree.
    """

    def file(self, *declarations: _Piece) -> Doc:
        begun = (
            (Begin(part.first, blank=part.sort == "statements" and n > 0), part.doc)
            for n, part in enumerate(declarations)
        )
        return (*begun, Last(None, blanks=True))

    def use(self, *words: Token) -> _Piece:
        return _phrase(*words)

    def const(self, *parts: Any) -> _Piece:
        return _declaration(*parts)

    def block(self, keyword: Token, name: Token, *parts: Any) -> _Piece:
        """A block or a model."""
        parameters, *rest = parts
        if parameters:
            touch(end_of(name), parameters.first)
        head = _Piece(keyword, name, (keyword, " ", name, parameters.doc if parameters else ()))
        if isinstance(rest[0], _Piece):
            return _Piece(keyword, rest[0].last, (head.doc, " ", rest[0].doc), sort="statements")
        return _declaration(head, *rest)

    model = block

    def parameters(self, opened: Token, *parts: Any) -> _Piece:
        return _bracket(opened, *parts)

    def parameter(self, *parts: Any) -> _Piece:
        return _tight(*parts)

    def body(self, opened: Token, *parts: Any) -> _Piece:
        *statements, closed = parts
        lines = tuple((Begin(part.first), part.doc) for part in statements)
        last = HARD if statements else ()
        return _Piece(opened, closed, (opened, Nest((*lines, Last(closed, blanks=True))), last, closed))

    # Statements

    def input(self, *parts: Any) -> _Piece:
        return _phrase(*parts)

    param = output = input

    def share(self, *parts: Any) -> _Piece:
        return _declaration(*parts)

    def assertion(self, keyword: Token, condition: _Piece, *parts: Any) -> _Piece:
        message = _present(parts)
        if not message:
            return _phrase(keyword, condition)
        return _Piece(keyword, message[-1], Group((keyword, " ", condition.doc, ",", Nest((Line(), message[-1])))))

    def binding(self, *parts: Any) -> _Piece:
        name, *rest = _present(parts)
        if rest[0] == "=":
            piece = _phrase(name, *rest)
            piece.sort = "setting"
            return piece
        others = list(takewhile(lambda part: part not in (":", "="), rest))
        lines = tuple((",", Line(fill=True), other) for other in others[1::2])
        names = _Piece(name, [name, *others][-1], Group((name, Nest(lines))))
        return _phrase(names, *rest[len(others) :])

    def section(self, kind: Token, *parts: Any) -> _Piece:
        title = [] if parts[0] is None else [parts[0]]
        opened, *statements = parts[1:]
        head = _phrase(kind, *title)
        body = self.body(opened, *(_table(statements) if kind == "train" else statements))
        return _Piece(kind, body.last, (head.doc, " ", body.doc))

    def tensor_type(self, dtype: Token, opened: Token, *parts: Any) -> _Piece:
        touch(end_of(dtype), opened)
        sizes = _bracket(opened, *parts)
        return _Piece(dtype, sizes.last, (dtype, sizes.doc))

    # Expressions

    @_nests
    def conditional(
        self, keyword: Token, condition: _Piece, then: Token, value: _Piece, otherwise: Token, other: _Piece
    ) -> _Piece:
        clause = Group((keyword, " ", condition.doc, Nest((Line(), then, " ", value.doc))))
        last = other.aligned or other.doc
        if other.sort == "conditional" and isinstance(last, Group):
            last = last.doc  # its clauses are of one rank with this one
        piece = _hanging(keyword, clause, (Line(), otherwise, " ", last), other.last)
        return replace(piece, sort="conditional")

    @_nests
    def pipe(self, head: _Piece, *parts: Any) -> _Piece:
        lines: list[list[tuple[Token, _Piece]]] = [[]]
        before = head
        for arrow, step in zip(parts[::2], parts[1::2], strict=True):
            if _line(before.last) < _line(arrow) or _line(arrow) < _line(step.first):
                lines.append([])
            lines[-1].append((arrow, step))
            before = step
        sort = "list" if head.sort == "list" else ""
        return _Piece(head.first, before.last, _pipe(head, lines, 2), _pipe(head, lines, 0), sort)

    @_nests
    def named(self, stage: _Piece, keyword: Token, name: Token) -> _Piece:
        return _phrase(stage, keyword, name)

    @_nests
    def chain(self, first: _Piece, *parts: Any) -> _Piece:
        """Operators of one tightness, each at the beginning of a line where they don't fit on one."""
        space = "" if parts[0].type in ("STAR", "SLASH", "FLOOR", "PERCENT", "POWER") else " "
        pairs = zip(parts[::2], parts[1::2], strict=True)
        rest = tuple((Line(space), operator, space, operand.doc) for operator, operand in pairs)
        return _hanging(first.first, first.doc, rest, parts[-1].last)

    compare = chain

    @_nests
    def unary(self, operator: Token, operand: _Piece) -> _Piece:
        sign = (operator, " ") if operator == "not" else operator
        return _Piece(operator, operand.last, (sign, operand.doc), sort="number" if operand.sort == "number" else "")

    @_nests
    def call(self, callee: _Piece, opened: Token, *parts: Any) -> _Piece:
        touch(end_of(callee.last), opened)
        in_order((part.sort == "keyword", start_of(part.first), end_of(part.last)) for part in _items(parts))
        return _tight(callee, _bracket(opened, *parts))

    def keyword(self, name: Token, sign: Token, value: _Piece) -> _Piece:
        return replace(_tight(name, sign, value), sort="keyword", depth=value.depth)

    @_nests
    def attribute(self, of: _Piece, dot: Token, name: Token) -> _Piece:
        space = " " if of.sort == "number" else ""  # `2.x` is no number
        return _Piece(of.first, name, (of.doc, space, dot, name))

    @_nests
    def index(self, of: _Piece, opened: Token, at: _Piece, closed: Token) -> _Piece:
        touch(end_of(of.last), opened)
        return _tight(of, _bracket(opened, at, closed, comma=False))

    def name(self, token: Token) -> _Piece:
        return _Piece(token, token, token)

    string = constant = name

    def number(self, token: Token) -> _Piece:
        value_of(token)
        return _Piece(token, token, token, sort="number")

    @_nests
    def list_of(self, opened: Token, *parts: Any) -> _Piece:
        numbers = all(part.sort == "number" for part in _items(parts))
        bracket = _bracket(opened, *parts, fill=numbers, broken=not numbers and _is_broken(opened, parts))
        return replace(bracket, sort="numbers" if numbers else "list")

    @_nests
    def tuple_of(self, opened: Token, *parts: Any) -> _Piece:
        return _bracket(opened, *parts, broken=_is_broken(opened, parts))

    @_nests
    def group(self, opened: Token, inner: _Piece, closed: Token) -> _Piece:
        inner = replace(inner, doc=inner.aligned or inner.doc)
        return _bracket(opened, inner, closed, comma=False)


def _present(parts: Sequence[Any]) -> list[Any]:
    """The parts of a rule that are in the text."""
    return [part for part in parts if part is not None]


def _items(parts: Sequence[Any]) -> list[_Piece]:
    return [part for part in parts if isinstance(part, _Piece)]


def _line(token: Token) -> int:
    assert token.line is not None
    return token.line


def _first(part: Token | _Piece) -> Token:
    return part if isinstance(part, Token) else part.first


def _last(part: Token | _Piece) -> Token:
    return part if isinstance(part, Token) else part.last


def _doc(part: Token | _Piece) -> Doc:
    return part if isinstance(part, Token) else part.doc


def _phrase(*given: Token | _Piece | None) -> _Piece:
    """Parts with spaces between them, as `input x: f32[N]`."""
    parts = _present(given)
    doc: list[Doc] = [_doc(parts[0])]
    value = False  # follows
    for part in parts[1:]:
        if value:
            doc += Value(_first(part)), _doc(part), ValueEnd()
        elif isinstance(part, Token) and part.type == "COLON":
            doc.append(part)
        else:
            doc += " ", _doc(part)
        value = isinstance(part, Token) and part.type == "EQUAL"
    return _Piece(_first(parts[0]), _last(parts[-1]), tuple(doc))


def _tight(*given: Token | _Piece | None) -> _Piece:
    """Parts without spaces between them, as `axis=1`."""
    parts = _present(given)
    return _Piece(_first(parts[0]), _last(parts[-1]), tuple(map(_doc, parts)))


def _declaration(*parts: Token | _Piece) -> _Piece:
    """`… = value`."""
    *head, value = parts
    if not isinstance(value, _Piece) or value.sort in ("list", "numbers"):
        return _phrase(*parts)
    doc = Group((_phrase(*head).doc, Nest((Line(), value.aligned or value.doc))))
    return _Piece(_first(parts[0]), value.last, doc)


def _hanging(first: Token, begin: Doc, rest: Doc, last: Token) -> _Piece:
    return _Piece(first, last, Group((begin, Nest(rest))), aligned=Group((begin, rest)))


def _bracket(opened: Token, *parts: Any, comma: bool = True, fill: bool = False, broken: bool = False) -> _Piece:
    items, closed = _items(parts), parts[-1]
    if not items:
        return _Piece(opened, closed, Group((opened, Nest(Last(closed)), closed), Kind.BRACKET))
    first, *others = (item.doc for item in items)
    rest = tuple((",", Line(fill=fill), item) for item in others)
    inner = (Line("", hard=broken), first, rest, IfBroken(",") if comma else (), Last(closed))
    return _Piece(opened, closed, Group((opened, Nest(inner), Line(""), closed), Kind.BRACKET))


def _is_broken(opened: Token, parts: Sequence[Any]) -> bool:
    """Whether a line ends between a bracket and its first item, two items, or the last one and the bracket."""
    inside = [opened, *_items(parts), parts[-1]]
    return any(_line(_last(before)) < _line(_first(after)) for before, after in pairwise(inside))


def _pipe(head: _Piece, lines: Sequence[Sequence[tuple[Token, _Piece]]], indent: int) -> Doc:
    """A pipe of these lines, the first after its head; each is broken at its arrows if it does not fit."""
    first, *others = lines
    doc = _steps(head, first, indent)
    if not others:
        return doc
    begun = tuple((HARD, arrow, " ", _steps(step, rest, 0)) for (arrow, step), *rest in others)
    return Group((doc, Nest(begun, indent)), Kind.PIPE)


def _steps(head: _Piece, steps: Sequence[tuple[Token, _Piece]], indent: int) -> Doc:
    if not steps:
        return head.doc
    rest = Nest(tuple((Line(), arrow, " ", step.doc) for arrow, step in steps), indent)
    if head.sort == "list":  # which breaks before the arrows after it do
        return (head.doc, Group(rest, Kind.LATE))
    return Group((head.doc, rest), Kind.PIPE)


def _table(statements: Sequence[_Piece | Token]) -> Iterator[_Piece | Token]:
    """Statements of which those that set one name have their `=` in one column."""
    settings = [part for part in statements if isinstance(part, _Piece) and part.sort == "setting"]
    widest = max((len(part.first) for part in settings), default=0)
    for part in statements:
        if isinstance(part, _Piece) and part.sort == "setting":
            name, *rest = part.doc  # type: ignore[misc]
            part.doc = name, " " * (widest - len(part.first)), *rest
        yield part
