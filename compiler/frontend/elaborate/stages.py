"""Stages: recipes from tensors to tensors. They own no weights; a place gives them fresh ones at each application."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ...diagnostics import Refusal, Span
from ...ir.kinds import shortened
from ...ir.operator import Operator, ParamSpec
from ...ir.types import BATCH, Type, Undecided, assuming
from ..report import INFERENCE, UNKNOWN, Failure, Silenced, Unknown
from .nested import Group, held, levels_of
from .place import Ledger, Place, want_possible
from .tensors import Application, Tensor, Tensors, Trail, Wire, describe, each, leaves

MET = 64  # types of operands that a stage remembers


class Stage:
    """Something that an arrow can apply. Those of one operator or block are numbered by its name, their `kind`."""

    @property
    def kind(self) -> str | None:
        return None

    levels: int = 1  # of stages inside one another

    def pieces(self) -> Iterator[str]:
        """Its text, bit by bit."""
        yield str(self)

    def __str__(self) -> str:
        return shortened(self)

    def apply(self, x: Tensors, place: Place, name: str | None = None) -> Tensors | Unknown:
        """The result for `x`; weights are born in `place`, called `name.*` if there is one. Raises `Failure`."""
        raise NotImplementedError


@dataclass(frozen=True)
class Effect:
    """What an operator makes of operands of some types: those of its outputs, and weights by their roles.

    `plain` where messages may leave it out: it changes no shape.
    """

    outputs: tuple[Type, ...]
    weights: Mapping[str, ParamSpec]
    plain: bool


@dataclass(frozen=True)
class OperatorStage(Stage):
    """An operator with its attributes bound. It remembers what it gives for types that it has met."""

    op: Operator
    span: Span
    _met: dict[tuple[Type, ...], Effect] = field(default_factory=dict, init=False, compare=False, repr=False)

    @property
    def kind(self) -> str:
        return self.op.name

    def __str__(self) -> str:
        return str(self.op)

    def apply(self, x: Tensors, place: Place, name: str | None = None) -> Tensors | Unknown:
        op = self.op
        operands: tuple[Tensor, ...] = ()
        try:
            place.run.count(max(held(x), 1) if isinstance(x, tuple) else 1)
            operands = self._operands(x)
            own = place.number(op.name)
            path = place.take(name or own)
            types = tuple([operand.type for operand in operands])
            effect = self._met.get(types)
            if effect is None:
                effect = self._effect(types, path, place)
                if len(self._met) == MET:
                    self._met.clear()
                self._met[types] = effect
            if len(effect.outputs) > 1:
                place.run.count(len(effect.outputs) - 1)
            if effect.weights:
                place.claim(path, effect.weights)
        except Refusal as refusal:
            raise place.failure(refusal, self.span, self._trails(operands)) from None
        except Undecided as undecided:
            _undecided(undecided, place, self.span)
            return UNKNOWN
        wires = tuple([operand.wire for operand in operands])
        made = Application(op, wires, effect.outputs, effect.weights, self.span, path)
        place.run.applications.append(made)
        before = operands[0].trail if operands else None
        results = [
            Tensor(Wire(made, i), output, Trail(op, output, before, effect.plain))
            for i, output in enumerate(effect.outputs)
        ]
        return tuple(results) if op.outputs is None else results[0]

    def _operands(self, x: Tensors) -> tuple[Tensor, ...]:
        op = self.op
        if op.inputs == 1:
            if isinstance(x, tuple):
                raise Refusal(
                    "E0309",
                    f"`{op.name}` takes one tensor, got the tuple {describe(x)}",
                    help="a list fans out: chain stages with `->`, or join what they give with concat or add",
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

    def _effect(self, types: tuple[Type, ...], path: str, place: Place) -> Effect:
        """What comes of operands of these types; raises `Refusal` or `Undecided`."""
        op = self.op
        place.run.report.spend(INFERENCE)
        inferred = _inferred(op, types, place, self.span)
        outputs = inferred if isinstance(inferred, tuple) else (inferred,)
        for output in outputs:
            want_possible(f"`{op.name}` would give", output)
        weights = op.params(*types)
        for role, spec in weights.items():
            place.want_weight(f"{path}.{role}", spec)
        return Effect(outputs, weights, op.inputs == 1 and op.scalar is not None and not op.attrs)

    def _trails(self, operands: tuple[Tensor, ...]) -> tuple[str, ...]:
        if len(operands) == 1:
            return (f"shapes: {operands[0].trail.with_shapes()}",)
        if len(operands) == 2:
            left, right = operands
            return f"left:  {left.trail}", f"right: {right.trail}"
        return tuple(f"operand {k}: {operand.trail}" for k, operand in enumerate(operands[:8]))


def _inferred(op: Operator, types: tuple[Type, ...], place: Place, span: Span) -> Type | tuple[Type, ...]:
    """What an operator gives; where letters are free, with a note of what it takes for granted."""
    if not place.run.free:
        return op.infer(*types)
    with assuming() as conditions:
        inferred = op.infer(*types)
    if conditions:
        place.note("E0318", f"`{op.name}` fits only if {' and '.join(dict.fromkeys(conditions))}", span)
    return inferred


def _undecided(undecided: Undecided, place: Place, span: Span) -> None:
    """A question about sizes without an answer: a note where letters are free, else an error."""
    if not place.run.free or undecided.of_batch:
        help = f"the batch {BATCH} is free: nothing may depend on it"
        raise place.failure(Refusal("E0319", f"not known while compiling: {undecided.question}", help=help), span)
    place.note("E0318", f"depends on {undecided.question}, which is not known before the sizes are", span)


class Composite(Stage):
    """A stage of others; raises `Refusal` where they nest too deep."""

    @property
    def parts(self) -> tuple[Stage, ...]:
        raise NotImplementedError

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", levels_of("stages", self.parts))


@dataclass(frozen=True)
class Sequence(Composite):
    """`f -> g`"""

    stages: tuple[Stage, ...]

    @property
    def parts(self) -> tuple[Stage, ...]:
        return self.stages

    def pieces(self) -> Iterator[str]:
        return _joined("", self.stages, " -> ", "")

    def apply(self, x: Tensors, place: Place, name: str | None = None) -> Tensors | Unknown:
        place = place if name is None else _scope(place, name)
        for stage in self.stages:
            result = stage.apply(x, place)
            if isinstance(result, Unknown):
                return UNKNOWN
            x = result
        return x


@dataclass(frozen=True)
class FanOut(Composite):
    """`[f, g]`"""

    stages: tuple[Stage, ...]
    span: Span

    @property
    def parts(self) -> tuple[Stage, ...]:
        return self.stages

    def pieces(self) -> Iterator[str]:
        return _joined("[", self.stages, ", ", "]")

    def apply(self, x: Tensors, place: Place, name: str | None = None) -> Tensors | Unknown:
        place = place if name is None else _scope(place, name)
        return gather([stage.apply(x, place) for stage in self.stages], place, self.span)


@dataclass(frozen=True)
class Parallel(Composite):
    """`(f, g)`"""

    stages: tuple[Stage, ...]
    span: Span

    @property
    def parts(self) -> tuple[Stage, ...]:
        return self.stages

    def pieces(self) -> Iterator[str]:
        return _joined("(", self.stages, ", ", ")")

    def apply(self, x: Tensors, place: Place, name: str | None = None) -> Tensors | Unknown:
        place = place if name is None else _scope(place, name)
        parts = parallel_parts(x, len(self.stages), place, self.span)
        return gather([s.apply(part, place) for s, part in zip(self.stages, parts, strict=True)], place, self.span)


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
class Repeat(Composite):
    """`repeat(n, f, keep=false)`"""

    rounds: int
    stage: Stage
    keep: bool
    span: Span

    @property
    def parts(self) -> tuple[Stage, ...]:
        return (self.stage,)

    def pieces(self) -> Iterator[str]:
        return _joined(f"repeat({self.rounds}, ", (self.stage,), "", ", keep=true)" if self.keep else ")")

    def apply(self, x: Tensors, place: Place, name: str | None = None) -> Tensors | Unknown:
        place = place if name is None else _scope(place, name)
        outermost = place.rounds is None
        if outermost:
            place.rounds = Counter()
        kept: list[Tensors | Unknown] = [x]
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
        return gather(kept, place, self.span) if self.keep else x


@dataclass(frozen=True)
class NamedStage(Composite):
    """`f as conv1`, written where the name binds no tensor."""

    stage: Stage
    name: str
    span: Span

    @property
    def parts(self) -> tuple[Stage, ...]:
        return (self.stage,)

    def pieces(self) -> Iterator[str]:
        return self.stage.pieces()

    def apply(self, x: Tensors, place: Place, name: str | None = None) -> Tensors | Unknown:
        try:
            place = place if name is None else _scope(place, name)
            return self.stage.apply(x, place, place.chosen(self.name))
        except Refusal as refusal:
            raise place.failure(refusal, self.span) from None


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
        there = self.place
        home = Place(place.run, there.prefix, there.title, there.above, self.ledger, place.nesting, anew=there)
        applications = place.run.applications
        first = len(applications)
        try:
            result = self.stage.apply(x, home, self.name)
            self.ledger.close()
        except Refusal as refusal:
            ways = tuple(f"applied to {part.trail}" for part in leaves(x))
            raise place.failure(refusal, self.span, ways) from None
        except (Failure, Silenced):
            self.failed = not self.ledger.complete
            raise
        finally:
            place.run.lent.append((self.place, range(first, len(applications))))
        return result if isinstance(result, Unknown) else each(result, lambda tensor: tensor.after(self, x))


def _joined(opened: str, stages: tuple[Stage, ...], between: str, closed: str) -> Iterator[str]:
    yield opened
    for k, stage in enumerate(stages):
        if k:
            yield between
        yield from stage.pieces()
    yield closed


def _scope(place: Place, name: str) -> Place:
    """The weight scope that `as` opens around a pipe, a tuple or a `repeat`."""
    return place.inside(place.take(name))


def gather(results: list[Tensors | Unknown], place: Place, span: Span) -> Tensors | Unknown:
    """The tuple of several results; raises `Failure` for one that holds too much."""
    try:
        return UNKNOWN if UNKNOWN in results else Group(results)
    except Refusal as refusal:
        raise place.failure(refusal, span) from None
