"""The syntax tree: what a `.cnn` file says, before anything is known of what it means.

Every node knows the characters `[start, end)` it was written with; the file's `Source` turns them into a `Span`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache
from typing import Literal, TypeAlias

from ...diagnostics import Source


@dataclass(frozen=True, slots=True)
class Node:
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Word(Node):
    """A name where it is bound, or a string where it names something."""

    text: str


# Expressions


@dataclass(frozen=True, slots=True)
class Expression(Node):
    """`depth` counts the expressions and brackets inside one another, this one included."""

    depth: int


@dataclass(frozen=True, slots=True)
class Name(Expression):
    id: str


@dataclass(frozen=True, slots=True)
class Constant(Expression):
    """A number, a string, `true`, `false` or `none`."""

    value: int | float | str | bool | None


@dataclass(frozen=True, slots=True)
class List(Expression):
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Tuple(Expression):
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Argument(Node):
    name: str | None
    value: Expression


@dataclass(frozen=True, slots=True)
class Call(Expression):
    callee: Expression
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Attribute(Expression):
    of: Expression
    name: Word


@dataclass(frozen=True, slots=True)
class Index(Expression):
    of: Expression
    at: Expression


@dataclass(frozen=True, slots=True)
class Unary(Expression):
    operator: Literal["-", "not"]
    operand: Expression


@dataclass(frozen=True, slots=True)
class Chain(Expression):
    """`a + b - c`: operators of one tightness, from left to right; `and`, `or` and `**` too."""

    first: Expression
    rest: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True, slots=True)
class Compare(Expression):
    left: Expression
    operator: str
    right: Expression


@dataclass(frozen=True, slots=True)
class Pipe(Expression):
    """`x -> f -> g`, two steps or more."""

    steps: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Named(Expression):
    """`stage as conv1`, or `stage as "layer1.0"`, which names weights only."""

    stage: Expression
    name: Word
    quoted: bool


@dataclass(frozen=True, slots=True)
class Conditional(Expression):
    condition: Expression
    then: Expression
    otherwise: Expression


# Statements


@dataclass(frozen=True, slots=True)
class TypeNote(Node):
    """`f32[N, 3, H, W]`"""

    dtype: Word
    sizes: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Input(Node):
    name: Word
    type: TypeNote | None


@dataclass(frozen=True, slots=True)
class Param(Node):
    """`stored` is the name of its data in printed IR, where the scope no longer tells it."""

    name: Word
    type: TypeNote
    value: Expression | None
    stored: Word | None


@dataclass(frozen=True, slots=True)
class Share(Node):
    name: Word
    value: Expression


@dataclass(frozen=True, slots=True)
class Output(Node):
    name: Word
    type: TypeNote | None
    value: Expression | None


@dataclass(frozen=True, slots=True)
class Assert(Node):
    condition: Expression
    message: Word | None


@dataclass(frozen=True, slots=True)
class Binding(Node):
    names: tuple[Word, ...]
    type: TypeNote | None
    value: Expression


@dataclass(frozen=True, slots=True)
class Section(Node):
    """`train { … }` or `test "what" { … }`."""

    kind: Word
    title: Word | None
    statements: tuple[Statement, ...]


Statement: TypeAlias = Input | Param | Share | Output | Assert | Binding | Section

# Declarations


@dataclass(frozen=True, slots=True)
class Parameter(Node):
    name: Word
    default: Expression | None


@dataclass(frozen=True, slots=True)
class Body(Node):
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Use(Node):
    path: Word
    name: Word


@dataclass(frozen=True, slots=True)
class Const(Node):
    name: Word
    value: Expression


@dataclass(frozen=True, slots=True)
class Block(Node):
    name: Word
    parameters: tuple[Parameter, ...]
    body: Body | Expression


@dataclass(frozen=True, slots=True)
class Model(Node):
    name: Word
    parameters: tuple[Parameter, ...]
    body: Body | Expression


Declaration: TypeAlias = Use | Const | Block | Model


@dataclass(frozen=True, slots=True)
class Fragment(Node):
    """Text that does not parse: the word that it was likely meant to begin with, and the names that it was to bind.

    `nameless` where it was to bind a name that it does not say.
    """

    kind: str
    names: frozenset[str]
    nameless: bool


@dataclass(frozen=True, slots=True)
class File:
    source: Source
    declarations: tuple[Declaration, ...]
    lost: tuple[Fragment, ...] = ()


def walk(node: Node, but: tuple[type[Node], ...] = ()) -> Iterator[Node]:
    """A node and everything in it, in source order; nodes of the kinds in `but` are left out."""
    waiting: list[object] = [node]
    while waiting:
        here = waiting.pop()
        if isinstance(here, tuple):
            waiting.extend(reversed(here))
        elif isinstance(here, Node) and not isinstance(here, but):
            yield here
            waiting.extend([getattr(here, name) for name in _parts(type(here))])


@cache
def _parts(kind: type[Node]) -> list[str]:
    """The fields of a node that may hold others, last one first."""
    return [f.name for f in reversed(fields(kind)) if f.name not in ("start", "end", "depth")]
