"""The step that convolutions are made of: input channels into every sum of a register tile."""

from __future__ import annotations

from collections.abc import Sequence

from ..emit import Emitter, Int, Var
from .ahead import Following


def registers(e: Emitter, vectors: int, last: int) -> list[Emitter]:
    """What computes each vector of output channels: the last may be of fewer lanes."""
    return [e] * (vectors - 1) + [e if last == e.lanes else e.resized(last)]


def zeros(columns: Sequence[Emitter], pixels: int) -> list[list[Var]]:
    """The sums of an empty tile: `[pixel][vector]`."""
    return [[Var(column.vector, "zeroinitializer") for column in columns] for _ in range(pixels)]


def outer_products(
    e: Emitter,
    columns: Sequence[Emitter],
    pixels: str,
    pitch: int,
    channels: Int,
    w: Var,
    sums: Sequence[Sequence[Var]],
    following: Following | None = None,
    rows: int = 1,
) -> None:
    """Add the products of so many channels, beside one another in memory; each fetches its share of what is
    `following`. Pixels stand in so many `rows`, which have weights of their own, one row's after the other's.

    A loop over a few channels at a time would be less code, and costs a CPU that mistakes its end a quarter of the
    speed; unless their number is known, they are taken one by one.
    """
    wide = len(sums) // rows
    each = range(channels) if isinstance(channels, int) else range(1)
    here = Var("ptr", pixels)
    with e.loop("channel", channels, step=len(each), vary=[here, w, *(total for pixel in sums for total in pixel)]):
        for channel in each:
            for first in range(0, len(sums), wide):
                place = first * pitch + 4 * channel
                _outer_product(e, columns, here.value, place, pitch, w, sums[first : first + wide])
            if following:
                following.fetch()
        here.value = e.at(here.value, 4 * len(each))


def _outer_product(
    e: Emitter, columns: Sequence[Emitter], pixels: str, first: int, pitch: int, w: Var, sums: Sequence[Sequence[Var]]
) -> None:
    """Add the product of a scalar for each pixel, from the `first` byte on and `pitch` bytes apart, and a register of
    weights for each vector.

    `w` moves on past the weights. LLVM likes to load the next channel's weights early. Where registers are too few for
    that it would spill, so there the address is made a stranger for each channel. A narrow register loads its scalars
    itself, from an address that is a stranger too: one load for two widths would need a register for each pixel.
    """
    size, vectors = e.target.vector_bytes, len(columns)
    # LLVM loads weights ahead, and scalars too where no instruction spreads them as it multiplies, as AVX-512's do.
    ahead = 2 * vectors if e.target.name == "avx512" else 2 * max(vectors, 3) + 1
    if len(sums) * vectors + ahead >= e.target.registers:
        w.value = e.launder(w.value)
    kernels = [column.load(w.value, v * size) for v, column in enumerate(columns)]
    places = {column: e.launder(pixels) if column.lanes < e.lanes else pixels for column in columns}
    for p, pixel in enumerate(sums):
        scalars = {column: column.splat(e.load_float(at, first + p * pitch)) for column, at in places.items()}
        for kernel, column, total in zip(kernels, columns, pixel, strict=True):
            total.value = column.fma(kernel, scalars[column], total.value)
    w.value = e.at(w.value, vectors * size)
