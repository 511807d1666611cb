"""Where weights are born: each application of a block is a place with a name, and numbers what is applied in it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...diagnostics import Diagnostic, Refusal, Span
from ...ir.operator import ParamSpec
from ...ir.structure import Input
from ...ir.types import AXES, BATCH, Dim, Type
from ..report import APPLICATION, Failure, Report, Silenced
from .tensors import Application, Called, Tensor, Trail, Wire

APPLICATIONS = 100_000
LETTERS = 500  # of a name that cost as much as an application
INPUTS = 1_000
NESTING = 64
ELEMENTS = 2**31 - 1
SHOWN = 8  # blocks that a message names on the way to where it is


def want_possible(what: str, type: Type) -> None:
    """Raises `Refusal` for a type with an empty axis, one that the batch decides, or too many elements; `what` begins
    the message."""
    if type.rank > AXES:
        raise Refusal("E0330", f"{what} a tensor of {type.rank:,} axes; {AXES} is the limit")
    elements = 1
    for axis, size in enumerate(type.shape):
        if isinstance(size, int):
            if size < 1:
                raise Refusal("E0312", f"{what} {type}, whose axis {axis} is empty")
            elements *= size
        elif axis and BATCH in size.letters():
            help = f"the batch {BATCH} is free: nothing may depend on it"
            raise Refusal("E0319", f"{what} {type}, whose axis {axis} depends on the batch", help=help)
    if elements > ELEMENTS:
        raise Refusal("E0330", f"{what} {type}: more than 2^31 - 1 elements for one image")


def elided(way: list[Any]) -> list[Any]:
    """The beginning and the end of a way that is too long to tell."""
    return way if len(way) <= SHOWN else [*way[: SHOWN // 2], "…", *way[-SHOWN // 2 :]]


class Run:
    """One model's elaboration. `free` lets size letters stay unbound (`cnnc check`); `sizes` binds them."""

    def __init__(self, report: Report, sizes: Mapping[str, int], free: bool):
        self.report = report
        self.sizes = sizes
        self.free = free
        self.inputs: list[Application] = []
        self.applications: list[Application] = []
        self.called: list[tuple[Wire, Called]] = []  # by scopes, one after the other
        self.lent: list[tuple[Place, range]] = []  # where shares are declared, and what applying them made
        self.recorded = 0  # applications that patterns hold
        self._weights: dict[str, Mapping[str, ParamSpec]] = {}  # by the path of what they belong to
        self._mixed: dict[str, set[str]] = {}  # and of which roles, where two things share a path

    def count(self, tensors: int = 1) -> None:
        """Count an application, by the tensors that it takes or gives, or a round of `repeat`; raises `Refusal`."""
        report = self.report
        told = report.applications > APPLICATIONS
        report.applications += tensors
        if told:
            raise Silenced
        if report.applications > APPLICATIONS:
            raise Refusal(
                "E0331",
                f"more than {APPLICATIONS:,} applications",
                help="each round of `repeat` counts; does a block double itself?",
            )
        report.spend(APPLICATION * tensors)

    def call(self, wire: Wire, called: Called) -> None:
        """A scope gives a tensor a name."""
        self.called.append((wire, called))
        wire.maker.call(wire.output, called)

    def claim(self, owner: str, weights: Mapping[str, ParamSpec]) -> None:
        """Weights are born, by their roles; raises `Refusal` where two would have one name, as dots in names allow."""
        if owner not in self._weights:
            self._weights[owner] = weights
            return
        roles = self._mixed.setdefault(owner, set(self._weights[owner]))
        for role in weights:
            if role in roles:
                message = f"two weights are called `{joined(owner, role)}`"
                raise Refusal("E0204", message, help="name one of the two with `as`")
        roles.update(weights)

    def add_input(self, name: str, type: Type, span: Span) -> Tensor:
        """An input of the model; raises `Refusal` beyond the limit."""
        if len(self.inputs) >= INPUTS:
            raise Refusal("E0331", f"more than {INPUTS:,} inputs")
        made = Application(Input(type.dtype), (), (type,), {}, span, name)
        self.inputs.append(made)
        return Tensor(Wire(made, 0), type, Trail(name, type))


class Ledger:
    """The weights of a share: its first application writes them down, later ones must ask for the same."""

    def __init__(self, name: str, above: Ledger | None, run: Run):
        self.name, self.above, self.run = name, above, run
        self.specs: dict[str, Mapping[str, ParamSpec]] = {}  # by the path of what they belong to
        self.complete = False
        self.asked: set[str | tuple[str, str]] = set()  # for all weights of a path, or that of a role

    def claim(self, owner: str, weights: Mapping[str, ParamSpec]) -> None:
        known = self.specs.get(owner)
        if not self.complete:
            (self.above or self.run).claim(owner, weights)
            self.specs[owner] = {**known, **weights} if known else weights
        elif known is weights:  # of the same stage, which remembers them
            self.asked.add(owner)
        else:
            for role, spec in weights.items():
                self._compare(joined(owner, role), (known or {}).get(role), spec)
                self.asked.add((owner, role))

    def _compare(self, name: str, known: ParamSpec | None, spec: ParamSpec) -> None:
        if known is None:
            raise Refusal("E0320", f"`{self.name}` is shared, but here it would need another weight, `{name}`")
        if known != spec:
            shapes = f"{_shape(known)} the first time and {_shape(spec)} here"
            help = "one set of weights fits tensors of the same shape only"
            raise Refusal("E0320", f"`{self.name}` is shared, but its weight `{name}` is {shapes}", help=help)

    def close(self) -> None:
        """An application is over; raises `Refusal` if it left out weights of the first one."""
        if self.complete:
            for owner, weights in self.specs.items():
                for role in () if owner in self.asked else weights:
                    if (owner, role) not in self.asked:
                        raise Refusal(
                            "E0320",
                            f"`{self.name}` is shared, but here it would not need its weight `{joined(owner, role)}`",
                        )
        self.complete = True
        self.asked.clear()


def joined(path: str, name: str) -> str:
    """The path of a name in a place, or of a weight; the model's own path is empty."""
    return f"{path}.{name}" if path else name


def _shape(spec: ParamSpec) -> str:
    return f"[{', '.join(map(str, spec.shape))}]"


@dataclass
class Place:
    """One application of a block, or the model itself.

    `prefix` begins the names of its weights ("" in the model). `title` is how messages call it; a place without one
    is a pipe that `as` named.
    """

    run: Run
    prefix: str = ""
    title: object = ""
    above: Place | None = None
    ledger: Ledger | None = None
    nesting: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    rounds: Counter[str] | None = None  # in a `repeat`: how often each `as` came by
    anew: Place | None = None  # that this one is, its numbers and names begun anew

    def number(self, kind: str) -> str:
        """`conv_2` for the second conv. What a named pipe numbers counts around it too: `as` renames nothing."""
        place = self
        place.counts[kind] = own = place.counts.get(kind, 0) + 1
        while not place.title and place.above is not None:
            place = place.above
            place.counts[kind] = place.counts.get(kind, 0) + 1
        return f"{kind}_{own}"

    def chosen(self, name: str) -> str:
        """The weights' name that an `as` gives here: `n`, or `n_1`, `n_2`, … in a `repeat`."""
        if self.rounds is None:
            return name
        self.rounds[name] += 1
        return f"{name}_{self.rounds[name]}"

    def take(self, name: str) -> str:
        """The path of a name that nothing else here may have."""
        if name in self.taken:
            message = f"two applications are called `{joined(self.prefix, name)}`"
            raise Refusal("E0204", message, help="choose another name with `as`")
        self.taken.add(name)
        path = joined(self.prefix, name)
        if len(path) >= LETTERS:
            self.run.count(len(path) // LETTERS)
        return path

    def want_weight(self, name: str, spec: ParamSpec) -> None:
        """Raises `Refusal` for a weight that is too large, or of a shape that the batch decides."""
        if math.prod(size for size in spec.shape if isinstance(size, int)) > ELEMENTS:
            raise Refusal("E0330", f"the weight `{name}` would have more than 2^31 - 1 elements: {_shape(spec)}")
        for size in spec.shape:
            if isinstance(size, Dim) and not (self.run.free and "N" not in size.letters()):
                raise Refusal("E0319", f"the weight `{name}` would have the shape {_shape(spec)}")

    def claim(self, owner: str, weights: Mapping[str, ParamSpec]) -> None:
        """Weights of these roles are born here; raises `Refusal` for a second of the same name."""
        (self.ledger or self.run).claim(owner, weights)

    def holds(self, place: Place) -> bool:
        """Whether a place is this one or within it."""
        inner: Place | None = place
        while inner is not None and (inner.anew or inner) is not self:
            inner = inner.above
        return inner is not None

    def inside(self, path: str, title: object = "", ledger: Ledger | None = None) -> Place:
        """The place of a block applied here; raises `Refusal` if blocks nest too deep."""
        nesting = self.nesting + bool(title)
        if nesting > NESTING:
            raise Refusal("E0332", f"blocks nest deeper than {NESTING}")
        return Place(self.run, path, title, self, ledger or self.ledger, nesting)

    def failure(self, refusal: Refusal, span: Span, notes: tuple[str, ...] = ()) -> Failure:
        """A refusal with its place in the source and the blocks that led there."""
        return Failure(refusal.at(span, (*notes, *self.way())))

    def note(self, code: str, message: str, span: Span) -> None:
        self.run.report.add(Diagnostic(code, message, span, notes=self.way(), severity="note"))

    def way(self) -> tuple[str, ...]:
        """`in ResNet50 -> trunk -> layer(bottleneck, 64, 3)`, if there is more than the model to tell."""
        titles, place = [], self
        while place is not None:
            titles.append(place.title)
            place = place.above
        titles = [str(title) for title in elided([title for title in reversed(titles) if title])]
        return (f"in {' -> '.join(titles)}",) if len(titles) > 1 else ()
