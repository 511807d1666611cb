"""Depthwise convolution: each channel with its own window, a vector of channels at a time."""

from __future__ import annotations

from dataclasses import dataclass

from ..emit import Emitter, Var
from .epilogue import Epilogue
from .rows import rows


@dataclass(frozen=True)
class Depthwise:
    """`pixels` outputs of a row at a time, `step` input pixels apart. Weights are `[block][kh][kw][lane]`.

    Every product reads its pixel from memory: two loads a cycle keep two multipliers busy, so nothing needs unrolling.
    """

    pixels: int
    step: int
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
            with rows(e, a, self.epilogue) as row:
                weights = e.at(a["weights"], e.mul_int(row.block, window))
                source = e.at(row.source, e.mul_int(row.number, a["input_row"]))
                with e.loop("column", a["columns"], step=pixels) as column:
                    x = e.min_int(column, last_tile)
                    sums = [Var(e.vector, "zeroinitializer") for _ in range(pixels)]
                    w = Var("ptr", weights)
                    here = e.at(source, e.mul_int(x, self.step * size))
                    axes = [("kh", a["kernel_height"], a["tap_row"]), ("kw", a["kernel_width"], a["tap_column"])]
                    with e.walk(here, axes, [w, *sums]) as tap:
                        kernel = e.load(w.value)
                        for p in range(pixels):
                            sums[p].value = e.fma(e.load(tap, p * self.step * size), kernel, sums[p].value)
                        w.value = e.at(w.value, size)
                    place = e.mul_int(x, size)
                    shared, out = row.tail.block(0, place), e.at(row.target, place)
                    for p in range(pixels):
                        e.store(shared.finish(sums[p].value, p), out, p * size)
