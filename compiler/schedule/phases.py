"""Transposed convolution as ordinary ones: one for each phase of the stride.

Output rows y that leave the same remainder by the stride s read the same taps: those v for which y + p - v*d is a
multiple of s, at input row (y + p - v*d) / s. Along such rows that is a convolution of stride 1 whose outputs lie s
apart.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..ops.conv import ConvTranspose
from .schedule import Sides


@dataclass(frozen=True)
class Phase:
    """Outputs `start`, `start + s`, … (`count` of them) of one axis. `taps` are in the order of the inputs that they
    read: input `first` for the first output, then `step` further on each."""

    start: int
    count: int
    taps: tuple[int, ...]
    first: int
    step: int


def phases(op: ConvTranspose, height: int, width: int) -> tuple[list[Phase], list[Phase]]:
    """The phases of the output's rows and of its columns."""
    rows, columns = (
        _phases(kernel, stride, dilation, pad, out)
        for kernel, stride, dilation, pad, out in zip(
            op.kernel, op.stride, op.dilation, op.cut[:2], (height, width), strict=True
        )
    )
    return rows, columns


def _phases(kernel: int, stride: int, dilation: int, pad: int, out: int) -> list[Phase]:
    found = []
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
        for axis, size in zip(phases(op, *out), image, strict=True)
    )
    return before, left, after, right
