"""Direct convolution tap by tap, for windows with more weights than a cache keeps: all pixels meet those of one tap
before the next ones come, piece by piece. In between, sums wait in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..emit import Emitter, Int, Var
from .epilogue import Epilogue, Tail
from .outer import outer_products

_AHEAD = 8  # blocks of input channels


@dataclass(frozen=True)
class Tapwise:
    """`pixels` x `vectors` outputs at a time, `step` input pixels apart. Layouts are `Direct`'s, but for the weights:
    `[group][kh][kw][input channel][vectors * lanes]`. Taps outside of the image are skipped, rows of them and, for a
    tile that finds nothing else, columns. Each part has its own scratch memory, for the sums
    `[group][row][tile][pixel][vector]`; of the last tile of a row, which overlaps the one before, there are sums of its
    own.
    """

    pixels: int
    vectors: int
    step: int
    epilogue: Epilogue

    @property
    def arguments(self) -> tuple[str, ...]:
        return (
            "@input", "@weights", "@output",
            "groups", "all_vectors", "rows", "columns",  # of output channels, alone and in tiles; rows, pixels of one
            "piece",  # tiles that meet all weights of a tap before others do
            "blocks",  # of input channels
            "kernel_height", "kernel_width",
            "input_plane", "input_row", "tap_row", "tap_column",
            "first_row", "row_step", "row_taps", "image_rows",
            "first_column", "column_taps", "image_columns",
            "weights_group", "weights_tap",
            "output_plane", "output_row",
            *self.epilogue.arguments,
        )  # fmt: skip

    def emit(self, e: Emitter, name: str) -> None:
        size = e.target.vector_bytes
        with e.kernel(name, self.arguments) as a:
            room = self.epilogue.room(e, self.pixels)
            a["tiles"] = e.div_int(e.add_int(a["columns"], self.pixels - 1), self.pixels)
            a["units"] = e.mul_int(a["rows"], a["tiles"])
            with self._tiles(e, a, 0, a["units"]) as tile:
                tail = Tail(e, self.epilogue, a, tile.first, tile.row)
                starts = [tail.block(v, 0).start for v in range(self.vectors)]
                for k, start in enumerate(starts * self.pixels):
                    e.store(start, tile.sums, k * size)
            tap = Var("ptr", a["weights"])
            with e.loop("kh", a["kernel_height"], vary=[tap]) as y, e.loop("kw", a["kernel_width"], vary=[tap]) as x:
                with e.loop("piece", a["units"], step=a["piece"]) as start:
                    with self._tiles(e, a, start, e.add_int(start, a["piece"])) as tile:
                        self._tap(e, a, tile, y, x, tap.value)
                tap.value = e.at(tap.value, a["weights_tap"])
            with self._tiles(e, a, 0, a["units"]) as tile:
                self._finish(e, a, tile, room)

    @contextmanager
    def _tiles(self, e: Emitter, a: dict[str, str], start: Int, end: Int) -> Iterator[Tile]:
        """Of each group the tiles `[start, end)` that fall to this part."""
        with e.grid("group", a["groups"], a["units"], 0) as (group, lo, hi):
            first = e.min_int(e.mul_int(group, self.vectors), e.sub_int(a["all_vectors"], self.vectors))
            with e.loop("tile", e.min_int(hi, end), start=e.max_int(lo, start)) as number:
                row = e.div_int(number, a["tiles"])
                column = e.mul_int(e.sub_int(number, e.mul_int(row, a["tiles"])), self.pixels)
                column = e.min_int(column, e.sub_int(a["columns"], self.pixels))
                place = e.add_int(e.mul_int(group, a["units"]), number)
                sums = e.at("%scratch", e.mul_int(place, self.pixels * self.vectors * e.target.vector_bytes))
                yield Tile(group, first, row, column, sums)

    def _tap(self, e: Emitter, a: dict[str, str], tile: Tile, y: str, x: str, weights: str) -> None:
        """Add what one tap finds to a tile's sums."""
        below = e.add_int(a["first_row"], e.mul_int(y, a["row_taps"]))
        below = e.add_int(below, e.mul_int(tile.row, a["row_step"]))  # a row before the image is a large number
        begin = e.add_int(a["first_column"], e.mul_int(x, a["column_taps"]))
        begin = e.add_int(begin, e.mul_int(tile.column, self.step))
        past = e.add_int(begin, (self.pixels - 1) * self.step)
        inside = e.compare("ult", below, a["image_rows"])
        for met in (e.compare("sge", past, 0), e.compare("slt", begin, a["image_columns"])):
            inside = e.set(f"and i1 {inside}, {met}")
        with e.when(inside):
            source = e.at(e.at(a["input"], e.mul_int(y, a["tap_row"])), e.mul_int(x, a["tap_column"]))
            source = e.at(source, e.mul_int(tile.row, a["input_row"]))
            source = e.at(source, e.mul_int(tile.column, self.step * e.target.vector_bytes))
            self._products(e, a, source, e.at(weights, e.mul_int(tile.group, a["weights_group"])), tile.sums)

    def _products(self, e: Emitter, a: dict[str, str], source: str, weights: str, sums: str) -> None:
        """All input channels' products of one tap into the sums of a tile, which are in registers meanwhile."""
        size, pitch = e.target.vector_bytes, self.step * e.target.vector_bytes
        plane, w = Var("ptr", source), Var("ptr", weights)
        totals = [
            [Var(e.vector, e.load(sums, (p * self.vectors + v) * size)) for v in range(self.vectors)]
            for p in range(self.pixels)
        ]
        with e.loop("block", a["blocks"], vary=[plane, w, *(total for pixel in totals for total in pixel)]):
            ahead = e.at(plane.value, e.mul_int(a["input_plane"], _AHEAD))
            for p in range(self.pixels):
                e.prefetch(e.at(ahead, p * pitch))
            outer_products(e, [e] * self.vectors, plane.value, pitch, e.lanes, w, totals)
            plane.value = e.at(plane.value, a["input_plane"])
        for p, pixel in enumerate(totals):
            for v, total in enumerate(pixel):
                e.store(total.value, sums, (p * self.vectors + v) * size)

    def _finish(self, e: Emitter, a: dict[str, str], tile: Tile, room: str) -> None:
        size = e.target.vector_bytes
        place, tail = e.mul_int(tile.column, size), Tail(e, self.epilogue, a, tile.first, tile.row)
        target = e.at(a["output"], e.mul_int(tile.first, a["output_plane"]))
        target = e.at(target, e.mul_int(tile.row, a["output_row"]))
        for v in range(self.vectors):
            totals = [e.load(tile.sums, (p * self.vectors + v) * size) for p in range(self.pixels)]
            out = e.at(e.at(target, e.mul_int(a["output_plane"], v)), place)
            block = tail.block(v, place)
            block.put_away(totals, room)
            for p, value in enumerate(block.finish_all(totals, room)):
                e.store(value, out, p * size)


@dataclass(frozen=True)
class Tile:
    """Sums of a group, whose first vector of channels is `first`, for pixels of a `row` from a `column` on."""

    group: str
    first: str
    row: str
    column: str
    sums: str
