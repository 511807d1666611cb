"""Depthwise convolution: each channel with its own window, a vector of channels at a time."""

from __future__ import annotations

from dataclasses import dataclass

from ..emit import Emitter, Var
from .epilogue import Epilogue
from .rows import rows


@dataclass(frozen=True)
class Depthwise:
    """`pixels` outputs of a row at a time, `step` input pixels apart. Weights are `[block][kh][kw][lane]`.

    The weights of a small dense `window` (rows, columns) stay in registers, and each pixel is loaded once for all the
    outputs that want it. For others (0, 0) every product reads its pixel from memory.
    """

    pixels: int
    step: int
    window: tuple[int, int]
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
                kernels = [e.load(weights, k * size) for k in range(self.window[0] * self.window[1])]
                with e.loop("column", a["columns"], step=pixels) as column:
                    x = e.min_int(column, last_tile)
                    here = e.at(source, e.mul_int(x, self.step * size))
                    place = e.mul_int(x, size)
                    shared, out = row.tail.block(0, place), e.at(row.target, place)
                    sums = [Var(e.vector, shared.start) for _ in range(pixels)]
                    if kernels:
                        self._resident(e, a, here, kernels, sums)
                    else:
                        self._streamed(e, a, here, weights, sums)
                    for p in range(pixels):
                        e.store(shared.finish(sums[p].value, p), out, p * size)

    def _resident(self, e: Emitter, a: dict[str, str], here: str, kernels: list[str], sums: list[Var]) -> None:
        """The window unrolled."""
        size, (height, width) = e.target.vector_bytes, self.window
        for y in range(height):
            line = e.at(here, e.mul_int(a["tap_row"], y))
            for at in range((self.pixels - 1) * self.step + width):
                readers = [(p, at - p * self.step) for p in range(self.pixels) if 0 <= at - p * self.step < width]
                pixel = e.load(line, at * size) if readers else ""
                for p, x in readers:
                    sums[p].value = e.fma(pixel, kernels[y * width + x], sums[p].value)

    def _streamed(self, e: Emitter, a: dict[str, str], here: str, weights: str, sums: list[Var]) -> None:
        size, w = e.target.vector_bytes, Var("ptr", weights)
        axes = [("kh", a["kernel_height"], a["tap_row"]), ("kw", a["kernel_width"], a["tap_column"])]
        with e.walk(here, axes, [w, *sums]) as tap:
            kernel = e.load(w.value)
            for p in range(self.pixels):
                sums[p].value = e.fma(e.load(tap, p * self.step * size), kernel, sums[p].value)
            w.value = e.at(w.value, size)
