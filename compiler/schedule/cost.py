"""What a register tile costs: an analytic model, in cycles."""

from __future__ import annotations

from math import ceil

from .target import Target

_LOOP = 0.4  # cycles a channel that no tile hides, fitted to measured tiles of 7 to 28 sums


def tile_cycles(pixels: int, vectors: int) -> float:
    """Cycles for one input channel into a tile: two multiply-adds and two loads start a cycle, the slower one binds.

    A pixel is loaded once for all vectors; with a single vector it is the multiply-add's own memory operand.
    """
    return max(pixels * vectors / 2, (pixels + vectors) / 2) + _LOOP


def best_tile(columns: int, vectors: int, target: Target) -> tuple[int, int]:
    """Pixels and vectors of the cheapest tile for rows of `columns` pixels and `vectors` registers of output channels.

    Tiles of a row may overlap, at the price of what they compute twice; the vectors divide evenly.
    """
    best, tile = float("inf"), (1, 1)
    for v in (d for d in range(1, min(vectors, 4) + 1) if vectors % d == 0):
        for p in range(1, min(columns, 28) + 1):
            if p * v + v + 1 > target.registers:
                break
            cycles = tile_cycles(p, v) * ceil(columns / p) * (vectors // v)
            if cycles < best * 0.999:
                best, tile = cycles, (p, v)
    return tile
