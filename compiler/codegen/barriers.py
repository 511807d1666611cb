"""Where threads wait for one another: after a step, if the next one has to do with what lies since the last barrier.

A thread that is done with its part goes on to the next step at once where that neither reads what others may still be
writing, nor writes where others may still be reading or writing. So rims, projections beside the convolutions that they
are added to and the phases of a transposed convolution cost no barrier.
"""

from __future__ import annotations

from collections.abc import Iterable

from .memory import Arena
from .program import Buffer, Program, Step
from .segments import Batching


def barriers(program: Program, batches: Batching, arena: Arena) -> tuple[bool, ...]:
    """For each step whether a barrier follows it: always after the last one of a segment, where addresses change."""
    follows, since = list[bool](), list[Step]()
    ends = {segment.first + segment.count for segment in batches.segments}
    for number, step in enumerate(program.steps, 1):
        since.append(step)
        waits = number in ends or any(_collide(s, program.steps[number], batches, arena) for s in since)
        follows.append(waits)
        if waits:
            since.clear()
    return tuple(follows)


def _collide(earlier: Step, later: Step, batches: Batching, arena: Arena) -> bool:
    """Whether the order of two steps matters. Two that write to one storage write to places of their own in it."""

    def meet(some: Iterable[Buffer], others: Iterable[Buffer], *, writing: bool = False) -> bool:
        pairs = {(a.storage, b.storage) for a in some for b in others}
        return any(_share(a, b, batches, arena) for a, b in pairs if not (writing and a is b))

    return (
        meet(earlier.writes, later.reads)
        or meet(earlier.reads, later.writes)
        or meet(earlier.writes, later.writes, writing=True)
    )


def _share(a: Buffer, b: Buffer, batches: Batching, arena: Arena) -> bool:
    """Whether two storages have memory in common."""
    if a.port is not None or b.port is not None:
        return a.port == b.port
    first, second = arena.offsets[a], arena.offsets[b]
    return first < second + b.image_bytes * batches.images(b) and second < first + a.image_bytes * batches.images(a)
