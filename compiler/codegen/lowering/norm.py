"""Operators that look across channels or pixels before they scale: softmax and the normalisations."""

from __future__ import annotations

import numpy as np

from ...ir.operator import Array, Operator
from ...ir.region import Region
from ...ops.norm import Groupnorm, Instancenorm, Layernorm, Lrn
from ...ops.softmax import LogSoftmax, Softmax
from ..buffer import Buffer
from ..kernels import lrn, normalize, softmax
from ..kernels.epilogue import Epilogue
from ..moves import row_by_row
from ..planner import Planner
from ..program import Address, Kernel, Word
from .epilogue import pack_tables, param
from .reduce import positions

_PIXELS = 3  # at a time, whose means and sums in double precision fit the registers of AVX2


def lower_softmax(planner: Planner, region: Region) -> None:
    """In NCHW order, so that a vector holds neighbouring positions."""
    op = region.node.op
    assert isinstance(op, Softmax | LogSoftmax)
    seen = positions(region.operands[0], op.axis)
    kernel = softmax.Softmax(isinstance(op, LogSoftmax), across=seen["inner"] == 1)
    _in_order(planner, region, kernel, {**seen, "pitch": seen["count"] * seen["distance"]})


def lower_normalize(planner: Planner, region: Region) -> None:
    op, x = region.node.op, planner.operand(region.operands[0])
    words: dict[str, Word]
    if x.layout.block > 1 and (kernel := _in_blocks(op, x)):
        y = planner.result(region.node.output)
        words = row_by_row(x, y)
        for word, table in _scale_and_shift(planner, region, x).items():
            packed = pack_tables([table], region.node.output, planner.lanes)
            words[word] = planner.constant(f"{region.node.name} {word}", packed)
        return planner.step(kernel, words, [x], [y])
    plane = x.height * x.width
    if isinstance(op, Layernorm):
        kernel = normalize.LayerNorm(op.eps)
        words = {"channels": x.channels, "positions": plane, "plane": 4 * plane}
    else:
        assert isinstance(op, Groupnorm | Instancenorm)
        groups = op.groups if isinstance(op, Groupnorm) else x.channels
        each = x.channels // groups
        kernel = normalize.GroupNorm(op.eps)
        words = {"groups": groups, "channels": each, "plane": plane, "size": each * plane}
    for word, table in _scale_and_shift(planner, region, x).items():
        words[word] = planner.constant(f"{region.node.name} {word}", table)
    _in_order(planner, region, kernel, words)


def _in_blocks(op: Operator, x: Buffer) -> Kernel | None:
    """The kernel that takes blocked images as they are, if there is one."""
    if isinstance(op, Instancenorm):
        return normalize.InstanceNorm(op.eps)
    if isinstance(op, Layernorm) and x.channels % x.layout.block == 0:
        return normalize.PixelNorm(op.eps, min(_PIXELS, x.width))
    return None


def _scale_and_shift(planner: Planner, region: Region, x: Buffer) -> dict[str, Array]:
    """What a normalisation has learned, a number a channel; ones and zeros if nothing."""
    node, roles = region.node, {"scale": ("weight", 1.0), "shift": ("bias", 0.0)}
    return {
        word: param(planner, node, role) if role in node.weights else np.full(x.channels, neutral, np.float32)
        for word, (role, neutral) in roles.items()
    }


def _in_order(planner: Planner, region: Region, kernel: Kernel, words: dict[str, Word]) -> None:
    """A step from planar image to planar image, with copies around it where the values lie otherwise."""
    x, y = planner.planar(planner.operand(region.operands[0])), planner.result(region.node.output)
    flat = y.beside()
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
