"""Sums, means and places of the maximum, along any axis after the batch."""

from __future__ import annotations

from typing import Literal

from ...ir.region import Region
from ...ops.arithmetic import Mean, Sum
from ...ops.softmax import Argmax
from ..kernels.reduce import Reduce
from ..program import Address, Buffer, Planner, Word


def positions(x: Buffer, axis: int) -> dict[str, int]:
    """A planar image seen along an axis: positions before and after it, and the numbers along it."""
    sizes = (x.channels, x.height, x.width)
    inner = sizes[1] * sizes[2] if axis == 1 else sizes[2] if axis == 2 else 1
    outer = 1 if axis == 1 else sizes[0] if axis == 2 else sizes[0] * sizes[1]
    return {"outer": outer, "inner": inner, "count": sizes[axis - 1], "distance": 4 * inner}


def lower_reduce(planner: Planner, region: Region) -> None:
    op, output = region.node.op, region.node.output
    assert isinstance(op, Sum | Mean | Argmax)
    x = planner.planar(planner.operand(region.operands[0]))
    y = planner.result(output)
    flat = planner.beside(y)
    seen = positions(x, op.axis)
    words: dict[str, Word] = {
        "input": Address(x), "output": Address(flat), **seen,
        "input_outer": seen["count"] * seen["distance"], "output_outer": seen["distance"],
    }  # fmt: skip
    kinds: dict[type, Literal["sum", "mean", "argmax"]] = {Sum: "sum", Mean: "mean", Argmax: "argmax"}
    planner.step(Reduce(kinds[type(op)]), words, [x], [flat])
    if flat.storage is not y.storage:
        planner.copy(flat, y, y.channels)
