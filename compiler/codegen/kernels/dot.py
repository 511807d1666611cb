"""Convolution to few channels: lanes are input channels, and each output is a dot product. Where lanes were output
channels, most would be idle."""

from __future__ import annotations

from dataclasses import dataclass

from ..emit import Emitter, Var
from .epilogue import Epilogue
from .rows import rows


@dataclass(frozen=True)
class Dot:
    """`pixels` of a row at a time, `step` input pixels apart, all `outputs` of each; the input has whole blocks of
    channels, `deep` of them. Weights are `[block][kh][kw][output][lane]`."""

    pixels: int
    outputs: int
    step: int
    epilogue: Epilogue

    @property
    def arguments(self) -> tuple[str, ...]:
        return (
            "@input", "@weights", "@output",
            "blocks", "rows", "columns", "deep",
            "kernel_height", "kernel_width",
            "input_plane", "input_row", "tap_row", "tap_column",
            "output_plane", "output_row",
            *self.epilogue.arguments,
        )  # fmt: skip

    def emit(self, e: Emitter, name: str) -> None:
        size, pixels = e.target.vector_bytes, self.pixels
        with e.kernel(name, self.arguments) as a:
            room = self.epilogue.room(e, pixels)
            last_tile = e.sub_int(a["columns"], pixels)
            with rows(e, a, self.epilogue) as row, e.loop("column", a["columns"], step=pixels) as column:
                x = e.min_int(column, last_tile)  # the last tile overlaps the one before rather than fall short
                source = e.at(row.source, e.mul_int(row.number, a["input_row"]))
                products = self._products(e, a, e.at(source, e.mul_int(x, self.step * size)))
                place = e.mul_int(x, size)
                shared, out = row.tail.block(0, place), e.at(row.target, place)
                values = [e.set(f"fadd {e.vector} {summed(e, pixel)}, {shared.start}") for pixel in products]
                shared.put_away(values, room)
                for p, value in enumerate(shared.finish_all(values, room)):
                    e.store(value, out, p * size)

    def _products(self, e: Emitter, a: dict[str, str], here: str) -> list[list[str]]:
        """Of each pixel and output a register whose lanes add up to it."""
        size = e.target.vector_bytes
        sums = [[Var(e.vector, "zeroinitializer") for _ in range(self.outputs)] for _ in range(self.pixels)]
        w = Var("ptr", a["weights"])
        axes = [
            ("block", a["deep"], a["input_plane"]),
            ("kh", a["kernel_height"], a["tap_row"]),
            ("kw", a["kernel_width"], a["tap_column"]),
        ]
        with e.walk(here, axes, [w, *(total for pixel in sums for total in pixel)]) as tap:
            kernels = [e.load(w.value, k * size) for k in range(self.outputs)]
            for p, pixel in enumerate(sums):
                if self.outputs > 1:
                    tap = e.launder(tap)  # or LLVM loads all pixels first, for which there are no registers
                value = e.load(tap, p * self.step * size)
                for kernel, total in zip(kernels, pixel, strict=True):
                    total.value = e.fma(value, kernel, total.value)
            w.value = e.at(w.value, self.outputs * size)
        return [[total.value for total in pixel] for pixel in sums]


def summed(e: Emitter, values: list[str]) -> str:
    """The sum of each register's lanes, the first one's in lane 0: neighbours are added until one register is left."""
    lanes = e.lanes
    values = [*values, *["zeroinitializer"] * (lanes - len(values))]
    while len(values) > 1:
        pairs = zip(values[::2], values[1::2], strict=True)
        values = [
            "zeroinitializer" if a == b == "zeroinitializer" else e.set(
                f"fadd {e.vector} {e.pick(a, b, range(0, 2 * lanes, 2))}, {e.pick(a, b, range(1, 2 * lanes, 2))}"
            )
            for a, b in pairs
        ]  # fmt: skip
    return values[0]
