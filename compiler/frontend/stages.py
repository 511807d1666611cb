"""Stages: recipes from tensors to tensors. They own no weights; a place gives them fresh ones at each application."""

from __future__ import annotations

from dataclasses import dataclass

from ..diagnostics import Refusal, Span
from ..ir.operator import Operator
from ..ir.types import BATCH, Dim, Type, Undecided
from .place import Ledger, Place
from .report import UNKNOWN, Failure, Silenced, Unknown
from .tensors import Application, Tensor, Tensors, Trail, Wire, describe, each, leaves

ELEMENTS = 2**31 - 1


class Stage:
    """Something that an arrow can apply. Those of one operator or block are numbered by its name, their `kind`."""

    kind: str | None = None

    def apply(self, x: Tensors, place: Place, name: str | None = None) -> Tensors | Unknown:
        """The result for `x`; weights are born in `place`, called `name.*` if there is one. Raises `Failure`."""
        raise NotImplementedError


@dataclass(frozen=True)
class OperatorStage(Stage):
    """An operator with its attributes bound."""

    op: Operator
    span: Span

    @property
    def kind(self) -> str:  # type: ignore[override]
        return self.op.name

    def __str__(self) -> str:
        return str(self.op)

    def apply(self, x: Tensors, place: Place, name: str | None = None) -> Tensors | Unknown:
        op = self.op
        operands: tuple[Tensor, ...] = ()
        try:
            place.run.count()
            operands = self._operands(x)
            own = place.number(op.name)
            path = place.take(name or own)
            types = tuple(operand.type for operand in operands)
            inferred = op.infer(*types)
            outputs = inferred if isinstance(inferred, tuple) else (inferred,)
            for output in outputs:
                _want_possible(op, output)
            weights = self._weights(types, path, place)
        except Refusal as refusal:
            raise place.failure(refusal, self.span, self._trails(operands)) from None
        except Undecided as undecided:
            _undecided(undecided, place, self.span)
            return UNKNOWN
        wires = tuple(operand.wire for operand in operands)
        made = Application(
            op, wires, outputs, weights, self.span, (path if name else place.path(own)).replace(".", "_")
        )
        place.run.applications.append(made)
        before = operands[0].trail if operands else None
        plain = op.inputs == 1 and op.scalar is not None and not op.attrs
        results = tuple(
            Tensor(Wire(made, i), output, Trail(op, output, before, plain)) for i, output in enumerate(outputs)
        )
        return results if op.outputs is None else results[0]

    def _operands(self, x: Tensors) -> tuple[Tensor, ...]:
        op = self.op
        if op.inputs == 1:
            if isinstance(x, tuple):
                raise Refusal(
                    "E0309",
                    f"`{op.name}` takes one tensor, got the tuple {describe(x)}",
                    help="join them with concat or add, or apply it to each: (a, b) -> (f, g)",
                )
            return (x,)
        if not isinstance(x, tuple):
            raise Refusal(
                "E0309", f"`{op.name}` takes a tuple of tensors, got {x.type}", help=f"write (a, b) -> {op.name}"
            )
        operands = tuple(leaves(x))
        if op.inputs is not None and len(operands) != op.inputs:
            raise Refusal("E0309", f"`{op.name}` takes {op.inputs} tensors, got {len(operands)}")
        return operands

    def _weights(self, types: tuple[Type, ...], path: str, place: Place) -> dict[str, str]:
        weights = {}
        for role, spec in self.op.params(*types).items():
            weights[role] = f"{path}.{role}"
            place.claim(weights[role], spec)
        return weights

    def _trails(self, operands: tuple[Tensor, ...]) -> tuple[str, ...]:
        if len(operands) == 1:
            return (f"shapes: {operands[0].trail.with_shapes()}",)
        if len(operands) == 2:
            left, right = operands
            return f"left:  {left.trail}", f"right: {right.trail}"
        return tuple(f"operand {k}: {operand.trail}" for k, operand in enumerate(operands[:8]))


def _want_possible(op: Operator, type: Type) -> None:
    elements = 1
    for axis, size in enumerate(type.shape):
        if isinstance(size, int):
            if size < 1:
                raise Refusal("E0312", f"`{op.name}` would give {type}, whose axis {axis} is empty")
            elements *= size
    if elements > ELEMENTS:
        raise Refusal("E0330", f"`{op.name}` would give {type}: more than 2^31 - 1 elements for one image")


def _undecided(undecided: Undecided, place: Place, span: Span) -> None:
    """A question about sizes without an answer: a note where letters are free, else an error."""
    if not place.run.free:
        help = f"the batch {BATCH} is free: nothing may depend on it"
        raise place.failure(Refusal("E0319", f"not known while compiling: {undecided.question}", help=help), span)
    place.note("E0318", f"this holds only if {undecided.question}", span)


@dataclass(frozen=True)
class Sequence(Stage):
    """`f -> g`"""

    stages: tuple[Stage, ...]

    def __str__(self) -> str:
        return " -> ".join(map(str, self.stages))

    def apply(self, x: Tensors, place: Place, name: str | None = None) -> Tensors | Unknown:
        place = place if name is None else _scope(place, name)
        for stage in self.stages:
            result = stage.apply(x, place)
            if isinstance(result, Unknown):
                return UNKNOWN
            x = result
        return x


@dataclass(frozen=True)
class FanOut(Stage):
    """`[f, g]`"""

    stages: tuple[Stage, ...]

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.stages))}]"

    def apply(self, x: Tensors, place: Place, name: str | None = None) -> Tensors | Unknown:
        place = place if name is None else _scope(place, name)
        return _gather([stage.apply(x, place) for stage in self.stages])


@dataclass(frozen=True)
class Parallel(Stage):
    """`(f, g)`"""

    stages: tuple[Stage, ...]
    span: Span

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.stages))})"

    def apply(self, x: Tensors, place: Place, name: str | None = None) -> Tensors | Unknown:
        place = place if name is None else _scope(place, name)
        parts = parallel_parts(x, len(self.stages), place, self.span)
        return _gather([stage.apply(part, place) for stage, part in zip(self.stages, parts, strict=True)])


def parallel_parts(x: Tensors, count: int, place: Place, span: Span) -> tuple[Tensors, ...]:
    """The tuple that `count` stages side by side want; raises `Failure`."""
    if isinstance(x, tuple) and len(x) == count:
        return x
    got = f"a tuple of {len(x)}" if isinstance(x, tuple) else f"one tensor {x.type}"
    cure = "" if isinstance(x, tuple) else "brackets fan out: x -> [f, g]"
    raise place.failure(
        Refusal("E0309", f"{count} stages side by side want {count} tensors, got {got}", help=cure), span
    )


@dataclass(frozen=True)
class Repeat(Stage):
    """`repeat(n, f, keep=false)`"""

    rounds: int
    stage: Stage
    keep: bool
    span: Span

    def __str__(self) -> str:
        return f"repeat({self.rounds}, {self.stage}{', keep=true' if self.keep else ''})"

    def apply(self, x: Tensors, place: Place, name: str | None = None) -> Tensors | Unknown:
        place = place if name is None else _scope(place, name)
        outermost = place.rounds is None
        if outermost:
            place.rounds = type(place.counts)()
        kept: list[Tensors] = [x]
        try:
            for _ in range(max(self.rounds, 1)):
                place.run.count()
                if self.rounds:
                    result = self.stage.apply(x, place)
                    if isinstance(result, Unknown):
                        return UNKNOWN
                    x = result
                    kept.append(x)
        except Refusal as refusal:
            raise place.failure(refusal, self.span) from None
        finally:
            if outermost:
                place.rounds = None
        return tuple(kept) if self.keep else x


@dataclass(frozen=True)
class NamedStage(Stage):
    """`f as conv1`, written where the name binds no tensor."""

    stage: Stage
    name: str
    span: Span

    def __str__(self) -> str:
        return str(self.stage)

    def apply(self, x: Tensors, place: Place, name: str | None = None) -> Tensors | Unknown:
        place = place if name is None else _scope(place, name)
        return self.stage.apply(x, place, place.chosen(self.name))


class Share(Stage):
    """`share tower = f`: one instance, named where it is declared, however often it is applied."""

    def __init__(self, name: str, stage: Stage, place: Place, span: Span):
        self.name, self.stage, self.place, self.span = name, stage, place, span
        self.ledger = Ledger(name, place.ledger, place.run)
        self.failed = False
        place.take(name)
        if stage.kind is not None:
            place.number(stage.kind)

    def __str__(self) -> str:
        return self.name

    def apply(self, x: Tensors, place: Place, name: str | None = None) -> Tensors | Unknown:
        """Weights are born where the share is declared, so neither this place nor an `as` names them."""
        if self.failed:
            raise Silenced
        # The declaring scope as the first application found it: numbers and names begin anew each time.
        home = Place(self.place.run, self.place.prefix, self.place.title, self.place.above, self.ledger, place.nesting)
        try:
            result = self.stage.apply(x, home, self.name)
            self.ledger.close()
        except Refusal as refusal:
            raise place.failure(refusal, self.span) from None
        except (Failure, Silenced):
            self.failed = not self.ledger.complete
            raise
        return result if isinstance(result, Unknown) else each(result, lambda tensor: tensor.after(self, x))


def _scope(place: Place, name: str) -> Place:
    """The weight scope that `as` opens around a pipe, a tuple or a `repeat`."""
    return place.inside(place.take(name))


def _gather(results: list[Tensors | Unknown]) -> Tensors | Unknown:
    return UNKNOWN if any(isinstance(r, Unknown) for r in results) else tuple(results)  # type: ignore[arg-type]
