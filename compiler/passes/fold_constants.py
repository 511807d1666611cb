"""What depends on no input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..interpreter import interpret
from ..ir.graph import Graph, Node, Param
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
            weight = graph.fresh_prefix(name)
            graph.params[weight] = Param(value.type, trained=False, data=numbers[name].astype(np.float32))
            graph.swap(graph.producer(value), (), op=Parameter(ints(value.type.shape)), weights={"value": weight})
        for node in reversed(constants.nodes()):
            if not graph.is_needed(node):
                graph.remove([node])
        return graph


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
        leaves = graph.is_output(node.output) or any(to.name not in known for to, _ in graph.readers(node.output))
        if node.op.name != "param" and leaves:
            part.outputs[node.name] = node.output
    return part


def _is_constant(graph: Graph, node: Node, known: set[str]) -> bool:
    if any(graph.params[name].data is None for name in node.weights.values()):
        return False
    operands = graph.operands(node)
    if not operands:
        return node.op.name == "param"
    one_tensor = len(node.outputs) == 1 and node.output.type.dtype == "f32" and node.body is None
    return one_tensor and all(value.name in known for value in operands)
