"""Batch normalisation as part of the layer beside it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from math import prod

import numpy as np

from ..ir.deferred import Deferred, Numbers
from ..ir.graph import Graph, Node, Param
from ..ir.operator import Array
from ..ir.text import prefix_of
from ..ir.types import Type
from ..ops.conv import Conv, ConvTranspose, Depthwise
from ..ops.dense import Dense
from .base import Pass

Layer = Conv | Depthwise | ConvTranspose | Dense


@dataclass(frozen=True)
class FoldBatchnorm(Pass):
    """Multiply a batchnorm into the weights of the layer before it.

        a = x -> conv(8, 3, bias=false) as "c"        a = x -> conv(8, 3) as "c"    # weights * scale, bias = shift
        b = a -> batchnorm as "n"               =>    y = a -> relu
        y = b -> relu

    Or of the layer after it, if that has no pad (the rim of zeros would have to be normalised too):

        b = x -> batchnorm as "n"               =>    y = x -> dense(10) as "d"     # bias + weights · shift
        y = b -> dense(10) as "d"

    Only where the value between them has no other reader and the weights are known; weights that other nodes use too
    are left to them, and the layer gets its own. The products are made in float64 and stored as float32.
    """

    def run(self, graph: Graph) -> Graph:
        graph = graph.copy()
        users = Counter(name for node in graph.nodes() for name in node.weights.values())
        shared = {name for name, count in users.items() if count > 1}
        for norm in graph.nodes("batchnorm"):
            if layer := _layer_before(graph, norm):
                _fold(graph, layer, norm, shared, first=False)
        for norm in reversed(graph.nodes("batchnorm")):
            if layer := _layer_after(graph, norm):
                _fold(graph, layer, norm, shared, first=True)
        return graph


def _layer_before(graph: Graph, norm: Node) -> Node | None:
    (value,) = graph.operands(norm)
    layer = graph.producer(value)
    return layer if isinstance(layer.op, Layer) and graph.sole_reader(value) is norm else None


def _layer_after(graph: Graph, norm: Node) -> Node | None:
    layer = graph.sole_reader(norm.output)
    if layer is None or not isinstance(layer.op, Conv | Depthwise | Dense):
        return None
    padded = not isinstance(layer.op, Dense) and any(layer.op.window(norm.output.type).pad)
    return None if padded else layer


def _fold(graph: Graph, layer: Node, norm: Node, shared: set[str], first: bool) -> None:
    """Put a batchnorm, which is applied `first` or last, into a layer, if the numbers are known and none overflows."""
    if not _known(graph, layer) or not _known(graph, norm):
        return
    if (weights := _folded(graph, layer, norm, first)) is None:
        return
    prefix = prefix_of(layer)
    if shared.intersection(layer.weights.values()) or (
        "bias" not in layer.weights and f"{prefix}.bias" in graph.params
    ):
        prefix = graph.fresh_prefix(prefix)
    names = {role: f"{prefix}.{role}" for role in weights}
    graph.params.update({names[role]: Param(Type("f32", data.shape), data=data) for role, data in weights.items()})
    literal = {"weight": None} if isinstance(layer.op, Conv) else {}
    op = replace(layer.op, bias=True, **literal)  # type: ignore[call-arg]
    operands = graph.operands(norm if first else layer)
    layer = graph.swap(layer, operands, op=op, weights=names, spans=layer.spans + norm.spans)
    if not first:
        graph.replace_uses(norm.output, layer.output)
    graph.remove([norm])


def _known(graph: Graph, node: Node) -> bool:
    return all(graph.params[name].data is not None for name in node.weights.values())


def _folded(graph: Graph, layer: Node, norm: Node, first: bool) -> dict[str, Numbers] | None:
    """The layer's weights with the batchnorm in them, if none overflows."""
    scale, shift = _affine(graph, norm)
    bias = _float64(graph, layer, "bias") if "bias" in layer.weights else np.zeros(layer.output.type.known[0])
    weight = graph.params[layer.weights["weight"]].data
    assert weight is not None
    kernels = _kernels(layer.op, np.asarray(weight))
    groups = len(kernels)
    with np.errstate(all="ignore"):
        if first:
            bias += (kernels * shift.reshape(groups, 1, -1, 1)).sum((2, 3)).reshape(-1)
            scale = scale.reshape(groups, 1, -1, 1)
        else:
            bias = bias * scale + shift
            scale = scale.reshape(groups, -1, 1, 1)
        bias = bias.astype(np.float32)
        if not (np.isfinite(bias).all() and _stays_finite(kernels, scale)):
            return None
    if isinstance(layer.op, ConvTranspose):
        scale = scale.swapaxes(1, 2)  # its rows are inputs
    return {"weight": Deferred(weight.shape, partial(_scaled, weight, scale)), "bias": bias}


def _stays_finite(kernels: Array, scale: Array) -> bool:
    """Whether all products are finite: the largest and the least number of those with one scale tell."""
    axes = tuple(axis for axis, size in enumerate(scale.shape) if size == 1)
    ends = kernels.max(axes, keepdims=True), kernels.min(axes, keepdims=True)
    return all(np.isfinite((end * scale).astype(np.float32)).all() for end in ends)


def _scaled(weight: Numbers, scale: Array, start: int, stop: int) -> Array:
    """Rows of a weight, by a scale for [groups, 1 or a group's rows, 1 or what a row has, 1]."""
    each = weight.shape[0] // len(scale)
    group, row = np.divmod(np.arange(start, stop), each)
    rows = weight[start:stop]
    made = np.empty((*rows.shape[:2], prod(rows.shape[2:])), np.float32)
    factors = scale[group, row if scale.shape[1] > 1 else 0]
    np.multiply(rows.reshape(made.shape), factors, out=made, casting="same_kind")  # in float64, part by part
    return made.reshape(rows.shape)


def _affine(graph: Graph, norm: Node) -> tuple[Array, Array]:
    """The batchnorm as x * scale + shift."""
    weight, bias, mean, variance = (
        _float64(graph, norm, role) for role in ("weight", "bias", "running_mean", "running_var")
    )
    with np.errstate(all="ignore"):
        scale = weight / np.sqrt(variance + norm.op.eps)  # type: ignore[attr-defined]
        return scale, bias - mean * scale


def _float64(graph: Graph, node: Node, role: str) -> Array:
    """A copy of a weight, to compute with."""
    return np.array(graph.params[node.weights[role]].data, np.float64)


def _kernels(op: object, weight: Array) -> Array:
    """A view of a layer's weight as [groups, outputs, inputs, taps]."""
    if isinstance(op, ConvTranspose):
        return weight.reshape(op.groups, weight.shape[0] // op.groups, weight.shape[1], -1).swapaxes(1, 2)
    groups = op.groups if isinstance(op, Conv) else len(weight) if isinstance(op, Depthwise) else 1
    return weight.reshape(groups, len(weight) // groups, weight.shape[1], -1)
