"""Depthwise convolution: each channel with its own window, a vector of channels at a time. So is a grouped one whose
groups lie within a vector: shuffles bring each lane the inputs of its group."""

from __future__ import annotations

from dataclasses import dataclass

from ..emit import Emitter, Var
from .epilogue import Epilogue
from .rows import rows


@dataclass(frozen=True)
class Depthwise:
    """`pixels` outputs of a row at a time, `step` input pixels apart. A group has `inside` channels, and gives as many.
    Weights are `[block][kh][channel of the group][kw][lane]`.

    `resident` weights (rows, columns) of a dense window are at hand at a time: all, or a row, and each pixel is loaded,
    and spread, once for all of them. Of others (0, 0) every tap reads its pixel from memory.
    """

    pixels: int
    step: int
    resident: tuple[int, int]
    epilogue: Epilogue
    inside: int = 1

    @property
    def arguments(self) -> tuple[str, ...]:
        return (
            "@input", "@weights", "@output",
            "blocks", "rows", "columns",
            "kernel_height", "kernel_width",
            "input_plane", "input_row", "tap_row", "tap_column",
            "output_plane", "output_row",
            *self.epilogue.arguments,
        )  # fmt: skip

    def emit(self, e: Emitter, name: str) -> None:
        size, pixels = e.target.vector_bytes, self.pixels
        with e.kernel(name, self.arguments) as a:
            window = e.mul_int(e.mul_int(a["kernel_height"], a["kernel_width"]), self.inside * size)
            last_tile = e.sub_int(a["columns"], pixels)
            with rows(e, a, self.epilogue, across=1) as row:
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
                    if kernels:
                        self._whole(e, a, here, kernels, sums)
                    else:
                        self._row_by_row(e, a, here, weights, sums)
                    for p in range(pixels):
                        e.store(shared.finish(sums[p].value, p), out, p * size)

    def _whole(self, e: Emitter, a: dict[str, str], here: str, kernels: list[str], sums: list[Var]) -> None:
        high, wide = self.resident
        for y in range(high):
            self._row(e, e.at(here, e.mul_int(a["tap_row"], y)), kernels[y * wide : (y + 1) * wide], 0, sums)

    def _row_by_row(self, e: Emitter, a: dict[str, str], here: str, weights: str, sums: list[Var]) -> None:
        """A row of taps for each channel of a group, each from an address that is a stranger to the one before: LLVM
        would keep all pixels in registers."""
        size, wide, w = e.target.vector_bytes, self.resident[1], Var("ptr", weights)
        with e.walk(here, [("kh", a["kernel_height"], a["tap_row"])], [w, *sums]) as line:
            for channel in range(self.inside):
                place = e.launder(line) if channel else line
                if wide:
                    self._row(e, place, [e.load(w.value, k * size) for k in range(wide)], channel, sums)
                    w.value = e.at(w.value, wide * size)
                    continue
                with e.walk(place, [("kw", a["kernel_width"], a["tap_column"])], [w, *sums]) as tap:
                    kernel = e.load(w.value)
                    for p, total in enumerate(sums):
                        total.value = e.fma(self._pixel(e, tap, p * self.step, channel), kernel, total.value)
                    w.value = e.at(w.value, size)

    def _row(self, e: Emitter, line: str, kernels: list[str], channel: int, sums: list[Var]) -> None:
        """A row of taps, unrolled: each pixel is loaded once for all that want it."""
        wide = len(kernels)
        for at in range((self.pixels - 1) * self.step + wide):
            readers = [(p, at - p * self.step) for p in range(self.pixels) if 0 <= at - p * self.step < wide]
            pixel = self._pixel(e, line, at, channel) if readers else ""
            for p, x in readers:
                sums[p].value = e.fma(pixel, kernels[x], sums[p].value)

    def _pixel(self, e: Emitter, line: str, at: int, channel: int) -> str:
        """A pixel's number of such a channel of each lane's group."""
        pixel = e.load(line, at * e.target.vector_bytes)
        if self.inside == 1:
            return pixel
        return e.pick(pixel, pixel, [lane // self.inside * self.inside + channel for lane in range(e.lanes)])
