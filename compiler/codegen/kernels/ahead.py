"""What is fetched into the L2 cache before it is needed, where no CPU foresees it.

Fetches are spread over the work: many at once would keep loads waiting that matter more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from ...schedule.target import Target
from ..emit import Emitter, Var


@dataclass(frozen=True)
class Ahead:
    """Of images larger than caches, a convolution fetches the `pixels` of each block while the block before is
    computed, and the `tensors` of its epilogue while sums are. Where the weights are so many that each row of tiles
    streams them from beyond this cache, they are fetched `stream` bytes ahead."""

    pixels: bool = False
    tensors: bool = False
    stream: int = 0


PORTION = (
    "next_bytes",  # of the next matrix, which each register of weights fetches that is loaded
    "last_portion",  # the tile that fetches the last of them
)


def portion_words(next_bytes: int, target: Target) -> dict[str, int]:
    """Of kernels that have a `Portion`: so many bytes of the next weights for each register of weights, or none."""
    last = ceil(target.vector_bytes / next_bytes) - 1 if next_bytes else 0
    return {"next_bytes": next_bytes, "last_portion": last}


class Portion:
    """What one of a matrix's tiles fetches of the next matrix, that of another group or point, so that it comes tile by
    tile. Once all is fetched it is the last portion again, which costs little."""

    def __init__(self, e: Emitter, a: Mapping[str, str], vectors: int, matrix: str, tile: str):
        self._e, self._bytes, self._vectors = e, a["next_bytes"], vectors
        each = e.mul_int(e.mul_int(a["blocks"], e.lanes * vectors), self._bytes)
        self.place = Var("ptr", e.at(matrix, e.mul_int(e.min_int(tile, a["last_portion"]), each)))

    def fetch(self) -> None:
        """One channel's share. No line is passed over, since no register is longer than one."""
        for _ in range(self._vectors):
            self._e.prefetch(self.place.value)
            self.place.value = self._e.at(self.place.value, self._bytes)
