"""A node as one kernel sees it: an anchor, if there is one, then elementwise operators."""

from __future__ import annotations

from dataclasses import dataclass

from .graph import Graph, Node, Value
from .structure import Fused, Input


@dataclass(frozen=True)
class Region:
    """`operands` are the anchor's, as values of the outer graph; `tail` pairs each elementwise node with its operands,
    as values of the body; `outer` tells which value of the outer graph a body's input is."""

    node: Node
    anchor: Node | None
    operands: tuple[Value, ...]
    tail: tuple[tuple[Node, tuple[Value, ...]], ...]
    outer: dict[str, Value]

    @staticmethod
    def of(graph: Graph, node: Node) -> Region:
        operands = graph.operands(node)
        if not isinstance(node.op, Fused):
            if node.op.scalar is None:
                return Region(node, node, operands, (), {})
            return Region(node, None, (), ((node, operands),), {value.name: value for value in operands})
        assert node.body is not None
        body = node.body
        outer = {inside.name: outside for inside, outside in zip(body.inputs, operands, strict=True)}
        nodes = [inner for inner in body.nodes() if not isinstance(inner.op, Input)]
        anchor = nodes[0] if nodes[0].op.scalar is None else None
        tail = tuple((inner, body.operands(inner)) for inner in nodes if inner is not anchor)
        taken = tuple(outer[value.name] for value in body.operands(anchor)) if anchor else ()
        return Region(node, anchor, taken, tail, outer)

    @property
    def extras(self) -> tuple[Value, ...]:
        """What the tail reads from outside, each value once, in order."""
        read = dict.fromkeys(value.name for _, operands in self.tail for value in operands if value.name in self.outer)
        return tuple(self.outer[name] for name in read)
