"""Tensors while elaborating: what made them, how they are called, and the way they came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ...diagnostics import Span
from ...ir.kinds import cut
from ...ir.operator import Operator, ParamSpec
from ...ir.structure import Parameter
from ...ir.types import Type
from ..report import SomeTensor
from .nested import Group

if TYPE_CHECKING:
    from .place import Place

SHOWN, LETTERS = 8, 200  # steps of a trail that a message shows, and how much of each


# A program makes a hundred thousand of these; a frozen dataclass takes three times as long to make.


class Called(NamedTuple):
    """A name that a scope gives, and how deep in others that is."""

    nesting: int
    place: Place
    name: str

    def __str__(self) -> str:
        prefix = self.place.prefix
        return f"{prefix}_{self.name}".replace(".", "_") if prefix else self.name.replace(".", "_")


@dataclass(eq=False, slots=True)
class Application:
    """One operator applied: a node of the graph, if an output turns out to need it."""

    op: Operator
    operands: tuple[Wire, ...]
    types: tuple[Type, ...]
    weights: Mapping[str, ParamSpec]  # by role
    span: Span | None
    path: str  # `conv_1`, with the names of its scopes before it
    called: dict[int, Called] | None = None  # by output; most have no name

    def call(self, index: int, called: Called) -> None:
        """Let an output be called by a binding; the outermost scope has the say, and in it the first."""
        if self.called is None:
            self.called = {}
        if index not in self.called or called.nesting < self.called[index].nesting:
            self.called[index] = called

    def weight(self, role: str) -> str:
        """The name of a weight, made only when somebody asks. A `param` is its own weight."""
        return self.path if isinstance(self.op, Parameter) else f"{self.path}.{role}"

    def names(self) -> tuple[str, ...]:
        count, called = len(self.types), self.called or {}
        if count == len(called) == 1:
            return (str(called[0]),)
        own = self.path.replace(".", "_")
        if count == 1:
            return (own,)
        return tuple([str(called[i]) if i in called else f"{own}_{i}" for i in range(count)])


class Wire(NamedTuple):
    """One output of an application."""

    maker: Application
    output: int

    @property
    def type(self) -> Type:
        return self.maker.types[self.output]


@dataclass(eq=False, slots=True)
class Trail:
    """The way a tensor came since it last had a name; the texts are made only when a message needs them."""

    step: Any
    type: Type
    before: Trail | None = None
    plain: bool = False  # one of the steps that change no shape and that messages may leave out

    def _steps(self) -> Iterator[Trail]:
        trail: Trail | None = self
        while trail is not None:
            yield trail
            trail = trail.before

    def __str__(self) -> str:
        """`x f32[N, 64, 56, 56] -> conv_bn(64, 1) -> conv_bn(256, 1)`"""
        *steps, root = self._steps()
        steps.reverse()
        steps = [step for step in steps if not step.plain] or steps
        gap = ["…"] if len(steps) > SHOWN else []
        return " -> ".join(
            [f"{root.step} {root.type}", *gap, *(cut(str(step.step), LETTERS) for step in steps[-SHOWN:])]
        )

    def with_shapes(self) -> str:
        """The same, with the shape after each step that changed it."""
        *steps, root = self._steps()
        steps.reverse()
        shown = [f"{root.step} {root.type}"] if len(steps) < SHOWN else ["…"]
        for before, step in [*pairwise([root, *steps])][-SHOWN:]:
            text = cut(str(step.step), LETTERS)
            shown.append(f"{text} {step.type}" if step.type != before.type else text)
        return " -> ".join(shown)


@dataclass(eq=False, slots=True)
class Tensor:
    """A tensor of the model."""

    wire: Wire
    type: Type
    trail: Trail

    def __str__(self) -> str:
        return f"a tensor {self.type}"

    def named(self, name: str) -> Tensor:
        """The same tensor, its trail beginning anew at a name."""
        return Tensor(self.wire, self.type, Trail(name, self.type))

    def after(self, step: object, x: Tensors) -> Tensor:
        """The same tensor, as the result of one step from `x`: what happened inside is that step's affair."""
        before = x if isinstance(x, Tensor) else next(leaves(x), None)
        return Tensor(self.wire, self.type, Trail(step, self.type, before.trail if before else None))


Tensors: TypeAlias = "Tensor | tuple[Tensors, ...]"


def leaves(x: Tensors) -> Iterator[Tensor]:
    """The tensors of a tuple in order, nested tuples opened."""
    waiting: list[Tensors] = [x]
    while waiting:
        here = waiting.pop()
        if isinstance(here, tuple):
            waiting.extend(reversed(here))
        else:
            yield here


def is_tensor(value: object) -> bool:
    """Whether a value is one tensor, known or not."""
    return isinstance(value, (Tensor, SomeTensor))


def is_tensors(value: object) -> bool:
    """Whether a value is a tensor or a tuple of nothing but tensors."""
    if isinstance(value, Group):
        if value.tensors is None:
            value.tensors = bool(value) and all(map(is_tensors, value))
        return value.tensors
    return is_tensor(value)


def each(x: Tensors, change: Any) -> Tensors:
    """The same tuple with each of its tensors changed."""
    return Group([each(part, change) for part in x]) if isinstance(x, tuple) else change(x)


def describe(x: Tensors) -> str:
    """`f32[N, 3, 8, 8]`, or a tuple of such."""
    return f"({', '.join(map(describe, x))})" if isinstance(x, tuple) else str(x.type)
