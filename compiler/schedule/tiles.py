"""How Winograd's tiles cover an image: squares of m x m outputs, each computed from all inputs that their taps reach.

A layer with dilation d is d x d ordinary ones, interleaved: the outputs y with the same remainder by d read inputs that
lie d apart. So there are tiles for each pair of remainders, and within a tile neighbours lie d pixels apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from ..ops.conv import Conv, Window
from .schedule import WINOGRAD, Filtering, Sides


@dataclass(frozen=True)
class Tile:
    """The first output and how many there are in each direction: at the image's end fewer than m."""

    row: int
    column: int
    rows: int
    columns: int

    @property
    def extent(self) -> tuple[int, int, int, int]:
        return self.row, self.column, self.rows, self.columns


def filterings(op: Conv, channels: int, lanes: int) -> dict[str, Filtering]:
    """Winograd's algorithms that can compute a convolution with so many input channels in a group. Those for the window
    and stride themselves come before those for a window whose stride is folded."""
    (size, wide), (stride, across), (dilation, apart) = op.kernel, op.stride, op.dilation
    if size != wide or stride != across or dilation != apart or (stride > 1 and dilation > 1):
        return {}
    own = {name: f for name, f in WINOGRAD.items() if (f.taps, f.stride) == (size, stride)} if channels >= lanes else {}
    if own or stride == 1 or op.groups > 1:
        return own
    return {name: f for name, f in WINOGRAD.items() if (f.taps, f.stride) == (-(-size // stride), 1)}


def fits_tapwise(op: Conv, channels: int, lanes: int) -> bool:
    """Whether a convolution can be computed tap by tap."""
    return op.groups == 1 and channels % lanes == 0


def fits_dot(op: Conv, channels: int, lanes: int) -> bool:
    """Whether the lanes of a convolution can be input channels: outputs are so few that a register of them has most of
    its lanes idle."""
    return op.groups == 1 and channels % lanes == 0 and op.channels <= lanes // 2


def folding(window: Window, filtering: Filtering) -> int:
    """How much of a window's stride is folded into channels: all of it, or 1 for nothing."""
    return window.stride[0] // filtering.stride


def tiles(window: Window, rows: int, columns: int, outputs: int) -> list[Tile]:
    """All tiles of `outputs` x `outputs` for an image of that many rows and columns, row by row."""
    down, across = (
        _axis(size, dilation, outputs) for size, dilation in zip((rows, columns), window.dilation, strict=True)
    )
    return [Tile(y, x, high, wide) for (y, high), (x, wide) in product(down, across)]


def _axis(size: int, dilation: int, outputs: int) -> list[tuple[int, int]]:
    """First output and number of outputs of each tile along one axis."""
    starts = (range(phase, size, dilation * outputs) for phase in range(min(dilation, size)))
    return [(start, min(outputs, -(-(size - start) // dilation))) for phase in starts for start in phase]


def rim_of_tiles(window: Window, image: tuple[int, ...], out: tuple[int, ...], filtering: Filtering) -> Sides:
    """How far the tiles reach past each side of the image: the last ones further than the windows do."""
    (top, left, _, _), fold = window.sides, folding(window, filtering)
    below, right = (
        max(
            start * window.stride[0] + dilation * (filtering.size * fold - 1)
            for start, _ in _axis(size, dilation, filtering.outputs)
        )
        - before
        - inside
        + 1
        for size, dilation, before, inside in zip(out, window.dilation, (top, left), image, strict=True)
    )
    return top, left, max(0, below), max(0, right)
