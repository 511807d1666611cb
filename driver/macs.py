"""Multiply-accumulates of one image, as papers count them: those of weighted sums, nothing for the rest."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from cnnc.compiler.ir.graph import Graph, Node
from cnnc.compiler.ir.types import Type

# Per operator: its record, the type it reads and the type it gives. Taps that fall on padding count.
_RULES: dict[str, Callable[[Any, Type, Type], int]] = {
    "conv": lambda op, x, y: prod(y.known) * prod(op.kernel) * x.known[0] // op.groups,
    "depthwise": lambda op, x, y: prod(y.known) * prod(op.kernel),
    "conv_transpose": lambda op, x, y: prod(x.known) * prod(op.kernel) * op.channels // op.groups,
    "dense": lambda op, x, y: x.known[0] * op.units,
}


def macs(graph: Graph, node: Node) -> int:
    """The multiply-accumulates of a node; those of all its parts where it is a fused region."""
    if node.body is not None:
        return sum(macs(node.body, inner) for inner in node.body.nodes())
    rule = _RULES.get(node.op.name)
    return rule(node.op, graph.operands(node)[0].type, node.output.type) if rule else 0
