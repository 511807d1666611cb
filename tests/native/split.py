"""AVX-512's kernels on a CPU that has no more than AVX2: LLVM makes two registers of each. So tiles, layouts and halves
of registers of 16 lanes are tried on every machine, and only the instructions are others."""

from dataclasses import replace

import numpy as np

from cnnc.compiler.codegen import piecewise
from cnnc.compiler.codegen.emit import Emitter, float_constant
from cnnc.compiler.schedule import target as levels

SPLIT = "x86-64-v4 split"
_look_up = piecewise._look_up


def _look_up_one_by_one(e: Emitter, row: np.ndarray, piece: str) -> str:
    """For the one instruction that LLVM cannot split: tanh's tables."""
    if e.target != levels.target(SPLIT):
        return _look_up(e, row, piece)
    table, numbers = f"<{', '.join(f'float {float_constant(x)}' for x in row)}>", []
    for lane in range(e.lanes):
        index = e.set(f"extractelement <{e.lanes} x i32> {piece}, i64 {lane}")
        index = e.set(f"and i32 {index}, {piecewise.PIECES - 1}")
        numbers.append(e.set(f"extractelement {e.vector} {table}, i32 {index}"))
    return e.joined(numbers)


def offered() -> list[str]:
    """`SPLIT`, which is a level from then on; what lists the CPUs does not know of it."""
    narrow = levels.target("x86-64-v3")
    wide = replace(levels.target("x86-64-v4"), cpu=narrow.cpu, features=narrow.features, needs=narrow.needs)
    levels._LEVELS[SPLIT] = wide
    piecewise._look_up = _look_up_one_by_one
    return [SPLIT]
