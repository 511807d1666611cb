"""Common subexpressions."""

from __future__ import annotations

from dataclasses import dataclass

from ..ir.graph import Graph, Node
from .base import Pass


@dataclass(frozen=True)
class ShareSubexpressions(Pass):
    """Compute once what two nodes compute alike: the same operator on the same operands with the same weights.

    a = x -> relu                     a = x -> relu
    b = x -> relu               =>    c = (a, a) -> add
    c = (a, b) -> add
    """

    def run(self, graph: Graph) -> Graph:
        graph = graph.copy()
        first: dict[object, Node] = {}
        for node in graph.nodes():
            if node.op.name == "input" or node.body is not None:
                continue
            what = node.op, tuple(v.name for v in graph.operands(node)), tuple(sorted(node.weights.items()))
            kept = first.setdefault(what, node)
            if kept is node:
                continue
            for old, new in zip(node.outputs, kept.outputs, strict=True):
                graph.replace_uses(old, new)
            graph.remove([node])
            first[what] = graph.swap(kept, spans=kept.spans + node.spans)
        return graph
