"""Which input pixels each output of a windowed stage sees, along one axis, drawn from the record's own window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from trials import Shape

from cnnc.compiler.ir.operator import Operator
from cnnc.compiler.ir.types import Type
from cnnc.compiler.ops.conv import ConvTranspose
from cnnc.compiler.ops.pool import AdaptiveAvgpool, part
from cnnc.compiler.ops.resize import Resize
from cnnc.compiler.ops.shape import Pad

DRAWN = {
    "conv": (
        "conv(1, 3)",
        "conv(1, 3, pad=1)",
        "conv(1, 3, stride=2, pad=1)",
        "conv(1, 4, stride=2, pad=same)",
        "conv(1, 3, dilation=2, pad=2)",
    ),
    "depthwise": ("depthwise(3, stride=2, pad=1)", "depthwise(3, dilation=2)"),
    "conv_transpose": (
        "conv_transpose(1, 2, stride=2)",
        "conv_transpose(1, 3, stride=2)",
        "conv_transpose(1, 3, stride=2, pad=1, output_pad=1)",
    ),
    "maxpool": (
        "maxpool(2)",
        "maxpool(2, ceil=true)",
        "maxpool(3, stride=2, pad=1)",
        "maxpool(2, stride=1, dilation=3)",
    ),
    "avgpool": ("avgpool(2)", "avgpool(2, ceil=true)", "avgpool(3, stride=2, pad=1)"),
    "adaptive_avgpool": ("adaptive_avgpool(3, 3)",),
    "pad": ("pad(2)", "pad(2, mode=reflect)", "pad(2, mode=edge)"),
    "resize": (
        "resize(1, 6)",
        "resize(1, 6, coords=align_corners)",
        "resize(1, 6, coords=asymmetric)",
        "resize(1, 6, mode=nearest)",
        "resize(1, 6, mode=bicubic)",
    ),
}
SIZES = {"conv_transpose": 4, "pad": 5, "resize": 3}

CAPTIONS = {
    "conv_transpose": "Rows are input pixels, columns output pixels: `■` where a pixel stamps the kernel, `□` where "
    "the stamp is cut off. Along one axis:",
    "pad": "Letters are pixels of the input. Along one axis:",
    "resize": "Rows are output pixels, columns input pixels: how much of each is taken. Along one axis:",
}
CAPTION = (
    "Rows are output pixels, columns input pixels: `■` a pixel that is seen, `□` pad that is seen. Along one axis:"
)


def diagrams(name: str) -> str:
    """The drawings of a stage, one below the other."""
    return "\n\n".join(diagram(stage, SIZES.get(name, 7)) for stage in DRAWN[name])


def diagram(stage: str, size: int) -> str:
    shape = Shape(stage, (f"f32[N, 1, {size}, {size}]",))
    op, given = shape.node.op, Type("f32", (1, 1, size, size))
    out = shape.results[0].known[2]
    if isinstance(op, Pad):
        return f"{stage}\n{_rim(op, size)}"
    if isinstance(op, Resize):
        return f"{stage}   {size} -> {op.w}\n{_shares(op, size)}"
    if isinstance(op, ConvTranspose):
        return f"{stage}   {size} -> {out}\n{_grid('in', 'out', touched(op, given), out)}"
    return f"{stage}   {size} -> {out}\n{_grid('out', 'in', touched(op, given), size)}"


def touched(op: Operator, x: Type) -> list[range]:
    """For each output of the last axis the input pixels that its taps lie on; those of the pad are not in the image.

    A transposed convolution has them the other way round: for each input pixel the outputs that it is stamped on.
    """
    size, out = x.known[2], op.infer(x).known[2]  # type: ignore[union-attr]
    if isinstance(op, AdaptiveAvgpool):
        return [range(part(i, out, size).start, part(i, out, size).stop) for i in range(out)]
    if isinstance(op, ConvTranspose):
        (_, kernel), (_, stride), (_, dilation), (_, first, _, _) = op.kernel, op.stride, op.dilation, op.cut
        starts = [i * stride - first for i in range(size)]
    else:
        window = op.window(x)  # type: ignore[attr-defined]
        (_, kernel), (_, stride), (_, dilation), (_, first, _, _) = (
            window.kernel, window.stride, window.dilation, window.sides,
        )  # fmt: skip
        starts = [i * stride - first for i in range(out)]
    return [range(start, start + kernel * dilation, dilation) for start in starts]


def _grid(row: str, column: str, taps: Sequence[range], size: int) -> str:
    """A line for each row of taps under the numbers of the `size` columns that are there."""
    columns = range(min(0, *(t[0] for t in taps)), max(size, *(t[-1] + 1 for t in taps)))
    head = f"{column:>6} " + "".join(f"{i:3}" if 0 <= i < size else "  ·" for i in columns)
    lines = [
        f"{row:>4} {i} " + "".join(("  ■" if 0 <= c < size else "  □") if c in seen else "   " for c in columns)
        for i, seen in enumerate(taps)
    ]
    return "\n".join(line.rstrip() for line in [head, *lines])


def _rim(op: Pad, size: int) -> str:
    _, left, _, _ = op.size
    pixels = np.arange(1, size + 1, dtype=np.float32)
    held = op.reference(np.broadcast_to(pixels, (1, 1, size, size)))[0, 0, left + 1]
    letters = ["0" if pixel == 0 else chr(ord("a") + int(pixel) - 1) for pixel in held]
    return "  " + " ".join([*letters[:left], "│", *letters[left : left + size], "│", *letters[left + size :]])


def _shares(op: Resize, size: int) -> str:
    """What each output holds of an image that is 1 at one pixel and 0 elsewhere, a column for each such pixel."""
    ones = np.eye(size)[:, None, None].repeat(size, 2)
    shares = op.reference(ones)[:, 0, 0].T
    head = f"{'in':>6} " + "".join(f"{i:8}" for i in range(size))
    rows = [
        f" out {i} " + "".join(f"{share:8.3g}" if share else " " * 8 for share in row) for i, row in enumerate(shares)
    ]
    return "\n".join(line.rstrip() for line in [head, *rows])
