"""Regions: what one kernel computes before it stores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..ir.graph import Graph, Node, Value
from ..ir.structure import Fused, Input
from ..ir.types import Type
from .base import Pass

ANCHORS = frozenset({
    "conv", "depthwise", "conv_transpose", "dense",
    "maxpool", "avgpool", "adaptive_avgpool", "global_avgpool", "global_maxpool",
})  # fmt: skip


MOST = 64  # nodes of a region, whose kernel should not grow without end


@dataclass(frozen=True)
class FuseEpilogues(Pass):
    """Make one region of a layer and the elementwise operators after it, or of elementwise operators alone.

                                                  block a_region {
                                                    input x: …
        a = x -> conv(8, 3) as "a"                  input s: …
        b = (a, s) -> add                   =>      a = x -> conv(8, 3) as "a"
        y = b -> relu                               b = (a, s) -> add
                                                    y = b -> relu
                                                    output y
                                                  }
                                                  y = (x, s) -> a_region

    A region has at most one anchor, its first node, and one value that is seen outside, its last node's; and no more
    than 64 nodes. All its values have the shape of that one. What it reads beside the anchor's operands has that shape
    too, or one number a channel, or is a single number. Of two layers that an `add` joins, the later one is the anchor.
    Bytes are read only where a region is a chain of operators of one operand: they lie in memory as the caller gave
    them.
    """

    def run(self, graph: Graph) -> Graph:
        graph = graph.copy()
        nodes = graph.nodes()
        order = {node.name: place for place, node in enumerate(nodes)}
        anchors = _anchors(graph, nodes, order)
        taken: set[str] = set()
        for last in reversed(nodes):
            if last.name in taken or not _is_elementwise(graph, last):
                continue
            region = _Region(graph, last, anchors)
            while candidates := list(region.candidates()):
                region.absorb(max(candidates, key=lambda node: order[node.name]))
            taken.update(region.members)
            if len(region.members) > 1:
                region.outline(order)
        return graph


def _is_elementwise(graph: Graph, node: Node) -> bool:
    """An operator on single elements whose operands a kernel can read beside its own result."""
    operands = graph.operands(node)
    return node.op.scalar is not None and all(_fits(value.type, node.output.type) for value in operands)


def _fits(operand: Type, result: Type) -> bool:
    """The same shape, one number a channel, or a single number."""
    shape = (1,) * (result.rank - operand.rank) + operand.shape
    if shape == result.shape or all(size == 1 for size in shape):
        return True
    rest = all(size == 1 for size in shape[2:])
    return shape[0] in (1, result.shape[0]) and shape[1:2] == result.shape[1:2] and rest


def _anchors(graph: Graph, nodes: list[Node], order: dict[str, int]) -> dict[str, str]:
    """For anchors themselves, and for each elementwise node at the end of a chain from one, that anchor."""
    anchors: dict[str, str] = {}
    for node in nodes:
        if node.op.name in ANCHORS:
            anchors[node.name] = node.name
        elif _is_elementwise(graph, node):
            chains = [
                graph.producer(value).name
                for value in graph.operands(node)
                if _may_stay_inside(value, node.output) and graph.sole_reader(value) is node
            ]
            if chains := [name for name in chains if name in anchors]:
                anchors[node.name] = anchors[max(chains, key=order.__getitem__)]
    return anchors


def _may_stay_inside(value: Value, last: Value) -> bool:
    """Whether a value can live in a register until the region's last is made of it."""
    return value.type.shape == last.type.shape and value.type.dtype == "f32"


class _Region:
    """A region that grows upwards from its last node. `anchor` is the one it has, or will have."""

    def __init__(self, graph: Graph, last: Node, anchors: dict[str, str]):
        self.graph, self.last, self.anchors = graph, last, anchors
        self.members: dict[str, Node] = {}
        self.anchor: str | None = None
        self._readers: set[str] = set()  # the elementwise members
        self._read: dict[Value, None] = {}  # by them, from outside
        self._is_chain = True
        self.absorb(last)

    def candidates(self) -> Iterator[Node]:
        """Nodes whose value only the region's elementwise nodes read, and whose anchor is no other one."""
        for value in self._read if len(self.members) < MOST else ():
            node = self.graph.producer(value)
            if self.graph.is_output(value):
                continue
            anchor = self.anchors.get(node.name)
            if (
                (node.op.name in ANCHORS or _is_elementwise(self.graph, node))
                and (anchor is None or self.anchor in (None, anchor))
                and (self._is_chain or not self._reads_bytes(node))
                and _may_stay_inside(value, self.last.output)
                and all(reader.name in self._readers for reader, _ in self.graph.readers(value))
            ):
                yield node

    def _reads_bytes(self, node: Node) -> bool:
        return any(value.type.dtype != "f32" for value in self.graph.operands(node))

    def absorb(self, node: Node) -> None:
        operands = self.graph.operands(node)
        self.members[node.name] = node
        self.anchor = self.anchor or self.anchors.get(node.name)
        self._is_chain = self._is_chain and len(operands) == 1
        for value in node.outputs:
            self._read.pop(value, None)
        if node.op.name not in ANCHORS:
            self._readers.add(node.name)
            self._read |= dict.fromkeys(operands)

    def outline(self, order: dict[str, int]) -> None:
        """Put one fused node in the place of the members."""
        graph = self.graph
        nodes = sorted(self.members.values(), key=lambda node: (node.name != self.anchor, order[node.name]))
        body = Graph(f"{nodes[0].name}_region")
        read = dict.fromkeys(value for node in nodes for value in graph.operands(node))
        inputs = [value for value in read if graph.producer(value).name not in self.members]
        for value in inputs:
            body.add_input(value, Input(value.type.dtype))
        for node in nodes:
            body.add(node, graph.operands(node))
        body.outputs = {self.last.name: self.last.output}
        spans = tuple(dict.fromkeys(span for node in nodes for span in node.spans))
        graph.swap(self.last, inputs, op=Fused(), weights={}, body=body, spans=spans)
        graph.remove(node for node in nodes if node is not self.last)
