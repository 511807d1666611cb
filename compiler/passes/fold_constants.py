"""What depends on no input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..interpreter import interpret
from ..ir.graph import Graph, Node, Param, Value, params_of
from ..ir.structure import Parameter
from ..ir.types import ints
from .base import Pass


@dataclass(frozen=True)
class FoldConstants(Pass):
    """Compute, once and in float64, what is made of parameters alone.

    param g: f32[8, 1, 1] = 0.0 as "g"         param h: f32[8, 1, 1] = 0.0 as "h"
    h: f32[8, 1, 1] = g * 2.0             =>   y = (x, h) -> mul
    y = (x, h) -> mul
    """

    def run(self, graph: Graph) -> Graph:
        graph = graph.copy()
        constants = _constants(graph)
        numbers = interpret(constants, {}, np.float64)
        for name, value in constants.outputs.items():
            weight, data = graph.fresh_prefix(name), numbers[name]
            data = data.astype(np.float32) if value.type.dtype == "f32" else data
            graph.params[weight] = Param(value.type, trained=False, data=data)
            _put(graph, value, weight)
        for node in reversed(constants.nodes()):
            if not graph.is_needed(node):
                graph.remove([node])
        return graph


def _put(graph: Graph, value: Value, weight: str) -> None:
    """A parameter in the place of a value, under its name if it is its node's only one."""
    made, op = graph.producer(value), Parameter(ints(value.type.shape), dtype=value.type.dtype)
    if len(made.outputs) == 1:
        graph.swap(made, (), op=op, weights={"value": weight}, body=None)
    else:
        new = Value(graph.fresh(value.name), value.type)
        graph.add(Node(op, (new,), {"value": weight}, spans=made.spans), before=made)
        graph.replace_uses(value, new)


def _constants(graph: Graph) -> Graph:
    """The part of a graph that depends on no input; its outputs are what the rest reads of it, parameters aside."""
    part = Graph(graph.name)
    part.params = graph.params
    known: set[str] = set()
    for node in graph.nodes():
        if _is_constant(graph, node, known):
            known.add(node.name)
            part.add(node, graph.operands(node))
    for node in part.nodes():
        for value in node.outputs if node.op.name != "param" else ():
            if graph.is_output(value) or any(to.name not in known for to, _ in graph.readers(value)):
                part.outputs[value.name] = value
    return part


def _is_constant(graph: Graph, node: Node, known: set[str]) -> bool:
    if any(graph.params[name].data is None for name in params_of(node)):
        return False
    operands = graph.operands(node)
    return all(graph.producer(value).name in known for value in operands) if operands else node.op.name == "param"
