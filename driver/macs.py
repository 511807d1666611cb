"""Multiply-accumulates of one image, as papers count them: those of weighted sums, nothing for the rest."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from cnnc.compiler.ir.graph import Graph, Node
from cnnc.compiler.ir.region import Region
from cnnc.compiler.ir.types import Type
from cnnc.compiler.ops.conv import Conv
from cnnc.compiler.schedule.schedule import WINOGRAD, Choice
from cnnc.compiler.schedule.tiles import TAPS, tiles

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


def performed(graph: Graph, node: Node, choice: Choice) -> int:
    """The multiply-accumulates that are left to do by the chosen algorithm, without its transforms."""
    if choice.algorithm not in WINOGRAD:
        return macs(graph, node)
    region, outputs = Region.of(graph, node), WINOGRAD[choice.algorithm]
    (x,), (channels, height, width) = region.operands, node.output.type.known
    assert region.anchor is not None and isinstance(region.anchor.op, Conv)
    count = len(tiles(region.anchor.op.window(x.type), height, width, outputs))
    return count * (outputs + TAPS - 1) ** 2 * channels * x.type.known[0] // region.anchor.op.groups
