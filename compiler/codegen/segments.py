"""Batches: steps that run for each image by itself, and steps that run once for all images of a tile.

A dense layer reads all its weights for a single image; for several at a time it reads them once, and so does Winograd's
algorithm where it is batched. Such a step is taken out of the loop over images, which splits the program into segments.
What it reads and writes, and whatever lives longer than a segment, has a place for each image of the tile; where that
takes more memory than the weights do, images go one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from ..schedule.schedule import BATCH_TILE
from .buffer import Buffer
from .program import Constant, Program, Step


@dataclass(frozen=True)
class Segment:
    """Steps `[first, first + count)`: all of them for `each` image in turn, or once for the tile."""

    first: int
    count: int
    each: bool


@dataclass(frozen=True)
class Batching:
    """How many images make a tile, the segments in order, and the storages with a place for each image."""

    tile: int
    segments: tuple[Segment, ...]
    kept: frozenset[Buffer]

    def segment_of(self, step: int) -> Segment:
        return next(s for s in self.segments if s.first <= step < s.first + s.count)

    def images(self, storage: Buffer) -> int:
        return self.tile if storage in self.kept else 1


def batching(program: Program) -> Batching:
    steps, segments, first = program.steps, [], 0
    for once, run in groupby(steps, lambda step: step.once):
        count = len(list(run))
        segments.append(Segment(first, count, not once))
        first += count
    seen: dict[Buffer, Segment] = {}
    kept: set[Buffer] = set()
    for segment in segments:
        for step in steps[segment.first : segment.first + segment.count]:
            for buffer in (*step.reads, *step.writes):
                if buffer.port is None and (step.once or seen.setdefault(buffer.storage, segment) is not segment):
                    kept.add(buffer.storage)
    if sum(buffer.image_bytes for buffer in kept) >= sum(_weights(program, step) for step in steps if step.once):
        return Batching(1, (Segment(0, len(steps), True),), frozenset())
    return Batching(BATCH_TILE, tuple(segments), frozenset(kept))


def _weights(program: Program, step: Step) -> int:
    """Bytes of the constants that a step reads."""
    return sum(program.constants[word.name].nbytes for word in step.words if isinstance(word, Constant))
