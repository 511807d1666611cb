"""Pooling: sliding windows, nearly equal parts, and the whole image as one window."""

from __future__ import annotations

from ...ir.region import Region
from ...ops.pool import AdaptiveAvgpool, AvgPool, GlobalAvgpool, MaxPool
from ..kernels.pool import Pool
from ..program import Planner, Word, row_by_row
from .epilogue import epilogue

_PIXELS = 8  # sums at a time: enough to hide an addition behind the others


def lower_pool(planner: Planner, region: Region) -> None:
    node = region.anchor
    assert node is not None
    tail, words, reads = epilogue(planner, region)
    x, y = planner.operand(region.operands[0]), planner.result(region.node.output)
    op, adaptive = node.op, isinstance(node.op, AdaptiveAvgpool)
    kernel, stride, pad, dilation = (x.height, x.width), (1, 1), (0, 0, 0, 0), (1, 1)
    if isinstance(op, MaxPool | AvgPool):
        window = op.window(region.operands[0].type)
        kernel, stride, dilation = window.kernel, window.stride, window.dilation
        pad = window.sides
    reach = (kernel[1] - 1) * dilation[1] + 1
    start = -(-pad[1] // stride[1])
    whole = 0 if adaptive else max(0, (x.width - reach + pad[1]) // stride[1] + 1 - start)
    pixels = max(1, min(whole, _PIXELS))
    step: dict[str, Word] = {
        "inner_start": min(start, y.width), "inner_stop": min(start, y.width) + whole,
        "input_height": x.height, "input_width": x.width,
        "kernel_height": kernel[0], "kernel_width": kernel[1], "stride_height": stride[0],
        "dilation_height": dilation[0], "dilation_width": dilation[1],
        "pad_top": pad[0], "pad_left": pad[1], "pad_bottom": pad[2], "pad_right": pad[3],
    }  # fmt: skip
    mean = isinstance(op, AvgPool | GlobalAvgpool | AdaptiveAvgpool)
    count_pad = isinstance(op, AvgPool) and op.count_pad
    pool = Pool("mean" if mean else "max", pixels, stride[1], adaptive, count_pad, tail)
    planner.step(pool, words | row_by_row(x, y) | step, [x, *reads], [y])
