"""Depthwise convolution: each channel with its own window, a vector of channels at a time."""

from __future__ import annotations

from dataclasses import dataclass

from ..emit import Emitter, Var
from .epilogue import Epilogue
from .rows import rows


@dataclass(frozen=True)
class Depthwise:
    """`pixels` outputs of a row at a time, `step` input pixels apart. Weights are `[block][kh][kw][lane]`.

    `resident` weights (rows, columns) of a dense window are in registers at a time: all, or a row, and each pixel is
    loaded once for all of them. Of others (0, 0) every product reads its pixel from memory.
    """

    pixels: int
    step: int
    resident: tuple[int, int]
    epilogue: Epilogue

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
            window = e.mul_int(e.mul_int(a["kernel_height"], a["kernel_width"]), size)
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
                    elif wide:
                        self._row_by_row(e, a, here, weights, sums)
                    else:
                        self._streamed(e, a, here, weights, sums)
                    for p in range(pixels):
                        e.store(shared.finish(sums[p].value, p), out, p * size)

    def _whole(self, e: Emitter, a: dict[str, str], here: str, kernels: list[str], sums: list[Var]) -> None:
        high, wide = self.resident
        for y in range(high):
            self._row(e, e.at(here, e.mul_int(a["tap_row"], y)), kernels[y * wide : (y + 1) * wide], sums)

    def _row_by_row(self, e: Emitter, a: dict[str, str], here: str, weights: str, sums: list[Var]) -> None:
        size, width, w = e.target.vector_bytes, self.resident[1], Var("ptr", weights)
        with e.walk(here, [("kh", a["kernel_height"], a["tap_row"])], [w, *sums]) as line:
            self._row(e, line, [e.load(w.value, k * size) for k in range(width)], sums)
            w.value = e.at(w.value, width * size)

    def _row(self, e: Emitter, line: str, kernels: list[str], sums: list[Var]) -> None:
        """A row of taps, unrolled: each pixel is loaded once for all that want it."""
        width = len(kernels)
        for at in range((self.pixels - 1) * self.step + width):
            readers = [(p, at - p * self.step) for p in range(self.pixels) if 0 <= at - p * self.step < width]
            pixel = e.load(line, at * e.target.vector_bytes) if readers else ""
            for p, x in readers:
                sums[p].value = e.fma(pixel, kernels[x], sums[p].value)

    def _streamed(self, e: Emitter, a: dict[str, str], here: str, weights: str, sums: list[Var]) -> None:
        size, w = e.target.vector_bytes, Var("ptr", weights)
        axes = [("kh", a["kernel_height"], a["tap_row"]), ("kw", a["kernel_width"], a["tap_column"])]
        with e.walk(here, axes, [w, *sums]) as tap:
            kernel = e.load(w.value)
            for p in range(self.pixels):
                sums[p].value = e.fma(e.load(tap, p * self.step * size), kernel, sums[p].value)
            w.value = e.at(w.value, size)
