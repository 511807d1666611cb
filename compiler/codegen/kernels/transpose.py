"""From channel after channel to blocks of channels and back, in registers."""

from __future__ import annotations

from dataclasses import dataclass

from ..emit import Emitter, Int


@dataclass(frozen=True)
class Transpose:
    """Between a planar image and a blocked one, `to_blocks` or from them; rows have at least as many pixels as a
    register has lanes. Lanes past the last channel are given the last one's numbers."""

    to_blocks: bool

    arguments = (
        "@input", "@output", "channels", "rows", "columns", "input_plane", "input_row", "output_plane", "output_row",
    )  # fmt: skip

    def emit(self, e: Emitter, name: str) -> None:
        size, lanes = e.target.vector_bytes, e.lanes
        planar, blocked = ("input", "output") if self.to_blocks else ("output", "input")
        with e.kernel(name, self.arguments) as a:
            blocks = e.div_int(e.add_int(a["channels"], lanes - 1), lanes)
            last_tile, last = e.sub_int(a["columns"], lanes), e.sub_int(a["channels"], 1)
            lo, hi = e.share(e.mul_int(blocks, a["rows"]))
            with e.loop("unit", hi, start=lo) as unit:
                block = e.div_int(unit, a["rows"])
                row = e.sub_int(unit, e.mul_int(block, a["rows"]))
                channels = [e.add_int(e.mul_int(block, lanes), lane) for lane in range(lanes)]
                lines = [self._row(e, a, planar, e.min_int(channel, last), row) for channel in channels]
                pixels = self._row(e, a, blocked, block, row)
                with e.loop("column", a["columns"], step=lanes) as column:
                    x = e.min_int(column, last_tile)  # the last tile overlaps the one before rather than fall short
                    there = [e.at(line, e.mul_int(x, 4)) for line in lines]
                    here = e.at(pixels, e.mul_int(x, size))
                    if self.to_blocks:
                        for pixel, value in enumerate(transposed(e, [e.load(line, align=4) for line in there])):
                            e.store(value, here, pixel * size)
                    else:
                        values = transposed(e, [e.load(here, pixel * size) for pixel in range(lanes)])
                        for channel, line, value in zip(channels, there, values, strict=True):
                            with e.when(e.compare("sle", channel, last)):
                                e.store(value, line, align=4)

    def _row(self, e: Emitter, a: dict[str, str], side: str, plane: Int, row: str) -> str:
        return e.at(e.at(a[side], e.mul_int(plane, a[f"{side}_plane"])), e.mul_int(row, a[f"{side}_row"]))


def transposed(e: Emitter, rows: list[str]) -> list[str]:
    """Registers as the rows of a square, columns for rows: squares of 2 x 2 numbers, then such of those."""
    lanes, side = e.lanes, 1
    while side < lanes:
        low = [lane + (lanes - side) * (lane // side % 2) for lane in range(lanes)]
        high = [index + side for index in low]
        pairs = [(first, first + side) for first in range(lanes) if not first & side]
        for first, second in pairs:
            a, b = rows[first], rows[second]
            rows[first], rows[second] = e.pick(a, b, low), e.pick(a, b, high)
        side *= 2
    return rows
