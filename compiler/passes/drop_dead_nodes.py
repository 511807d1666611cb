"""Dead code."""

from __future__ import annotations

from dataclasses import dataclass

from ..ir.graph import Graph
from .base import Pass


@dataclass(frozen=True)
class DropDeadNodes(Pass):
    """Remove what no output needs, and its weights. Inputs stay: they are the network's signature.

    a = x -> conv(8, 3) as "a"            a = x -> conv(8, 3) as "a"
    b = a -> conv(8, 3) as "b"      =>    output a
    output a
    """

    def run(self, graph: Graph) -> Graph:
        graph = graph.copy()
        needed = {value.name for value in graph.outputs.values()}
        dead = []
        for node in reversed(graph.nodes()):
            if node.op.name == "input" or any(value.name in needed for value in node.outputs):
                needed.update(value.name for value in graph.operands(node))
            else:
                dead.append(node)
        graph.remove(dead)
        graph.drop_unused_params()
        return graph
