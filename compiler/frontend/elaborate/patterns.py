"""Patterns: what a block made of tensors of some types, so that it can be made again without running its text, which
would take five times as long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from ...diagnostics import Span
from ...ir.operator import Operator, ParamSpec
from ...ir.structure import Parameter
from ...ir.types import Type
from .nested import Group
from .place import APPLICATIONS, LETTERS, Place
from .tensors import Application, Called, Tensor, Tensors, Trail, Wire, leaves

Numbers: TypeAlias = "int | tuple[Numbers, ...]"


class Step(NamedTuple):
    """An application, with numbers for wires. `path` goes on from that of the block's place, if it is not that of a
    share from outside, declared in the place `lent`."""

    op: Operator
    operands: tuple[int, ...]
    types: tuple[Type, ...]
    weights: Mapping[str, ParamSpec]
    span: Span | None
    path: str
    lent: Place | None


class Naming(NamedTuple):
    """A name for a wire; in the block's place, if there is no other."""

    wire: int
    nesting: int
    place: Place | None
    name: str


@dataclass(frozen=True)
class Pattern:
    """Wires are numbered: those that arrive, then those of each step."""

    steps: tuple[Step, ...]
    claims: tuple[tuple[str, Mapping[str, ParamSpec]], ...]
    namings: tuple[Naming, ...]
    result: Numbers
    counted: int  # applications, as limits count them
    longest: int  # letters of a path

    def fits(self, place: Place) -> bool:
        """Whether no path becomes so long that it costs more than others."""
        return len(place.prefix) + self.longest < LETTERS

    def applied(self, x: Tensors, place: Place) -> Tensors:
        """What the block of this place makes of such tensors; raises `Refusal` as its text would."""
        run, prefix = place.run, place.prefix
        run.count(self.counted)
        for owner, weights in self.claims:
            place.claim(prefix + owner, weights)
        wires = [leaf.wire for leaf in leaves(x)]
        for op, operands, types, weights, span, path, lent in self.steps:
            if lent is None:
                path = prefix + path
            else:
                run.lent.append((lent, range(len(run.applications), len(run.applications) + 1)))
            made = Application(op, tuple([wires[k] for k in operands]), types, weights, span, path)
            run.applications.append(made)
            wires += [Wire(made, output) for output in range(len(types))]
        for wire, nesting, home, name in self.namings:
            run.call(wires[wire], Called(nesting, home or place, name))
        return _tensors(self.result, wires)


class Recorder:
    """Watches a block run on tensors in its place, to make a pattern of it."""

    def __init__(self, x: Tensors, place: Place):
        run = place.run
        self._place, self._arrived = place, [leaf.wire for leaf in leaves(x)]
        self._first, self._counted = len(run.applications), run.report.applications
        self._called, self._lent = len(run.called), len(run.lent)

    def pattern(self, result: Tensors) -> Pattern | None:
        """None where it would be too large, or paths are too long."""
        run, prefix = self._place.run, len(self._place.prefix)
        made = run.applications[self._first :]
        run.recorded += len(made)
        lent = self._shares()
        own = [one for k, one in enumerate(made) if k not in lent]
        longest = max([len(one.path) for one in own], default=0)
        if longest >= LETTERS or run.recorded > APPLICATIONS:
            return None
        numbers = self._numbers(made)
        steps = tuple([self._step(one, lent.get(k), numbers) for k, one in enumerate(made)])
        namings, counted = self._namings(numbers), run.report.applications - self._counted
        return Pattern(steps, self._claims(own), namings, _numbered(result, numbers), counted, longest - prefix)

    def _shares(self) -> dict[int, Place]:
        """Which of the applications shares from outside made, and where these are declared."""
        outside = [(home, made) for home, made in self._place.run.lent[self._lent :] if not self._place.holds(home)]
        return {k - self._first: home for home, made in outside for k in made}

    def _numbers(self, made: Sequence[Application]) -> dict[Wire, int]:
        numbers: dict[Wire, int] = {}
        for k, wire in enumerate(self._arrived):
            numbers.setdefault(wire, k)
        results = [Wire(one, output) for one in made for output in range(len(one.types))]
        return numbers | {wire: k for k, wire in enumerate(results, len(self._arrived))}

    def _step(self, one: Application, lent: Place | None, numbers: Mapping[Wire, int]) -> Step:
        operands = tuple([numbers[wire] for wire in one.operands])
        path = one.path if lent else one.path[len(self._place.prefix) :]
        return Step(one.op, operands, one.types, one.weights, one.span, path, lent)

    def _claims(self, own: Sequence[Application]) -> tuple[tuple[str, Mapping[str, ParamSpec]], ...]:
        """Each once, however often a share in the block applies what it belongs to."""
        claims = dict[object, tuple[str, Mapping[str, ParamSpec]]]()
        for one in own:
            owner, weights = one.path[len(self._place.prefix) :], one.weights
            if isinstance(one.op, Parameter):
                owner, _, role = owner.rpartition(".")
                weights = {role: weights["value"]}
            if weights:
                claims[owner, *weights] = owner, weights
        return tuple(claims.values())

    def _namings(self, numbers: Mapping[Wire, int]) -> tuple[Naming, ...]:
        """For each wire the name that goes before all others here."""
        found: dict[Wire, Called] = {}
        for wire, called in self._place.run.called[self._called :]:
            if wire not in found or called.nesting < found[wire].nesting:
                found[wire] = called
        return tuple([self._naming(numbers[wire], called) for wire, called in found.items() if wire in numbers])

    def _naming(self, wire: int, called: Called) -> Naming:
        nesting, place, name = called
        if not self._place.holds(place):
            return Naming(wire, nesting, place, name)
        inside = place.prefix[len(self._place.prefix) + 1 :]
        return Naming(wire, nesting, None, f"{inside}_{name}" if inside else name)


def sort_of(x: Tensors) -> object:
    """What a block can tell of tensors: their types, in tuples as they are, and which of them are the same."""
    if isinstance(x, Tensor):
        return x.type
    first: dict[Wire, int] = {}
    return _types(x), tuple([first.setdefault(leaf.wire, len(first)) for leaf in leaves(x)])


def _types(x: Tensors) -> object:
    return x.type if isinstance(x, Tensor) else tuple([_types(part) for part in x])


def _numbered(x: Tensors, numbers: Mapping[Wire, int]) -> Numbers:
    return numbers[x.wire] if isinstance(x, Tensor) else tuple([_numbered(part, numbers) for part in x])


def _tensors(numbers: Numbers, wires: Sequence[Wire]) -> Tensors:
    if isinstance(numbers, tuple):
        return Group([_tensors(part, wires) for part in numbers])
    wire = wires[numbers]
    return Tensor(wire, wire.type, Trail("", wire.type))
