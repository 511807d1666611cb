"""Winograd convolution with square windows: transform tiles of the input, multiply, transform back.

Tiles of m x m results are taken in chunks of as many as a register tile has pixels, and chunks in blocks whose
transformed inputs stay in the cache:

    data      [point][chunk of the block][input block][tile][lane]     a block, all input channels
    products  [point][vector][tile of the block][lane]                 a block, one group of output channels
    weights   [group][point][input block][lane][vectors * lanes]       so that they stream in address order

A *point* is one of the n**2 numbers of a transformed tile, for each of which there is a product of matrices. The last
chunk overlaps the one before rather than fall short. A NaN or infinity reaches all of its tile.

Where input channels are few, a product is soon done, and to store and load it takes as long. There a register tile may
hold all points of a *column*: its n products become m results before they leave the registers.

    data      [column][chunk of the block][input block][point][tile][lane]
    products  [column][chunk of the block][result][tile][lane]
    weights   [group][column][input block][lane][point][lanes]
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, reduce

from ...schedule.schedule import Filtering
from ..arithmetic import Arithmetic
from ..emit import Emitter, Int, Var
from ..winograd import TRANSFORMS, Transform
from .ahead import Ahead, Following
from .epilogue import Epilogue, Tail
from .outer import outer_products, registers, zeros
from .pool import larger

# Of the table of tiles: bytes to its first input, its first output's row and column, rows, columns, its image.
TILE_WORDS = 6


@dataclass(frozen=True)
class Winograd:
    """A register tile of `pixels` tiles x `vectors`, with `columns` x a column's points; outputs of a tile lie `spread`
    apart (the dilation). Of outputs that are `pooled` only the maximum of each square of 2 x 2 is stored; the table of
    tiles then counts those.

    Work is counted in units of one group of output channels for one block of tiles; who begins a block, or begins
    within it, transforms its input. Each part has its own scratch memory for data and products.
    """

    filtering: Filtering
    pixels: int
    vectors: int
    ahead: Ahead
    epilogue: Epilogue
    spread: int = 1
    pooled: bool = False
    columns: bool = False

    @property
    def arguments(self) -> tuple[str, ...]:
        return (
            "@input", "@weights", "@output", "@tiles",
            "count", "images", "block",  # tiles of an image, images, chunks of a block
            "groups", "planes", "blocks", "tail",  # of output channels; of inputs: blocks, full ones, channels left
            "parts_groups", "parts_planes",  # of a grouped convolution: groups that share inputs, and blocks of those
            "input_plane", "tap_row",
            "data_point", "products", "products_point",  # bytes: of a point's data, to the products; or of a column's
            "weights_group", "weights_point",
            "output_plane", "output_row", "output_image",
            *self.ahead.arguments, *self.epilogue.arguments,
            *(f"extra{i}_image" for i in range(len(self.epilogue.extras))),
        )  # fmt: skip

    @property
    def transform(self) -> Transform:
        return TRANSFORMS[self.filtering]

    @property
    def rows(self) -> int:
        """Points of a register tile."""
        return self.transform.size if self.columns else 1

    def _run(self, e: Emitter) -> int:
        """Bytes of a register for each tile of a chunk."""
        return self.pixels * e.target.vector_bytes

    def emit(self, e: Emitter, name: str) -> None:
        with e.kernel(name, self.arguments) as a:
            a["count"] = e.mul_int(a["count"], a["images"])
            a["chunks"] = e.div_int(e.add_int(a["count"], self.pixels - 1), self.pixels)
            each = e.ceil_int(a["chunks"], a["block"])
            lo, hi = e.share(e.mul_int(each, a["groups"]))
            block = Var("i64", e.div_int(lo, a["groups"]))
            group = Var("i64", e.sub_int(lo, e.mul_int(block.value, a["groups"])))
            a["data"], a["sums"] = "%scratch", e.at("%scratch", a["products"])
            with e.loop("unit", hi, start=lo, vary=[block, group]) as unit:
                first = e.mul_int(block.value, a["block"])
                a["first"], a["many"] = first, e.min_int(a["block"], e.sub_int(a["chunks"], first))
                begins = e.set(f"or i1 {e.compare('eq', unit, lo)}, {e.compare('eq', group.value, 0)}")
                with e.when(begins):
                    self._transform_block(e, a)
                self._multiply(e, a, group.value)
                self._finish(e, a, group.value)
                group.value = e.add_int(group.value, 1)
                wrap = e.compare("eq", group.value, a["groups"])
                group.value = e.choose(wrap, "i64", 0, group.value)
                block.value = e.choose(wrap, "i64", e.add_int(block.value, 1), block.value)

    @contextmanager
    def _tiles(self, e: Emitter, a: dict[str, str], chunk: str) -> Iterator[tuple[str, str]]:
        """Each tile of a chunk: its number in the chunk and its row in the table."""
        start = e.mul_int(e.add_int(a["first"], chunk), self.pixels)
        start = e.min_int(start, e.sub_int(a["count"], self.pixels))
        with e.loop("tile", self.pixels) as number:
            yield number, e.at(a["tiles"], e.mul_int(e.add_int(start, number), 8 * TILE_WORDS))

    def _transform_block(self, e: Emitter, a: dict[str, str]) -> None:
        """B' X B of every tile and channel of a block, two columns at a time: 2 n numbers fit the registers, n * n do
        not. The tile is read anew for each pair, from the L1 cache; addresses of it that LLVM kept would be spilled."""
        size, words, run = e.target.vector_bytes, Arithmetic(e), self._run(e)
        down = run if self.columns else e.mul_int(a["data_point"], self.transform.size)
        with e.loop("chunk", a["many"]) as chunk, e.loop("plane", a["planes"]) as plane:
            source = e.at(a["input"], e.mul_int(plane, a["input_plane"]))
            place = e.add_int(e.mul_int(chunk, a["planes"]), plane)
            target = e.at(a["data"], e.mul_int(place, self.rows * run))
            with self._tiles(e, a, chunk) as (number, tile):
                corner = e.at(source, e.load_int(tile, 0))
                if self.ahead.pixels:
                    self._fetch(e, a, source, tile)
                out = e.at(target, e.mul_int(number, size))
                for pair in self.transform.pairs:
                    rows = []
                    for line in self._points(e, e.launder(corner), a["tap_row"]):
                        pixels = [e.load(line, x * self.spread * size) for x in range(self.transform.size)]
                        rows.append(self.transform.data_pair(words, pixels, pair))
                    for x, column in zip(pair, zip(*rows, strict=True), strict=True):
                        points = self._points(e, e.at(out, e.mul_int(a["data_point"], x)), down)
                        for value, point in zip(self.transform.data(words, column), points, strict=True):
                            e.store(value, point)

    def _fetch(self, e: Emitter, a: dict[str, str], source: str, tile: str) -> None:
        """Have the tile a block further on fetched, but for the columns that its neighbour has too."""
        ahead = e.at(tile, e.mul_int(a["block"], self.pixels * 8 * TILE_WORDS))
        corner = e.at(source, e.load_int(ahead, 0))
        for y in range(self.transform.size):
            for x in range(self.filtering.outputs * self.filtering.stride):
                line = e.at(corner, e.mul_int(a["tap_row"], y))
                e.prefetch(e.at(line, x * self.spread * e.target.vector_bytes))

    def _multiply(self, e: Emitter, a: dict[str, str], group: str) -> None:
        """For each point, or column of points, a group's weights times a block's data: register tiles of a chunk, the
        whole sum inside."""
        size, rows, run = e.target.vector_bytes, self.rows, self._run(e)
        widths = registers(e, self.vectors, e.lanes)
        weights = Var("ptr", e.at(a["weights"], e.mul_int(group, a["weights_group"])))
        part = e.mul_int(e.div_int(group, a["parts_groups"]), a["parts_planes"])
        data, products = Var("ptr", e.at(a["data"], e.mul_int(part, rows * run))), Var("ptr", a["sums"])
        with e.loop("point", self.transform.size**2 // rows, vary=[weights, data, products]):
            with e.loop("chunk", a["many"]) as chunk:
                source = Var("ptr", e.at(data.value, e.mul_int(chunk, e.mul_int(a["planes"], rows * run))))
                w, sums = Var("ptr", weights.value), zeros(widths, rows * self.pixels)
                following = None
                if self.ahead.following:
                    following = Following(e, a, rows * self.vectors, e.at(weights.value, a["weights_point"]), chunk)
                carried = [w, *(total for pixel in sums for total in pixel)]
                with e.loop("block", a["blocks"], vary=[source, *([following.place] if following else []), *carried]):
                    outer_products(e, widths, source.value, size, e.lanes, w, sums, following, rows)
                    source.value = e.at(source.value, rows * run)
                outer_products(e, widths, source.value, size, a["tail"], w, sums, rows=rows)
                if self.columns:
                    self._store_results(e, [total.value for (total,) in sums], products.value, chunk)
                else:
                    self._store_products(e, a, sums, e.at(products.value, e.mul_int(chunk, run)))
            weights.value = e.at(weights.value, a["weights_point"])
            data.value = e.at(data.value, a["data_point"])
            products.value = e.at(products.value, a["products_point"])

    def _store_products(self, e: Emitter, a: dict[str, str], sums: list[list[Var]], out: str) -> None:
        size, plane = e.target.vector_bytes, e.mul_int(a["block"], self._run(e))
        for v in range(self.vectors):
            for p, pixel in enumerate(sums):
                e.store(pixel[v].value, e.at(out, e.mul_int(plane, v)), p * size)

    def _store_results(self, e: Emitter, sums: list[str], products: str, chunk: str) -> None:
        """A' of each tile's column."""
        size, run = e.target.vector_bytes, self._run(e)
        out = e.at(products, e.mul_int(chunk, self.filtering.outputs * run))
        for p in range(self.pixels):
            for y, result in enumerate(self.transform.result(Arithmetic(e), sums[p :: self.pixels])):
                e.store(result, out, y * run + p * size)

    def _finish(self, e: Emitter, a: dict[str, str], group: str) -> None:
        """A' M A and the epilogue of every tile of a block, for the vectors of a group."""
        size, run = e.target.vector_bytes, self._run(e)
        first = e.mul_int(group, self.vectors)
        with e.loop("chunk", a["many"]) as chunk, self._tiles(e, a, chunk) as (number, tile):
            row, column, high, wide, image = (e.load_int(tile, word) for word in range(1, TILE_WORDS))
            here = a | {
                name: e.at(a[name], e.mul_int(image, a[f"{name}_image"]))
                for name in ("output", *(f"extra{i}" for i in range(len(self.epilogue.extras))))
            }
            each = self.filtering.outputs * run if self.columns else run
            source = e.at(e.at(a["sums"], e.mul_int(chunk, each)), e.mul_int(number, size))
            with e.loop("vector", self.vectors) as vector:
                start = Var("ptr", e.at(source, e.mul_int(vector, e.mul_int(a["block"], run))))
                down = run if self.columns else self._transform_columns(e, a, start.value)
                with e.loop("down", high, vary=[start]) as y:
                    lines = []
                    for _ in range(2 if self.pooled else 1):
                        numbers = [e.load(point) for point in self._points(e, start.value, a["products_point"])]
                        lines.append(self.transform.result(Arithmetic(e), numbers))
                        start.value = e.at(start.value, down)
                    at = e.add_int(row, e.mul_int(y, self.spread))
                    self._line(e, here, e.add_int(first, vector), at, column, wide, lines)

    def _transform_columns(self, e: Emitter, a: dict[str, str], place: str) -> Int:
        """A' M of a tile where it lies. Returns how many bytes further the next row does."""
        n, top = self.transform.size, Var("ptr", place)
        down = e.mul_int(a["products_point"], n)
        with e.loop("across", n, vary=[top]):
            points = self._points(e, top.value, down)
            results = self.transform.result(Arithmetic(e), [e.load(point) for point in points])
            for result, point in zip(results, points, strict=False):
                e.store(result, point)
            top.value = e.at(top.value, a["products_point"])
        return down

    def _points(self, e: Emitter, pointer: str, distance: Int) -> list[str]:
        """The addresses of a transformed vector's numbers."""
        pointers = [pointer]
        while len(pointers) < self.transform.size:
            pointers.append(e.at(pointers[-1], distance))
        return pointers

    def _line(
        self, e: Emitter, a: dict[str, str], block: Int, row: Int, column: Int, wide: Int, lines: list[list[str]]
    ) -> None:
        """A row of a tile, or the maxima of two, into the output, as far as the image goes."""
        size, words = e.target.vector_bytes, Arithmetic(e)
        place = e.mul_int(column, size)
        out = e.at(a["output"], e.mul_int(block, a["output_plane"]))
        out = e.at(e.at(out, e.mul_int(row, a["output_row"])), place)
        shared = Tail(e, self.epilogue, a, block, row, self.spread).block(0, place)
        side = len(lines)
        for x in range(self.filtering.outputs // side):
            with e.when(e.compare("sgt", wide, x)):
                sums = [value for line in lines for value in line[x * side : (x + 1) * side]]
                if self.epilogue.bias:
                    sums = [words.add(value, shared.start) for value in sums]
                values = [shared.finish(value, x) for value in sums]
                e.store(reduce(partial(larger, e), values), out, x * self.spread * size)
