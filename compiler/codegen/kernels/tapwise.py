"""Direct convolution tap by tap, for windows with more weights than a cache keeps: all pixels meet those of one tap
before the next ones come. In between, sums wait in memory."""

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
    `[row][tile][pixel][vector]` of a group; of the last tile of a row, which overlaps the one before, there are sums of
    its own.
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
            with e.grid("group", a["groups"], a["rows"], 0) as (group, *part):
                first = e.min_int(e.mul_int(group, self.vectors), e.sub_int(a["all_vectors"], self.vectors))
                tail = Tail(e, self.epilogue, a, first, 0)
                starts = [tail.block(v, 0).start for v in range(self.vectors)]
                with self._row(e, part) as row, self._tile(e, a, row) as (_, sums):
                    for k, start in enumerate(starts * self.pixels):
                        e.store(start, sums, k * size)
                w = Var("ptr", e.at(a["weights"], e.mul_int(group, a["weights_group"])))
                with e.loop("kh", a["kernel_height"], vary=[w]) as y, e.loop("kw", a["kernel_width"], vary=[w]) as x:
                    self._tap(e, a, part, y, x, w.value)
                    w.value = e.at(w.value, a["weights_tap"])
                target = e.at(a["output"], e.mul_int(first, a["output_plane"]))
                with self._row(e, part) as row:
                    tail = Tail(e, self.epilogue, a, first, row)
                    line = e.at(target, e.mul_int(row, a["output_row"]))
                    with self._tile(e, a, row) as (column, sums):
                        self._finish(e, a, tail, line, column, sums, room)

    @contextmanager
    def _row(self, e: Emitter, part: list[str]) -> Iterator[str]:
        with e.loop("row", part[1], start=part[0]) as row:
            yield row

    @contextmanager
    def _tile(self, e: Emitter, a: dict[str, str], row: str) -> Iterator[tuple[str, str]]:
        """Each tile of a row: its first column and its sums."""
        with e.loop("tile", a["tiles"]) as tile:
            number = e.add_int(e.mul_int(row, a["tiles"]), tile)
            sums = e.at("%scratch", e.mul_int(number, self.pixels * self.vectors * e.target.vector_bytes))
            yield e.min_int(e.mul_int(tile, self.pixels), e.sub_int(a["columns"], self.pixels)), sums

    def _tap(self, e: Emitter, a: dict[str, str], part: list[str], y: str, x: str, weights: str) -> None:
        """Add what one tap finds to all sums of a group."""
        down = e.add_int(a["first_row"], e.mul_int(y, a["row_taps"]))
        across = e.add_int(a["first_column"], e.mul_int(x, a["column_taps"]))
        source = e.at(e.at(a["input"], e.mul_int(y, a["tap_row"])), e.mul_int(x, a["tap_column"]))
        with self._row(e, part) as row:
            line = e.at(source, e.mul_int(row, a["input_row"]))
            below = e.add_int(down, e.mul_int(row, a["row_step"]))  # a row before the image is a large number
            with e.when(e.compare("ult", below, a["image_rows"])), self._tile(e, a, row) as (column, sums):
                begin = e.add_int(across, e.mul_int(column, self.step))
                past = e.add_int(begin, (self.pixels - 1) * self.step)
                met = e.compare("sge", past, 0), e.compare("slt", begin, a["image_columns"])
                with e.when(e.set(f"and i1 {met[0]}, {met[1]}")):
                    here = e.at(line, e.mul_int(column, self.step * e.target.vector_bytes))
                    self._products(e, a, here, weights, sums)

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

    def _finish(self, e: Emitter, a: dict[str, str], tail: Tail, line: str, column: Int, sums: str, room: str) -> None:
        size = e.target.vector_bytes
        place = e.mul_int(column, size)
        for v in range(self.vectors):
            totals = [e.load(sums, (p * self.vectors + v) * size) for p in range(self.pixels)]
            out = e.at(e.at(line, e.mul_int(a["output_plane"], v)), place)
            block = tail.block(v, place)
            block.put_away(totals, room)
            for p, value in enumerate(block.finish_all(totals, room)):
                e.store(value, out, p * size)
