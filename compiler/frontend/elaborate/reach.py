"""From what was applied to a `Graph`: what no output reaches is dropped, with its weights, and values get names."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...ir.graph import Graph, Node, Param, Value
from ...ir.operator import REGISTRY, ParamSpec
from ...ir.types import Type
from ..syntax.words import RESERVED
from .place import Run
from .tensors import Application, Wire


def reached(run: Run, outputs: Iterable[Wire]) -> list[Application]:
    """What was applied and some output needs, in order."""
    needed = {wire.maker for wire in outputs}
    found = []
    for made in reversed(run.applications):
        if made in needed:
            found.append(made)
            for wire in made.operands:
                needed.add(wire.maker)
    return found[::-1]


def to_graph(name: str, run: Run, outputs: dict[str, Wire]) -> Graph:
    """The graph of the outputs. Inputs keep their names; of the other values, those with the same name are numbered."""
    graph = Graph(name)
    names = Names(made.path for made in run.inputs)
    values: dict[Wire, Value] = {}
    params: dict[int, Param] = {}
    for made in run.inputs:
        value = Value(made.path, made.types[0])
        values[Wire(made, 0)] = graph.add_input(value, made.op, _spans(made))
    for made in reached(run, outputs.values()):
        own = tuple([Value(names.fresh(n), t) for n, t in zip(made.names(), made.types, strict=True)])
        for i, value in enumerate(own):
            values[Wire(made, i)] = value
        weights = {role: made.weight(role) for role in made.weights}
        graph.add(Node(made.op, own, weights, spans=_spans(made)), [values[wire] for wire in made.operands])
        for role, spec in made.weights.items():
            if id(spec) not in params:  # a stage asks for the same ones whenever it is applied
                params[id(spec)] = param_of(spec)
            graph.params[weights[role]] = params[id(spec)]
    graph.outputs = {name: values[wire] for name, wire in outputs.items()}
    return graph


def param_of(spec: ParamSpec) -> Param:
    """A weight of a graph as its operator wants it."""
    return Param(Type("f32", spec.shape), spec.trained, spec.start, spec.data() if spec.data else None)


def _spans(made: Application) -> tuple:
    return (made.span,) if made.span else ()


class Names:
    """Names for values: identifiers, each once, and none that the language or an operator has."""

    def __init__(self, taken: Iterable[str]):
        self._taken = {*taken, *RESERVED, *REGISTRY, "N"}
        self._counts: dict[str, int] = {}

    def fresh(self, wanted: str) -> str:
        plain = wanted.isascii() and wanted.isidentifier()
        base = wanted if plain else re.sub(r"[^A-Za-z0-9_]", "_", wanted)
        base = f"_{base}" if base[:1].isdigit() or not base else base
        name, k = base, self._counts.get(base, 1)
        while name in self._taken:
            k += 1
            name = f"{base}_{k}"
        self._counts[base] = k
        self._taken.add(name)
        return name
