"""Operators that look across channels: softmax and local response normalization."""

from __future__ import annotations

from ...ir.region import Region
from ...ops.norm import Lrn
from ...schedule.schedule import Layout
from ..kernels import lrn, softmax
from ..kernels.epilogue import Epilogue
from ..program import Address, Buffer, Planner, Word


def lower_softmax(planner: Planner, region: Region) -> None:
    """In NCHW order, so that a vector holds neighbouring positions; a row of features is one position."""
    (value,), output = region.operands, region.node.output
    x, y = planner.operand(value), planner.result(output)
    kernel = softmax.Softmax(log=region.node.op.name == "log_softmax", across=value.type.rank == 2)
    source, target = x, y
    if not kernel.across:
        source, target = (Buffer(f"{b.name} planar", b.channels, b.height, b.width, Layout(1)) for b in (x, y))
        planner.copy(x, source, x.channels)
    words: dict[str, Word] = {
        "input": Address(source),
        "output": Address(target),
        "channels": x.channels,
        "positions": x.height * x.width,
        "plane": source.plane_bytes,
    }
    planner.step(kernel, words, [source], [target])
    if not kernel.across:
        planner.copy(target, y, x.channels)


def lower_lrn(planner: Planner, region: Region) -> None:
    x, y, op = planner.operand(region.operands[0]), planner.result(region.node.output), region.node.op
    assert isinstance(op, Lrn)
    words: dict[str, Word] = {
        "input": Address(x), "output": Address(y),
        "blocks": y.blocks, "rows": y.height, "columns": y.width, "channels": x.channels,
        "input_plane": x.plane_bytes, "input_row": x.row_bytes,
        "output_plane": y.plane_bytes, "output_row": y.row_bytes,
    }  # fmt: skip
    planner.step(lrn.Lrn(op.size, op.alpha, op.beta, op.k, Epilogue()), words, [x], [y])
