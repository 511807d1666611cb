"""Direct convolution: a register tile of outputs, the whole sum inside.

Layouts: the input is `[block][row][pixel][lane]` with a rim of zeros where taps of a tile fall outside to the left or
right (`lanes` channels a block, or 1 for the planar images that first layers read); weights are
`[group][block][kh][kw][lane][vectors * lanes]`, so that a tile streams them in address order (a *group* is the output
channels that one tile computes; the last one overlaps the one before rather than fall short). Trip counts and strides
are arguments: one kernel serves every layer of its tile, column stride and epilogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from ..emit import Emitter, Int, Var
from .ahead import Ahead, Following
from .epilogue import Epilogue, Seam, Tail
from .outer import outer_products, registers
from .pool import larger

_BLOCKS = 8  # of input channels, ahead, where a block has a single tap


@dataclass(frozen=True)
class Direct:
    """`pixels` x `vectors` outputs at a time; `step` input pixels between neighbouring outputs of a row, which lie
    `spread` pixels apart (a transposed convolution makes every other one).

    The last vector has just `last` lanes: with a half of them it costs less on CPUs that take wide registers in halves.
    Where there is padding it `skips` rows of taps outside of the image; where columns can be outside for all pixels of
    a tile, it `narrows` windows to those that are not, which costs two divisions a tile. Where results are `pooled`,
    only the maximum or mean of each square of 2 x 2 is stored: a tile has two lines of pixels, one after the other, and
    `rows` counts squares. Where all rows are one and the output has a rim (`gaps`), or a tensor that is added, a
    tile steps over that where a row of `width` pixels ends. Work is counted in tiles.
    """

    pixels: int
    vectors: int
    last: int
    step: int
    pointwise: bool
    planar: bool
    skips: bool
    ahead: Ahead
    epilogue: Epilogue
    spread: int = 1
    pooled: Literal["max", "mean"] | None = None
    gaps: bool = False
    narrows: bool = False

    @property
    def arguments(self) -> tuple[str, ...]:
        return (
            "@input", "@weights", "@output",
            "groups", "rows", "columns",  # trip counts: groups of output channels, output rows, pixels of a row
            "across",  # tiles that meet all groups' weights before others do, or 0
            "parts_groups", "parts_vectors", "parts_plane",  # of what shares inputs; bytes between inputs
            "blocks", "tail",  # full blocks of input channels, channels in a last one
            "kernel_height", "kernel_width",
            "input_plane", "input_row",  # bytes from block to block, from output row to output row
            "tap_row", "tap_column",  # bytes from tap to tap
            "weights_group",  # bytes from group to group
            "output_plane", "output_row",
            *(_ROWS if self.skips else ()),
            *(_COLUMNS if self.narrows else ()),
            *(("width",) if self._seams else ()),  # pixels of a row
            *(("gap",) if self.gaps else ()),  # bytes between rows
            *self.ahead.arguments,
            *self.epilogue.arguments,
        )  # fmt: skip

    @property
    def _seams(self) -> bool:
        return self.gaps or "rimmed" in self.epilogue.extras

    def emit(self, e: Emitter, name: str) -> None:
        size, vectors, pixels = e.target.vector_bytes, self.vectors, self.pixels
        columns, side = registers(e, vectors, self.last), 2 if self.pooled else 1
        with e.kernel(name, self.arguments) as a:
            rooms = [self.epilogue.room(e, pixels) for _ in columns]
            tiles = e.div_int(e.add_int(a["columns"], pixels - 1), pixels)
            last_tile = e.sub_int(a["columns"], pixels)
            plane = e.mul_int(a["rows"], tiles)
            with (
                e.grid("group", a["groups"], plane, a["across"]) as (group, lo, hi),
                e.loop("row", e.ceil_int(hi, tiles), start=e.div_int(lo, tiles)) as row,
            ):
                part = e.div_int(group, a["parts_groups"])
                source = e.at(a["input"], e.mul_int(part, a["parts_plane"]))
                source = e.at(source, e.mul_int(e.mul_int(row, side), a["input_row"]))
                weights = e.at(a["weights"], e.mul_int(group, a["weights_group"]))
                within = e.mul_int(e.sub_int(group, e.mul_int(part, a["parts_groups"])), vectors)
                within = e.min_int(within, e.sub_int(a["parts_vectors"], vectors))
                first = e.add_int(e.mul_int(part, a["parts_vectors"]), within)
                target = e.at(a["output"], e.mul_int(first, a["output_plane"]))
                target = e.at(target, e.mul_int(row, a["output_row"]))
                tails = {column: Tail(column, self.epilogue, a, first, row, self.spread) for column in columns}
                lines = [e.add_int(e.mul_int(row, side), k) for k in range(side)]
                high = [self._rows(e, a, line) for line in lines]
                before = e.mul_int(row, tiles)
                begin, end = (e.max_int(0, e.sub_int(lo, before)), e.min_int(tiles, e.sub_int(hi, before)))
                begin, end = e.mul_int(begin, pixels), e.mul_int(end, pixels)
                with e.loop("column", end, start=begin, step=pixels) as column:
                    x = e.min_int(column, last_tile)  # the last tile overlaps the one before rather than fall short
                    here = e.at(source, e.mul_int(x, self._pitch(e)))
                    place = e.mul_int(x, size * self.spread // side)
                    seam = Seam.of(e, x, a["width"]) if self._seams else None
                    blocks = [tails[register].block(v, place, seam) for v, register in enumerate(columns)]
                    if self.ahead.tensors:
                        for block in blocks:
                            block.fetch(pixels)
                    following = None
                    if self.ahead.following:
                        number = e.sub_int(e.add_int(before, e.div_int(column, pixels)), lo)
                        taps = 1 if self.pointwise else e.mul_int(a["kernel_height"], a["kernel_width"])
                        following = Following(e, a, vectors, e.at(weights, a["weights_group"]), number, taps)
                    results: list[Iterable[str]] = [[] for _ in columns]
                    for k, rows in enumerate(high):
                        sums = [[Var(block.e.vector, block.start) for block in blocks] for _ in range(pixels)]
                        line_at = e.at(here, e.mul_int(a["input_row"], k))
                        self._tile(e, columns, a, line_at, weights, following, rows, self._columns(e, a, x), sums)
                        done = [[pixel[v].value for pixel in sums] for v in range(vectors)]
                        for block, values, room in zip(blocks, done, rooms, strict=True):
                            block.put_away(values, room)
                        for v, block in enumerate(blocks):
                            values = block.finish_all(done[v], rooms[v])
                            results[v] = self._pool(block.e, results[v], values) if self.pooled else values
                    gaps = [seam.gaps(p, a["gap"]) if seam and self.gaps else 0 for p in range(pixels)]
                    for v, register in enumerate(columns):
                        out = e.at(e.at(target, e.mul_int(a["output_plane"], v)), place)
                        for p, value in enumerate(results[v]):
                            register.store(value, e.at(out, gaps[p]), p * size * self.spread)

    def _pitch(self, e: Emitter) -> int:
        """Bytes between the inputs of neighbouring outputs."""
        return self.step * (4 if self.planar else e.target.vector_bytes)

    def _pool(self, e: Emitter, above: Iterable[str], values: Iterable[str]) -> list[str]:
        """Neighbours as one, and with those `above` where these are there, in the order of a pooling of its own."""
        line = list(values)
        pairs = [self._two(e, *line[p : p + 2]) for p in range(0, len(line), 2)]
        if not above:
            return pairs
        squares = [self._two(e, *pair) for pair in zip(above, pairs, strict=True)]
        quarter = e.constant(0.25)
        return [e.set(f"fmul {e.vector} {s}, {quarter}") for s in squares] if self.pooled == "mean" else squares

    def _two(self, e: Emitter, a: str, b: str) -> str:
        return larger(e, a, b) if self.pooled == "max" else e.set(f"fadd {e.vector} {a}, {b}")

    def _rows(self, e: Emitter, a: dict[str, str], row: str) -> Taps:
        """The rows of taps that find the image."""
        if not self.skips:
            return Taps(0, 1 if self.pointwise else a["kernel_height"])
        first = e.add_int(a["first_row"], e.mul_int(row, a["row_step"]))
        return taps_inside(e, first, first, a["row_taps"], a["kernel_height"], a["image_rows"])

    def _columns(self, e: Emitter, a: dict[str, str], x: str) -> Taps:
        """The columns of taps that find the image for some pixel of a tile."""
        if not self.narrows:
            return Taps(0, 1 if self.pointwise else a["kernel_width"])
        first = e.add_int(a["first_column"], e.mul_int(x, self.step))
        last = e.add_int(first, (self.pixels - 1) * self.step)
        return taps_inside(e, first, last, a["column_taps"], a["kernel_width"], a["image_columns"])

    def _tile(
        self,
        e: Emitter,
        columns: Sequence[Emitter],
        a: dict[str, str],
        source: str,
        weights: str,
        following: Following | None,
        high: Taps,
        wide: Taps,
        sums: Sequence[Sequence[Var]],
    ) -> None:
        """Add to the sums of one register tile, `[pixel][vector]`, in registers from the first to the last tap."""
        source = e.at(e.at(source, e.mul_int(high.first, a["tap_row"])), e.mul_int(wide.first, a["tap_column"]))
        skipped = e.add_int(e.mul_int(high.first, a["kernel_width"]), wide.first) if self.skips else 0
        plane, tap = Var("ptr", source), self.vectors * e.target.vector_bytes
        full = tap if self.planar else tap * e.lanes  # bytes of a tap's weights
        w = Var("ptr", e.at(weights, e.mul_int(skipped, full)))
        carried = [w, *([following.place] if following else []), *(total for pixel in sums for total in pixel)]
        with e.loop("block", a["blocks"], vary=[plane, *carried]):
            with self._taps(e, a, plane.value, full, high, wide, w, carried) as here:
                if self.ahead.pixels:
                    self._fetch(e, e.at(here, e.mul_int(a["input_plane"], _BLOCKS if self.pointwise else 1)))
                if self.ahead.stream:
                    for line in range(0, full, e.target.line_bytes):
                        e.prefetch(e.at(w.value, self.ahead.stream + line))
                outer_products(e, columns, here, self._pitch(e), 1 if self.planar else e.lanes, w, sums, following)
            plane.value = e.at(plane.value, a["input_plane"])
        if not self.planar:
            part = e.mul_int(a["tail"], tap)
            with e.when(e.compare("ne", a["tail"], 0), vary=carried):
                w.value = e.at(w.value, e.mul_int(skipped, e.sub_int(part, full)))
                with self._taps(e, a, plane.value, part, high, wide, w, carried) as here:
                    outer_products(e, columns, here, self._pitch(e), a["tail"], w, sums)

    def _fetch(self, e: Emitter, here: str) -> None:
        """Have a tap's pixels of a block to come fetched: no CPU looks that far ahead."""
        for p in range(self.pixels):
            e.prefetch(e.at(here, p * self._pitch(e)))

    @contextmanager
    def _taps(
        self, e: Emitter, a: dict[str, str], plane: str, tap: Int, high: Taps, wide: Taps, w: Var, carried: list[Var]
    ) -> Iterator[str]:
        """Loops over the window of one block; gives the address of the tap for the tile's first pixel. `w` passes the
        weights of skipped taps, `tap` bytes each."""
        line = Var("ptr", plane)
        with e.loop("kh", high.count, vary=[line, *carried]):
            here = Var("ptr", line.value)
            with e.loop("kw", wide.count, vary=[here, *carried]):
                yield here.value
                here.value = e.at(here.value, a["tap_column"])
            line.value = e.at(line.value, a["tap_row"])
            if self.narrows:
                w.value = e.at(w.value, e.mul_int(e.sub_int(a["kernel_width"], wide.count), tap))
        if self.skips:
            rest = e.mul_int(e.sub_int(a["kernel_height"], high.count), a["kernel_width"])
            w.value = e.at(w.value, e.mul_int(rest, tap))


@dataclass(frozen=True)
class Taps:
    """A stretch of taps along one axis."""

    first: Int
    count: Int


# Where the window lies: the first tap's row for the first output, and rows from output to output and from tap to tap;
# the columns likewise, but that a tile knows their step.
_ROWS = ("first_row", "row_step", "row_taps", "image_rows")
_COLUMNS = ("first_column", "column_taps", "image_columns")


def taps_inside(e: Emitter, first: str, last: str, step: str, count: str, size: str) -> Taps:
    """Of `count` taps, `step` apart, those inside `[0, size)` for some of the pixels whose first tap is at `first` to
    `last`."""
    before = e.max_int(0, e.sub_int(0, last))
    begin = e.min_int(count, e.ceil_int(before, step))
    room = e.max_int(0, e.sub_int(size, first))
    end = e.min_int(count, e.ceil_int(room, step))
    return Taps(begin, e.max_int(0, e.sub_int(end, begin)))
