"""Images in another size: each output is a weighted sum of a few rows and columns."""

from __future__ import annotations

from dataclasses import dataclass

from ..emit import Emitter
from .epilogue import Epilogue
from .rows import rows


@dataclass(frozen=True)
class Resize:
    """`taps` rows by `taps` columns for each output, a vector of channels at a time. The tables hold, for each output
    row and column, the bytes to what it reads (`i64[out][taps]`) and its weights (`f32[out][taps]`)."""

    taps: int
    epilogue: Epilogue

    @property
    def arguments(self) -> tuple[str, ...]:
        return (
            "@input", "@output", "blocks", "rows", "columns",
            "@row_offsets", "@row_weights", "@column_offsets", "@column_weights",
            "input_plane", "output_plane", "output_row",
            *self.epilogue.arguments,
        )  # fmt: skip

    def emit(self, e: Emitter, name: str) -> None:
        size, taps = e.target.vector_bytes, range(self.taps)
        with e.kernel(name, self.arguments) as a, rows(e, a, self.epilogue) as row:
            first = e.mul_int(row.number, self.taps)
            sources = [e.at(row.source, e.load_int(a["row_offsets"], e.add_int(first, t))) for t in taps]
            down = [self._weight(e, a["row_weights"], first, t) for t in taps]
            with e.loop("column", a["columns"]) as x:
                start = e.mul_int(x, self.taps)
                offsets = [e.load_int(a["column_offsets"], e.add_int(start, t)) for t in taps]
                across = [self._weight(e, a["column_weights"], start, t) for t in taps]
                total = ""
                for column, weight in zip(offsets, across, strict=True):
                    mixed = ""
                    for source, by in zip(sources, down, strict=True):
                        mixed = self._add(e, e.load(e.at(source, column)), by, mixed)
                    total = self._add(e, mixed, weight, total)
                place = e.mul_int(x, size)
                e.store(row.tail.block(0, place).finish(total, 0), e.at(row.target, place))

    def _weight(self, e: Emitter, table: str, first: str, tap: int) -> str:
        return e.splat(e.load_float(e.at(table, e.mul_int(e.add_int(first, tap), 4))))

    def _add(self, e: Emitter, value: str, weight: str, total: str) -> str:
        """The first product needs no sum; a single tap no product either."""
        if self.taps == 1:
            return value
        return e.fma(value, weight, total) if total else e.set(f"fmul {e.vector} {value}, {weight}")
