"""What is fetched into the L2 cache before it is needed, where no CPU foresees it.

Fetches are spread over the work: many at once would keep loads waiting that matter more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from ...schedule.target import Target
from ..emit import Emitter, Int, Var


@dataclass(frozen=True)
class Ahead:
    """Of images larger than caches, a convolution fetches the `pixels` of each block while blocks before it are
    computed, and the `tensors` of its epilogue while sums are. Each of a few tiles fetches a share of the `following`
    weights, those of another group or point. Where the weights are so many that each row of tiles streams them from
    beyond this cache, they are fetched `stream` bytes ahead."""

    pixels: bool = False
    tensors: bool = False
    following: bool = False
    stream: int = 0

    @property
    def arguments(self) -> tuple[str, ...]:
        # bytes of the following weights for each fetch; the tile that fetches the last
        return ("share", "last_share") if self.following else ()


def fetches(vectors: int, target: Target) -> int:
    """How many a channel: one for each cache line of its weights."""
    return ceil(vectors * target.vector_bytes / target.line_bytes)


def share_words(tiles: int, vectors: int, target: Target) -> dict[str, int]:
    """What each of so many tiles fetches of the following weights, so that all of these come in time."""
    each = vectors * target.vector_bytes / fetches(vectors, target)
    share = ceil(each / tiles)
    return {"share": share, "last_share": ceil(each / share) - 1}


class Following:
    """What one tile fetches of the following weights. When all are fetched, it is the last share again, which costs
    little."""

    def __init__(self, e: Emitter, a: Mapping[str, str], vectors: int, weights: str, tile: str, taps: Int = 1):
        self._e, self._share, self._times = e, a["share"], fetches(vectors, e.target)
        each = e.mul_int(e.mul_int(e.mul_int(a["blocks"], taps), e.lanes * self._times), self._share)
        self.place = Var("ptr", e.at(weights, e.mul_int(e.min_int(tile, a["last_share"]), each)))

    def fetch(self) -> None:
        """A channel's shares, none of which is longer than a line: so no line is passed over."""
        for _ in range(self._times):
            self._e.prefetch(self.place.value)
            self.place.value = self._e.at(self.place.value, self._share)
