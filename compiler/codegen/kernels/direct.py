"""Direct convolution: a register tile of outputs, the whole sum inside.

Layouts: the input is `[block][row][pixel][lane]` with a rim of zeros where taps fall outside (`lanes` channels a
block, or 1 for the planar images that first layers read); weights are `[group][block][kh][kw][lane][vectors * lanes]`,
so that a tile streams them in address order (a *group* is the output channels that one tile computes). Trip counts and
strides are arguments: one kernel serves every layer of its tile, column stride and epilogue.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from ..emit import Emitter, Int, Var
from .epilogue import Epilogue, Tail
from .outer import outer_product, zeros


@dataclass(frozen=True)
class Direct:
    """`pixels` x `vectors` outputs at a time; `step` input pixels between neighbouring outputs of a row, which lie
    `spread` pixels apart (a transposed convolution makes every other one).

    Work is counted in units of one output row of one group.
    """

    pixels: int
    vectors: int
    step: int
    pointwise: bool
    planar: bool
    epilogue: Epilogue
    spread: int = 1

    @property
    def arguments(self) -> tuple[str, ...]:
        return (
            "@input", "@weights", "@output",
            "groups", "rows", "columns",  # trip counts: groups of output channels, output rows, pixels of a row
            "parts_groups", "parts_plane",  # of a grouped convolution: groups that share inputs, bytes between inputs
            "blocks", "tail",  # full blocks of input channels, channels in a last one
            "kernel_height", "kernel_width",
            "input_plane", "input_row",  # bytes from block to block, from output row to output row
            "tap_row", "tap_column",  # bytes from tap to tap
            "weights_group",  # bytes from group to group
            "output_plane", "output_row",
            *self.epilogue.arguments,
        )  # fmt: skip

    def emit(self, e: Emitter, name: str) -> None:
        size, vectors, pixels = e.target.vector_bytes, self.vectors, self.pixels
        with e.kernel(name, self.arguments) as a:
            lo, hi = e.share(e.mul_int(a["groups"], a["rows"]))
            group = Var("i64", e.div_int(lo, a["rows"]))
            row = Var("i64", e.sub_int(lo, e.mul_int(group.value, a["rows"])))
            last_tile = e.sub_int(a["columns"], pixels)
            with e.loop("unit", hi, start=lo, vary=[group, row]):
                part = e.div_int(group.value, a["parts_groups"])
                source = e.at(a["input"], e.mul_int(part, a["parts_plane"]))
                source = e.at(source, e.mul_int(row.value, a["input_row"]))
                weights = e.at(a["weights"], e.mul_int(group.value, a["weights_group"]))
                first = e.mul_int(group.value, vectors)
                target = e.at(a["output"], e.mul_int(first, a["output_plane"]))
                target = e.at(target, e.mul_int(row.value, a["output_row"]))
                tail = Tail(e, self.epilogue, a, first, row.value, self.spread)
                with e.loop("column", a["columns"], step=pixels) as column:
                    x = e.min_int(column, last_tile)  # the last tile overlaps the one before rather than fall short
                    here = e.at(source, e.mul_int(x, self.step * (4 if self.planar else size)))
                    sums = self._tile(e, a, here, weights)
                    place = e.mul_int(x, size * self.spread)
                    for v in range(vectors):
                        block = tail.block(v, place)
                        out = e.at(e.at(target, e.mul_int(a["output_plane"], v)), place)
                        for p in range(pixels):
                            e.store(block.finish(sums[p][v].value, p), out, p * size * self.spread)
                row.value = e.add_int(row.value, 1)
                wrap = e.compare("eq", row.value, a["rows"])
                row.value = e.choose(wrap, "i64", 0, row.value)
                group.value = e.choose(wrap, "i64", e.add_int(group.value, 1), group.value)

    def _tile(self, e: Emitter, a: dict[str, str], source: str, weights: str) -> list[list[Var]]:
        """The sums of one register tile: `[pixel][vector]`, in registers from the first to the last tap."""
        sums = zeros(e, self.pixels, self.vectors)
        plane, w = Var("ptr", source), Var("ptr", weights)
        pitch = self.step * (4 if self.planar else e.target.vector_bytes)
        carried = [w, *(s for pixel in sums for s in pixel)]
        with e.loop("block", a["blocks"], vary=[plane, *carried]):
            with self._taps(e, a, plane.value, carried) as tap:
                for c in range(1 if self.planar else e.lanes):
                    outer_product(e, tap, pitch, c, w, sums)
            plane.value = e.at(plane.value, a["input_plane"])
        if not self.planar:
            with e.when(e.compare("ne", a["tail"], 0), vary=carried), self._taps(e, a, plane.value, carried) as tap:
                lane = Var("ptr", tap)
                with e.loop("lane", a["tail"], vary=[lane, *carried]):
                    outer_product(e, lane.value, pitch, 0, w, sums)
                    lane.value = e.at(lane.value, 4)
        return sums

    def _taps(self, e: Emitter, a: dict[str, str], plane: str, carried: list[Var]) -> AbstractContextManager[str]:
        """Loops over the window of one block; gives the address of the tap for the tile's first pixel."""
        high: Int = 1 if self.pointwise else a["kernel_height"]
        wide: Int = 1 if self.pointwise else a["kernel_width"]
        return e.walk(plane, [("kh", high, a["tap_row"]), ("kw", wide, a["tap_column"])], carried)
