"""Depthwise convolution: each channel with its own window, a vector of channels at a time. So is a grouped one whose
groups lie within a vector: shuffles bring each lane the inputs of its group."""

from __future__ import annotations

from dataclasses import dataclass

from ..emit import Emitter, Int, Var
from .epilogue import Epilogue
from .rows import rows


@dataclass(frozen=True)
class Depthwise:
    """`pixels` outputs of a row at a time, `step` input pixels apart. A group has `inside` channels, and gives as many.
    Weights are `[block][kh][channel of the group][kw][lane]`.

    `resident` weights (rows, columns) of a dense window are at hand at a time: all, or a row, and each pixel is loaded,
    and spread, once for all of them. Of others (0, 0) every tap reads its pixel from memory.

    Where windows reach past the image, zeros are read instead of what lies outside, so that it needs no rim: in place
    of whole rows of taps, and of as many pixels at each end of a tile's as `border` says. Not of the others (0, 0),
    which would ask for each pixel of each tap.
    """

    pixels: int
    step: int
    resident: tuple[int, int]
    epilogue: Epilogue
    inside: int = 1
    border: tuple[int, int] | None = None

    @property
    def arguments(self) -> tuple[str, ...]:
        return (
            "@input", "@weights", "@output",
            "blocks", "rows", "columns",
            "kernel_height", "kernel_width",
            "input_plane", "input_row", "tap_row", "tap_column",
            "output_plane", "output_row",
            *(_BORDER if self.border else ()),
            *self.epilogue.arguments,
        )  # fmt: skip

    @property
    def _span(self) -> int:
        """Pixels of a row that a tile reads."""
        return (self.pixels - 1) * self.step + self.resident[1]

    def emit(self, e: Emitter, name: str) -> None:
        size, pixels = e.target.vector_bytes, self.pixels
        with e.kernel(name, self.arguments) as a:
            zeros = self._zeros(e) if self.border else ""
            window = e.mul_int(e.mul_int(a["kernel_height"], a["kernel_width"]), self.inside * size)
            last_tile = e.sub_int(a["columns"], pixels)
            with rows(e, a, self.epilogue, across=True) as row:
                weights = e.at(a["weights"], e.mul_int(row.block, window))
                source = e.at(row.source, e.mul_int(row.number, a["input_row"]))
                high, wide = self.resident
                kernels = [e.load(weights, k * size) for k in range(high * wide)] if high > 1 else []
                with e.loop("column", a["columns"], step=pixels) as column:
                    x = e.min_int(column, last_tile)
                    here = e.at(source, e.mul_int(x, self.step * size))
                    place = e.mul_int(x, size)
                    shared, out = row.tail.block(0, place), e.at(row.target, place)
                    sums = [Var(e.vector, shared.start) for _ in range(pixels)]
                    border = self._border_of(e, a, zeros, row.number, x)
                    if kernels:
                        self._whole(e, a, here, kernels, sums, border)
                    else:
                        self._row_by_row(e, a, here, weights, sums, border)
                    for p in range(pixels):
                        e.store(shared.finish(sums[p].value, p), out, p * size)

    def _zeros(self, e: Emitter) -> str:
        """As many as a tile reads of a row."""
        zeros = e.array(self._span)
        for at in range(self._span):
            e.store("zeroinitializer", zeros, at * e.target.vector_bytes)
        return zeros

    def _border_of(self, e: Emitter, a: dict[str, str], zeros: str, row: str, x: str) -> Border | None:
        """For the tile at pixel `x` of an output row."""
        if not self.border:
            return None
        before, after = self.border
        line, column = (
            e.add_int(a[first], e.mul_int(number, step))
            for first, number, step in (("first_row", row, a["row_step"]), ("first_column", x, self.step))
        )
        ends = (*range(before), *range(self._span - after, self._span))
        return Border(e, a, zeros, line, {k: e.compare("ult", e.add_int(column, k), a["image_columns"]) for k in ends})

    def _whole(
        self, e: Emitter, a: dict[str, str], here: str, kernels: list[str], sums: list[Var], border: Border | None
    ) -> None:
        high, wide = self.resident
        for y in range(high):
            line = e.at(here, e.mul_int(a["tap_row"], y))
            line = border.line(line, y) if border else line
            self._row(e, line, kernels[y * wide : (y + 1) * wide], 0, sums, border)

    def _row_by_row(
        self, e: Emitter, a: dict[str, str], here: str, weights: str, sums: list[Var], border: Border | None
    ) -> None:
        """A row of taps for each channel of a group, each from an address that is a stranger to the one before: LLVM
        would keep all pixels in registers."""
        size, wide, w, line = e.target.vector_bytes, self.resident[1], Var("ptr", weights), Var("ptr", here)
        with e.loop("kh", a["kernel_height"], vary=[line, w, *sums]) as tap_row:
            begin = border.line(line.value, tap_row) if border else line.value
            for channel in range(self.inside):
                place = e.launder(begin) if channel else begin
                if wide:
                    self._row(e, place, [e.load(w.value, k * size) for k in range(wide)], channel, sums, border)
                    w.value = e.at(w.value, wide * size)
                    continue
                with e.walk(place, [("kw", a["kernel_width"], a["tap_column"])], [w, *sums]) as tap:
                    kernel = e.load(w.value)
                    for p, total in enumerate(sums):
                        total.value = e.fma(self._pixel(e, tap, p * self.step, channel), kernel, total.value)
                    w.value = e.at(w.value, size)
            line.value = e.at(line.value, a["tap_row"])

    def _row(
        self, e: Emitter, line: str, kernels: list[str], channel: int, sums: list[Var], border: Border | None
    ) -> None:
        """A row of taps, unrolled: each pixel is loaded once for all that want it."""
        wide = len(kernels)
        for at in range(self._span):
            readers = [(p, at - p * self.step) for p in range(self.pixels) if 0 <= at - p * self.step < wide]
            pixel = self._pixel(e, line, at, channel, border) if readers else ""
            for p, x in readers:
                sums[p].value = e.fma(pixel, kernels[x], sums[p].value)

    def _pixel(self, e: Emitter, line: str, at: int, channel: int, border: Border | None = None) -> str:
        """A pixel's number of such a channel of each lane's group."""
        place = e.at(line, at * e.target.vector_bytes)
        pixel = e.load(border.pixel(place, at) if border else place)
        if self.inside == 1:
            return pixel
        return e.pick(pixel, pixel, [lane // self.inside * self.inside + channel for lane in range(e.lanes)])


# Where the window lies: the first tap's row and column for the first output, rows from output to output and from tap to
# tap, and the image's size.
_BORDER = ("first_row", "row_step", "row_taps", "image_rows", "first_column", "image_columns")


@dataclass(frozen=True)
class Border:
    """What a tile reads: addresses of the image, or of zeros. `inside` tells of the pixels at its ends whether they
    are in the image."""

    e: Emitter
    a: dict[str, str]
    zeros: str
    first_row: str
    inside: dict[int, str]

    def line(self, line: str, tap: Int) -> str:
        """A tile's first pixel in a row of taps."""
        row = self.e.add_int(self.first_row, self.e.mul_int(self.a["row_taps"], tap))
        return self.e.choose(self.e.compare("ult", row, self.a["image_rows"]), "ptr", line, self.zeros)

    def pixel(self, place: str, at: int) -> str:
        return self.e.choose(self.inside[at], "ptr", place, self.zeros) if at in self.inside else place
