"""Pooling: sliding windows, nearly equal parts, and the whole image as one window."""

from __future__ import annotations

from ...ir.region import Region
from ...ops.conv import Window
from ...ops.pool import AdaptiveAvgpool, AvgPool, GlobalAvgpool, MaxPool
from ...schedule.schedule import Layout
from ..buffer import Buffer
from ..kernels.epilogue import Epilogue
from ..kernels.pool import Pool
from ..moves import row_by_row
from ..planner import Planner
from ..program import Word
from .epilogue import epilogue

_PIXELS = 8  # sums at a time: enough to hide an addition behind the others


def lower_pool(planner: Planner, region: Region) -> None:
    node = region.anchor
    assert node is not None
    tail, words, reads = epilogue(planner, region)
    x, y = planner.operand(region.operands[0]), planner.result(region.node.output)
    op, adaptive = node.op, isinstance(node.op, AdaptiveAvgpool)
    window = Window((x.height, x.width), (1, 1), (0, 0, 0, 0), (1, 1))
    if isinstance(op, MaxPool | AvgPool):
        window = op.window(region.operands[0].type)
    whole = (0, 0) if adaptive else _whole(x, window)
    mean = isinstance(op, AvgPool | GlobalAvgpool | AdaptiveAvgpool)
    count_pad = isinstance(op, AvgPool) and op.count_pad
    kernel = Pool("mean" if mean else "max", _pixels(whole), window.stride[1], adaptive, count_pad, tail)
    planner.step(kernel, words | row_by_row(x, y) | _words(x, y, window, whole), [x, *reads], [y])


def collected(planner: Planner, x: Buffer, stride: tuple[int, int], like: Buffer) -> Buffer:
    """Every so many pixels of an image beside one another, as many as another one has: maxima of one each."""
    y = Buffer(f"{x.name} collected", x.channels, like.height, like.width, Layout(x.layout.block))
    window = Window((1, 1), stride, (0, 0, 0, 0), (1, 1))
    whole = _whole(x, window)
    kernel = Pool("max", _pixels(whole), stride[1], adaptive=False, count_pad=False, epilogue=Epilogue())
    planner.step(kernel, row_by_row(x, y) | _words(x, y, window, whole), [x], [y])
    return y


def _whole(x: Buffer, window: Window) -> tuple[int, int]:
    """The first output of a row whose window lies in the row, and how many there are."""
    pad, stride = window.sides[1], window.stride[1]
    start = -(-pad // stride)
    return start, max(0, (x.width - window.reach[1] + pad) // stride + 1 - start)


def _pixels(whole: tuple[int, int]) -> int:
    return max(1, min(whole[1], _PIXELS))


def _words(x: Buffer, y: Buffer, window: Window, whole: tuple[int, int]) -> dict[str, Word]:
    (start, count), (top, left, bottom, right) = whole, window.sides
    return {
        "inner_start": min(start, y.width), "inner_stop": min(start, y.width) + count,
        "input_height": x.height, "input_width": x.width,
        "kernel_height": window.kernel[0], "kernel_width": window.kernel[1], "stride_height": window.stride[0],
        "dilation_height": window.dilation[0], "dilation_width": window.dilation[1],
        "pad_top": top, "pad_left": left, "pad_bottom": bottom, "pad_right": right,
    }  # fmt: skip
