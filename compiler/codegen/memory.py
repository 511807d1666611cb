"""The arena: which bytes each buffer has, and when."""

from __future__ import annotations

from dataclasses import dataclass

from .buffer import Buffer
from .program import Program
from .segments import Batching


@dataclass(frozen=True)
class Arena:
    """Byte offsets of the buffers that need memory of their own. `peak` is the largest set alive at once: no plan can
    be smaller."""

    offsets: dict[Buffer, int]
    bytes: int
    peak: int


def plan_arena(program: Program, batches: Batching) -> Arena:
    """Greedy by size (Pisarchyk & Lee 2020, arXiv 2001.03288): the largest buffer first, each at the lowest offset
    where it overlaps no buffer that lives at the same time."""
    lives = _lives(program, batches)

    def room(buffer: Buffer) -> int:
        return buffer.image_bytes * batches.images(buffer)

    offsets: dict[Buffer, int] = {}
    placed: list[list[Buffer]] = [[] for _ in program.steps]  # by step: those that live then
    for buffer in sorted(lives, key=lambda b: -room(b)):
        life = range(lives[buffer][0], lives[buffer][1] + 1)
        others = {other for step in life for other in placed[step]}
        taken = sorted((offsets[other], offsets[other] + room(other)) for other in others)
        for step in life:
            placed[step].append(buffer)
        at = 0
        for start, end in taken:
            if at + room(buffer) <= start:
                break
            at = max(at, end)
        offsets[buffer] = at
    total = max((offset + room(buffer) for buffer, offset in offsets.items()), default=0)
    peak = max((sum(map(room, alive)) for alive in placed), default=0)
    return Arena(offsets, total, peak)


def _lives(program: Program, batches: Batching) -> dict[Buffer, tuple[int, int]]:
    """For each storage: the first and last step that touches it. What has a place for each image lives through whole
    segments, whose steps come again for the next image; what is lasting lives through all."""
    lives: dict[Buffer, tuple[int, int]] = {}
    for number, step in enumerate(program.steps):
        segment = batches.segment_of(number)
        for buffer in (*step.reads, *step.writes):
            if buffer.port is None:
                storage = buffer.storage
                kept = batches.images(storage) > 1
                first, last = (segment.first, segment.first + segment.count - 1) if kept else (number, number)
                if storage.lasting:
                    first, last = 0, len(program.steps) - 1
                lives[storage] = (lives.get(storage, (first, first))[0], last)
    return lives
