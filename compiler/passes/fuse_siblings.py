"""Convolutions side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..ir.graph import Graph, Node, Param, Value
from ..ir.operator import Operator
from ..ir.text import prefix_of
from ..ir.types import Type
from ..ops.conv import Conv
from ..ops.shape import Split
from .base import Pass


@dataclass(frozen=True)
class FuseSiblings(Pass):
    """Make one convolution of those that read the same image through the same window, then split its channels.

        a = x -> conv(32, 1) as "a"             s = x -> conv(48, 1) as "a_siblings"
        b = x -> conv(16, 1) as "b"       =>    t = s -> relu
        y = a -> relu                           y, z = t -> split([32, 16])
        z = b -> relu

    It pays where the image is read from memory and the parts are views: each has a multiple of `block` channels. An
    activation that all have in common stays ahead of the split, where it can be fused. What a concat or the caller
    reads is left alone, for it is written in its place without a copy now.
    """

    block: int = 16

    def run(self, graph: Graph) -> Graph:
        graph = graph.copy()
        groups: dict[object, list[Node]] = {}
        for node in graph.nodes("conv"):
            if (key := self._key(graph, node)) is not None:
                groups.setdefault(key, []).append(node)
        for siblings in groups.values():
            if len(siblings) > 1:
                _fuse(graph, siblings)
        return graph

    def _key(self, graph: Graph, node: Node) -> object | None:
        """What siblings have in common; None for a convolution that has none."""
        op = node.op
        if not isinstance(op, Conv) or op.groups != 1 or op.weight is not None or op.channels % self.block:
            return None
        if any(graph.params[name].data is None for name in node.weights.values()):
            return None
        activation = _activation(graph, node)
        end = node.output if activation is None else activation.output
        if graph.is_output(end) or any(reader.op.name == "concat" for reader, _ in graph.readers(end)):
            return None
        (image,) = graph.operands(node)
        return image, replace(op, channels=1), None if activation is None else activation.op


def _activation(graph: Graph, node: Node) -> Node | None:
    """The elementwise operator without weights that alone reads a convolution."""
    reader = graph.sole_reader(node.output)
    alone = reader is not None and reader.op.scalar is not None and not reader.weights and reader.op.inputs == 1
    return reader if alone else None


def _fuse(graph: Graph, siblings: list[Node]) -> None:
    first, op = siblings[0], siblings[0].op
    assert isinstance(op, Conv)
    channels = [node.op.channels for node in siblings if isinstance(node.op, Conv)]
    spans = tuple(span for node in siblings for span in node.spans)
    last = _wide(graph, first, replace(op, channels=sum(channels)), graph.operands(first), first)
    last = graph.swap(last, weights=_joined_weights(graph, siblings), spans=spans)
    ends = siblings
    activations = [activation for node in siblings if (activation := _activation(graph, node))]
    if activations:
        last, ends = _wide(graph, activations[0], activations[0].op, last.outputs, first), activations
    split = Split(tuple(channels))
    types = split.infer(last.output.type)
    parts = tuple(Value(graph.fresh(f"{end.name}_part"), type) for end, type in zip(ends, types, strict=True))
    graph.add(Node(split, parts, spans=spans), last.outputs, before=first)
    for end, part in zip(ends, parts, strict=True):
        graph.replace_uses(end.output, part)
    graph.remove([*activations, *siblings])


def _wide(graph: Graph, model: Node, op: Operator, operands: tuple[Value, ...], before: Node) -> Node:
    """A node like one of a sibling's, for all of them."""
    type = op.infer(*(value.type for value in operands))
    assert isinstance(type, Type)
    value = Value(graph.fresh(f"{model.name}_siblings"), type)
    return graph.add(Node(op, (value,), model.weights, spans=model.spans), operands, before=before)


def _joined_weights(graph: Graph, siblings: list[Node]) -> dict[str, str]:
    prefix = graph.fresh_prefix(f"{prefix_of(siblings[0])}_siblings")
    names = {role: f"{prefix}.{role}" for role in siblings[0].weights}
    for role, name in names.items():
        numbers = np.concatenate([graph.params[node.weights[role]].data for node in siblings])  # type: ignore[misc]
        graph.params[name] = Param(Type("f32", numbers.shape), data=numbers)
    return names
