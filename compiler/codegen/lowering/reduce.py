"""Sums, means and places of the maximum, along any axis after the batch."""

from __future__ import annotations

import math
from typing import Literal

from ...ir.graph import Value
from ...ir.region import Region
from ...ops.arithmetic import Mean, Sum
from ...ops.softmax import Argmax
from ..kernels.reduce import Reduce
from ..planner import Planner
from ..program import Address, Word


def positions(x: Value, axis: int) -> dict[str, int]:
    """A planar tensor seen along an axis: positions before and after it, and the numbers along it."""
    sizes = x.type.known
    outer, inner = math.prod(sizes[: axis - 1]), math.prod(sizes[axis:])
    return {"outer": outer, "inner": inner, "count": sizes[axis - 1], "distance": 4 * inner}


def lower_reduce(planner: Planner, region: Region) -> None:
    op, output = region.node.op, region.node.output
    assert isinstance(op, Sum | Mean | Argmax)
    (value,) = region.operands
    x = planner.planar(planner.operand(value))
    y = planner.result(output)
    flat = y.beside()
    seen = positions(value, op.axis)
    words: dict[str, Word] = {
        "input": Address(x), "output": Address(flat), **seen,
        "input_outer": seen["count"] * seen["distance"], "output_outer": seen["distance"],
    }  # fmt: skip
    kinds: dict[type, Literal["sum", "mean", "argmax"]] = {Sum: "sum", Mean: "mean", Argmax: "argmax"}
    planner.step(Reduce(kinds[type(op)]), words, [x], [flat])
    if flat.storage is not y.storage:
        planner.copy(flat, y, y.channels)
