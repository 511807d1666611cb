"""Multiply-accumulates of one image, as papers count them: those of weighted sums, nothing for the rest."""

from __future__ import annotations

from collections.abc import Callable
from itertools import starmap
from math import prod
from typing import Any

from cnnc.compiler.ir.graph import Graph, Node
from cnnc.compiler.ir.region import Region
from cnnc.compiler.ir.types import Type
from cnnc.compiler.ops.conv import Conv, Depthwise
from cnnc.compiler.schedule.schedule import WINOGRAD, Choice
from cnnc.compiler.schedule.tiles import folding, tiles

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
    """The multiply-accumulates that are left to do by the chosen algorithm: without its transforms, and without the
    taps that fall on padding."""
    region, whole = Region.of(graph, node), macs(graph, node)
    if region.anchor is None or not isinstance(region.anchor.op, Conv | Depthwise):
        return whole
    op, (x,), (channels, height, width) = region.anchor.op, region.operands, region.anchor.output.type.known
    window = op.window(x.type)
    if choice.algorithm in WINOGRAD:
        assert isinstance(op, Conv)
        filtering = WINOGRAD[choice.algorithm]
        count = len(tiles(window, height, width, filtering.outputs))
        inside = x.type.known[0] // op.groups * folding(window, filtering) ** 2
        return count * filtering.size**2 * channels * inside
    axes = zip(x.type.known[1:], (height, width), op.kernel, op.stride, op.dilation, window.sides[:2], strict=True)
    return whole * prod(starmap(_inside, axes)) // (height * width * prod(op.kernel))


def _inside(size: int, outputs: int, taps: int, stride: int, dilation: int, pad: int) -> int:
    """Along one axis: of all outputs' taps, those that find a pixel."""
    places = (o * stride - pad + t * dilation for o in range(outputs) for t in range(taps))
    return sum(0 <= place < size for place in places)
