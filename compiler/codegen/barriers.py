"""Where threads wait for one another: after a step, if the next one has to do with what lies since the last barrier.

A thread that is done with its part goes on to the next step at once where that neither reads what others may still be
writing, nor writes where others may still be reading or writing. So rims, and convolutions of the same image, cost no
barrier.
"""

from __future__ import annotations

from .buffer import Buffer
from .kernels.rim import Rim
from .memory import Arena
from .program import Program, Step
from .segments import Batching


def barriers(program: Program, batches: Batching, arena: Arena) -> tuple[bool, ...]:
    """For each step whether a barrier follows it: always after the last one of a segment, where addresses change."""
    follows, since = list[bool](), list[Step]()
    ends = {segment.first + segment.count for segment in batches.segments}
    rims = {name for kernel, name in program.kernels.items() if isinstance(kernel, Rim)}

    def collide(earlier: Step, later: Step) -> bool:
        """Whether the order of two steps matters. A rim and what it surrounds are written in any order."""
        rim = earlier.kernel in rims or later.kernel in rims
        return (
            any(_share(a, b, batches, arena) for a in earlier.writes for b in later.reads)
            or any(_share(a, b, batches, arena) for a in earlier.reads for b in later.writes)
            or any(
                _share(a, b, batches, arena)
                for a in earlier.writes
                for b in later.writes
                if not (rim and a.storage is b.storage)
            )
        )

    for number, step in enumerate(program.steps, 1):
        since.append(step)
        waits = number in ends or any(collide(s, program.steps[number]) for s in since)
        follows.append(waits)
        if waits:
            since.clear()
    return tuple(follows)


def _share(a: Buffer, b: Buffer, batches: Batching, arena: Arena) -> bool:
    """Whether two buffers have memory in common, blocks of channels of one storage that several write among it."""
    if a.port is not None or b.port is not None:
        return a.port == b.port
    if a.storage is b.storage and a.layout == b.layout:
        return a.first < b.first + b.blocks and b.first < a.first + a.blocks
    first, second = arena.offsets[a.storage], arena.offsets[b.storage]
    return first < second + _room(b, batches) and second < first + _room(a, batches)


def _room(buffer: Buffer, batches: Batching) -> int:
    return buffer.image_bytes * batches.images(buffer.storage)
