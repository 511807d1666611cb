"""What is fetched into the L2 cache before it is needed, where no CPU foresees it.

Fetches are spread over the work: many at once would keep loads waiting that matter more.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from ..emit import Emitter, Int, Var


@dataclass(frozen=True)
class Ahead:
    """Of images larger than caches, a convolution fetches the `pixels` of each block while the block before is
    computed, and the `tensors` of its epilogue while sums are. Of the `next` weights, those of another group or point,
    each block of channels fetches so many lines, so that they come tile by tile. Where the weights are so many that
    each row of tiles streams them from beyond this cache, they are fetched `stream` bytes ahead."""

    pixels: bool = False
    tensors: bool = False
    next: int = 0
    stream: int = 0


class Portion:
    """What one of a matrix's tiles fetches of the next matrix of weights: so many `lines` for each block of channels,
    whose weights are `full` bytes. Once all are fetched it is the last ones again, which costs little."""

    def __init__(self, e: Emitter, matrix: str, tile: Int, blocks: Int, full: int, lines: int):
        self._e, self._lines, self._line = e, lines, e.target.line_bytes
        portions = ceil(full / (lines * self._line)) if lines else 1
        each = e.mul_int(blocks, lines * self._line)
        self.place = Var("ptr", e.at(matrix, e.mul_int(e.min_int(tile, portions - 1), each)))

    def fetch(self) -> None:
        for line in range(self._lines):
            self._e.prefetch(self._e.at(self.place.value, line * self._line))
        self.place.value = self._e.at(self.place.value, self._lines * self._line)
