"""The memory that running a network takes, known without its weights and without machine code."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnnc.compiler.codegen.memory import plan_arena
from cnnc.compiler.codegen.segments import batching
from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.ir.types import ints
from cnnc.compiler.pipeline import program_of
from cnnc.summary import size


@dataclass(frozen=True)
class Footprint:
    """Bytes: weights in the kernels' order, the arena of a thread, and the most of it that is alive at once."""

    constants: int
    arena: int
    alive: int

    def __str__(self) -> str:
        return f"constants {size(self.constants)}, arena {size(self.arena)}, of which {size(self.alive)} alive at once"


def footprint(graph: Graph) -> Footprint:
    """On this CPU. Raises `TargetError` for what has no native code."""
    half = np.float32(0.5)
    missing = {name: param.type.shape for name, param in graph.params.items() if param.data is None}
    bound = graph.bind({name: np.broadcast_to(half, ints(shape)) for name, shape in missing.items()})
    program = program_of(bound)
    arena = plan_arena(program, batching(program))
    return Footprint(sum(data.nbytes for data in program.constants.values()), arena.bytes, arena.peak)
