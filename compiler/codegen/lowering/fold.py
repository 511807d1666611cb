"""A convolution's stride folded into its channels: the same sums at stride 1, for which there are faster ways.

With stride s output y reads input s y + t by tap t, and t = s j + phase. So for each of s x s phases it is a window of
every s-th tap over an image of every s-th pixel, and phases are channels (space to depth). Where the size of the window
is no multiple of the stride, some phases have a tap less: there it is zero.
"""

from __future__ import annotations

import numpy as np

from ...ir.deferred import Deferred, Numbers
from ...ir.operator import Array
from ...ops.conv import Window
from ...schedule.schedule import Layout
from ..buffer import Buffer
from ..kernels.interleave import Interleave
from ..planner import Planner
from ..program import Address, Word


def folded_window(window: Window) -> Window:
    """What is left to do, for which the image has its padding already."""
    taps = -(-window.kernel[0] // window.stride[0])
    return Window((taps, taps), (1, 1), (0, 0, 0, 0), (1, 1))


def fold_image(planner: Planner, x: Buffer, window: Window, rows: int, columns: int) -> Buffer:
    """Of each channel its s * s phases, `[channel * s * s]` images of so many rows and columns. They begin with the
    padding's first pixel; what they have outside of the image lies in its rim."""
    (stride, _), (top, left, _, _) = window.stride, window.sides
    y = Buffer(f"{x.name} folded", x.channels * stride**2, rows, columns, Layout(planner.lanes))
    phase = np.arange(stride)
    lines = np.add.outer(x.channel_bytes(np.arange(x.channels)), phase * x.row_bytes)
    places = np.add.outer(lines, phase * x.pixel_bytes)
    offsets = np.zeros(y.blocks * planner.lanes, np.int64)  # past the last channel: the first
    offsets[: y.channels] = places.reshape(-1)
    words: dict[str, Word] = {
        "input": Address(x, -(top * x.row_bytes + left * x.pixel_bytes)), "output": Address(y),
        "offsets": planner.constant(f"{y.name} offsets", offsets),
        "blocks": y.blocks, "rows": rows, "columns": columns,
        "input_row": stride * x.row_bytes, "input_column": stride * x.pixel_bytes,
        "output_plane": y.plane_bytes, "output_row": y.row_bytes,
    }  # fmt: skip
    planner.step(Interleave(), words, [x], [y])
    return y


def fold_weight(weight: Numbers, stride: int) -> Numbers:
    """`[out][in][k][k]` as `[out][in * s * s][taps][taps]`."""
    out, inside, size, _ = weight.shape
    taps = -(-size // stride)

    def make(start: int, stop: int) -> Array:
        padded = np.zeros((stop - start, inside, taps * stride, taps * stride), np.float32)
        padded[..., :size, :size] = weight[start:stop]
        phases = padded.reshape(-1, inside, taps, stride, taps, stride).transpose(0, 1, 3, 5, 2, 4)
        return phases.reshape(stop - start, -1, taps, taps)

    return Deferred((out, inside * stride**2, taps, taps), make)
