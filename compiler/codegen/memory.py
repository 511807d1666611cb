"""The arena: which bytes each buffer has, and when."""

from __future__ import annotations

from dataclasses import dataclass

from ...runtime.abi import ALIGNMENT
from .program import Buffer, Program


@dataclass(frozen=True)
class Arena:
    """Byte offsets of the buffers that need memory of their own. `peak` is the largest set alive at once: no plan can
    be smaller."""

    offsets: dict[Buffer, int]
    bytes: int
    peak: int


def plan_arena(program: Program) -> Arena:
    """Greedy by size (Pisarchyk & Lee 2020, arXiv 2001.03288): the largest buffer first, each at the lowest offset
    where it overlaps no buffer that lives at the same time."""
    lives = _lives(program)
    offsets: dict[Buffer, int] = {}
    for buffer in sorted(lives, key=lambda b: -b.bytes):
        first, last = lives[buffer]
        taken = sorted(
            (offsets[other], offsets[other] + _room(other))
            for other in offsets
            if lives[other][0] <= last and first <= lives[other][1]
        )
        at = 0
        for start, end in taken:
            if at + _room(buffer) <= start:
                break
            at = max(at, end)
        offsets[buffer] = at
    total = max((offset + _room(buffer) for buffer, offset in offsets.items()), default=0)
    moments = range(len(program.steps))
    alive = [sum(_room(b) for b, (first, last) in lives.items() if first <= t <= last) for t in moments]
    return Arena(offsets, total, max(alive, default=0))


def _lives(program: Program) -> dict[Buffer, tuple[int, int]]:
    """For each storage: the first and last step that touches it."""
    lives: dict[Buffer, tuple[int, int]] = {}
    for number, step in enumerate(program.steps):
        for buffer in (*step.reads, *step.writes):
            if buffer.port is None:
                storage = buffer.storage
                lives[storage] = (lives.get(storage, (number, number))[0], number)
    return lives


def _room(buffer: Buffer) -> int:
    return -(-buffer.bytes // ALIGNMENT) * ALIGNMENT
