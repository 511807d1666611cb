"""Transposed convolution as ordinary ones: one for each phase of the stride.

Output rows y that leave the same remainder by the stride s read the same taps: those v for which y + p - v*d is a
multiple of s, at input row (y + p - v*d) / s. Along such rows that is a convolution of stride 1 whose outputs lie s
apart. Where the input has a single row, each row of a small output is a phase of its own, as with a stride larger than
all that is reached: no tap but one finds the input.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..ops.conv import ConvTranspose
from .schedule import Sides

_FEW = 8  # rows, and columns, each of which may have steps of its own


@dataclass(frozen=True)
class Phase:
    """Outputs `start`, `start + s`, … (`count` of them) of one axis. `taps` are in the order of the inputs that they
    read: input `first` for the first output, then `step` further on each."""

    start: int
    count: int
    taps: tuple[int, ...]
    first: int
    step: int


def phases(op: ConvTranspose, image: tuple[int, ...], out: tuple[int, ...]) -> tuple[list[Phase], list[Phase]]:
    """The phases of the output's rows and of its columns, by the heights and widths of input and output."""
    rows, columns = (
        _phases(*axis) for axis in zip(op.kernel, op.stride, op.dilation, op.cut[:2], image, out, strict=True)
    )
    return rows, columns


def _phases(kernel: int, stride: int, dilation: int, pad: int, size: int, out: int) -> list[Phase]:
    found = []
    if size == 1 and out <= _FEW:
        stride = out + pad + kernel * dilation
    for start in range(min(stride, out)):
        taps = tuple(v for v in reversed(range(kernel)) if (start + pad - v * dilation) % stride == 0)
        reads = [(start + pad - v * dilation) // stride for v in taps]
        step = reads[1] - reads[0] if len(reads) > 1 else 1
        found.append(Phase(start, -(-(out - start) // stride), taps, reads[0] if reads else 0, step))
    return found


def rim_of_phases(op: ConvTranspose, image: tuple[int, ...], out: tuple[int, ...]) -> Sides:
    """How far the phases' taps reach past each side of the input."""
    (before, after), (left, right) = (
        (
            max(0, -min(phase.first for phase in axis)),
            max(0, *(phase.first + (len(phase.taps) - 1) * phase.step + phase.count - size for phase in axis)),
        )
        for axis, size in zip(phases(op, image, out), image, strict=True)
    )
    return before, left, after, right
