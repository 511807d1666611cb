"""Padding as part of a convolution."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..ir.graph import Graph, Node
from ..ops.conv import Conv, Depthwise
from ..ops.shape import Pad
from .base import Pass


@dataclass(frozen=True)
class MergePads(Pass):
    """Move a rim of zeros into the convolution that reads it. A `same` becomes the numbers it stood for.

        a = x -> pad(1)                   b = x -> conv(8, 3, pad=1) as "b"
        b = a -> conv(8, 3) as "b"  =>

    The pad stays where others read it too.
    """

    def run(self, graph: Graph) -> Graph:
        graph = graph.copy()
        for node in graph.nodes("conv", "depthwise"):
            while (merged := _merged(graph, node)) is not None:
                pad = graph.producer(*graph.operands(node))
                node = graph.swap(node, graph.operands(pad), op=merged, spans=pad.spans + node.spans)
                if not graph.is_needed(pad):
                    graph.remove([pad])
        return graph


def _merged(graph: Graph, node: Node) -> Conv | Depthwise | None:
    """The convolution with the pad before it inside, if there is one of zeros."""
    (padded,) = graph.operands(node)
    pad = graph.producer(padded).op
    if (
        not isinstance(node.op, Conv | Depthwise)
        or not isinstance(pad, Pad)
        or pad.mode != "zero"
        or isinstance(pad.size, str)
    ):
        return None
    sides = tuple(a + b for a, b in zip(pad.size, node.op.window(padded.type).pad, strict=True))
    return replace(node.op, pad=sides)
