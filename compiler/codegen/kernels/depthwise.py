"""Depthwise convolution: each channel with its own window, a vector of channels at a time."""

from __future__ import annotations

from dataclasses import dataclass

from ..emit import Emitter, Var
from .epilogue import Epilogue, Tail


@dataclass(frozen=True)
class Depthwise:
    """`pixels` outputs of a row at a time, `step` input pixels apart. Weights are `[block][kh][kw][lane]`.

    Every product reads its pixel from memory: two loads a cycle keep two multipliers busy, so no window needs unrolling.
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
            lo, hi = e.share(e.mul_int(a["blocks"], a["rows"]))
            with e.loop("unit", hi, start=lo) as unit:
                block = e.div_int(unit, a["rows"])
                row = e.sub_int(unit, e.mul_int(block, a["rows"]))
                weights = e.at(a["weights"], e.mul_int(block, window))
                source = e.at(e.at(a["input"], e.mul_int(block, a["input_plane"])), e.mul_int(row, a["input_row"]))
                target = e.at(e.at(a["output"], e.mul_int(block, a["output_plane"])), e.mul_int(row, a["output_row"]))
                tail = Tail(e, self.epilogue, a, block, row)
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
                    shared, out = tail.block(0, x), e.at(target, e.mul_int(x, size))
                    for p in range(pixels):
                        e.store(shared.finish(sums[p].value, p), out, p * size)
