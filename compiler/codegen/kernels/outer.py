"""The step that convolutions are made of: one input channel into every sum of a register tile."""

from __future__ import annotations

from collections.abc import Sequence

from ..emit import Emitter, Var


def outer_product(e: Emitter, pixels: str, pitch: int, channel: int, w: Var, sums: Sequence[Sequence[Var]]) -> None:
    """Add the product of a scalar for each pixel, `pitch` bytes apart, and a register of weights for each vector.

    `sums` are `[pixel][vector]`; `w` moves on past the weights. LLVM likes to load the next channel's weights early.
    Where registers are too few for that it would spill, so there the address is made a stranger for each channel.
    """
    size, vectors = e.target.vector_bytes, len(sums[0])
    if (len(sums) + 2) * vectors >= e.target.registers:
        w.value = e.launder(w.value)
    kernels = [e.load(w.value, v * size) for v in range(vectors)]
    for p, pixel in enumerate(sums):
        value = e.splat(e.load_float(pixels, p * pitch + 4 * channel))
        for v, total in enumerate(pixel):
            total.value = e.fma(kernels[v], value, total.value)
    w.value = e.at(w.value, vectors * size)


def zeros(e: Emitter, pixels: int, vectors: int) -> list[list[Var]]:
    """The sums of an empty tile."""
    return [[Var(e.vector, "zeroinitializer") for _ in range(vectors)] for _ in range(pixels)]
