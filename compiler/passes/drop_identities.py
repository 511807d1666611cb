"""Nodes that give back what they are given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..ir.graph import Graph, Node
from .base import Pass

Test = Callable[[Any], bool]

# Operators that are the identity whenever their output has their operand's type. (Of `resize` every mode and every kind
# of coordinates puts output pixel i at place i.)
REARRANGING = frozenset({
    "identity", "dropout", "flatten", "reshape", "pad", "crop", "slice", "split", "concat", "resize", "upsample",
    "pixel_shuffle", "adaptive_avgpool", "global_avgpool", "global_maxpool", "sum", "mean",
})  # fmt: skip


def _beside(*numbers: float | None) -> Test:
    """One tensor, and on either side of it one of these or nothing."""
    return lambda op: {op.left, op.right} <= {None, *numbers}


# Operators whose attributes must say so too. A sum with 0 is none: it makes -0 a 0.
NEUTRAL: Mapping[str, Test] = {
    "maxpool": lambda op: op.kernel == (1, 1),
    "avgpool": lambda op: op.kernel == (1, 1),
    "transpose": lambda op: list(op.order) == sorted(op.order),
    "channel_shuffle": lambda op: op.n == 1,
    "scale": lambda op: op.k == 1,
    "normalize": lambda op: op.mean == 0 and op.std == 1,
    "add": _beside(),
    "mul": _beside(1),
    "sub": lambda op: op.left is None and op.right == 0,
    "div": lambda op: op.left is None and op.right == 1,
}


@dataclass(frozen=True)
class DropIdentities(Pass):
    """Let the readers of an identity read its operand; dropout is one outside training.

    a = x -> relu                     a = x -> relu
    b = a -> dropout(0.5)       =>    b = a -> dense(10) as "b"
    c = b -> flatten
    d = c -> dense(10) as "d"
    """

    def run(self, graph: Graph) -> Graph:
        graph = graph.copy()
        for node in graph.nodes():
            if _is_identity(graph, node):
                (operand,) = graph.operands(node)
                graph.replace_uses(node.output, operand)
                graph.remove([node])
        return graph


def _is_identity(graph: Graph, node: Node) -> bool:
    if [value.type for value in graph.operands(node)] != [value.type for value in node.outputs]:
        return False
    test = NEUTRAL.get(node.op.name)
    return test(node.op) if test is not None else node.op.name in REARRANGING
