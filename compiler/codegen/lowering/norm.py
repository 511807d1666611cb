"""Operators that look across channels or pixels before they scale: softmax and the normalisations."""

from __future__ import annotations

import numpy as np

from ...ir.region import Region
from ...ops.norm import Groupnorm, Instancenorm, Layernorm, Lrn
from ...ops.softmax import LogSoftmax, Softmax
from ..kernels import lrn, normalize, softmax
from ..kernels.epilogue import Epilogue
from ..program import Address, Kernel, Planner, Word, row_by_row
from .epilogue import param
from .reduce import positions


def lower_softmax(planner: Planner, region: Region) -> None:
    """In NCHW order, so that a vector holds neighbouring positions."""
    op = region.node.op
    assert isinstance(op, Softmax | LogSoftmax)
    seen = positions(region.operands[0], op.axis)
    kernel = softmax.Softmax(isinstance(op, LogSoftmax), across=seen["inner"] == 1)
    _in_order(planner, region, kernel, {**seen, "pitch": seen["count"] * seen["distance"]})


def lower_normalize(planner: Planner, region: Region) -> None:
    node, op, x = region.node, region.node.op, planner.operand(region.operands[0])
    plane = x.height * x.width
    words: dict[str, Word]
    if isinstance(op, Layernorm):
        kernel: Kernel = normalize.LayerNorm(op.eps)
        words = {"channels": x.channels, "positions": plane, "plane": 4 * plane}
    else:
        assert isinstance(op, Groupnorm | Instancenorm)
        groups = op.groups if isinstance(op, Groupnorm) else x.channels
        each = x.channels // groups
        kernel = normalize.GroupNorm(op.eps)
        words = {"groups": groups, "channels": each, "plane": plane, "size": each * plane}
    for word, role, neutral in (("scale", "weight", 1.0), ("shift", "bias", 0.0)):
        data = param(planner, node, role) if role in node.weights else np.full(x.channels, neutral, np.float32)
        words[word] = planner.constant(f"{node.name} {word}", data)
    _in_order(planner, region, kernel, words)


def _in_order(planner: Planner, region: Region, kernel: Kernel, words: dict[str, Word]) -> None:
    """A step from planar image to planar image, with copies around it where the values lie otherwise."""
    x, y = planner.planar(planner.operand(region.operands[0])), planner.result(region.node.output)
    flat = planner.beside(y)
    planner.step(kernel, words | {"input": Address(x), "output": Address(flat)}, [x], [flat])
    if flat.storage is not y.storage:
        planner.copy(flat, y, y.channels)


def lower_lrn(planner: Planner, region: Region) -> None:
    x, op = planner.operand(region.operands[0]), region.node.op
    assert isinstance(op, Lrn)
    if op.size > 2 * planner.lanes:
        positions = x.height * x.width
        words: dict[str, Word] = {"channels": x.channels, "positions": positions, "plane": 4 * positions}
        return _in_order(planner, region, lrn.WideLrn(op.size, op.alpha, op.beta, op.k), words)
    y = planner.result(region.node.output)
    kernel = lrn.Lrn(op.size, op.alpha, op.beta, op.k, Epilogue())
    planner.step(kernel, row_by_row(x, y) | {"channels": x.channels}, [x], [y])
