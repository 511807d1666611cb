"""Images as users have them, `u8` or `f32` in NCHW order, into the arena: planar, in a rim of zeros."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..arithmetic import Arithmetic
from ..emit import Emitter
from .epilogue import Epilogue


@dataclass(frozen=True)
class Image:
    """Converts, applies a chain of one-input operators, and writes the rim: `before` a plane's first pixel, `between`
    rows, and `after` the last, all in bytes. Vectors run along the row, so the chain's tables are `[channel][table]`
    here, a number each. The last vector of a row overlaps the one before; only rows shorter than one are masked, which
    makes a store ten times as slow on some CPUs."""

    dtype: Literal["u8", "f32"]
    epilogue: Epilogue

    @property
    def arguments(self) -> tuple[str, ...]:
        return (
            "@input", "@output", "channels", "rows", "columns", "output_plane", "output_row",
            "before", "between", "after",
            *self.epilogue.arguments,
        )  # fmt: skip

    def emit(self, e: Emitter, name: str) -> None:
        width = 1 if self.dtype == "u8" else 4
        with e.kernel(name, self.arguments) as a:
            lo, hi = e.share(e.mul_int(a["channels"], a["rows"]))
            with e.loop("unit", hi, start=lo) as unit:
                channel = e.div_int(unit, a["rows"])
                row = e.sub_int(unit, e.mul_int(channel, a["rows"]))
                source = e.at(a["input"], e.mul_int(e.mul_int(unit, a["columns"]), width))
                target = e.at(e.at(a["output"], e.mul_int(channel, a["output_plane"])), e.mul_int(row, a["output_row"]))
                tables = [self._number(e, a, channel, t) for t in range(self.epilogue.tables)]
                narrow = e.compare("slt", a["columns"], e.lanes)
                with e.when(narrow):
                    mask = e.mask(a["columns"])
                    value = e.load_bytes(source, mask) if self.dtype == "u8" else e.load_masked(source, mask)
                    e.store_masked(self._chain(e, value, tables), target, mask)
                last = e.sub_int(a["columns"], e.lanes)
                with e.loop("column", e.choose(narrow, "i64", 0, a["columns"]), step=e.lanes) as x:
                    x = e.min_int(x, last)
                    where = e.at(source, e.mul_int(x, width))
                    value = e.load_bytes(where) if self.dtype == "u8" else e.load(where, align=4)
                    e.store(self._chain(e, value, tables), e.at(target, e.mul_int(x, 4)), align=4)
                with e.when(e.compare("eq", row, 0)):
                    self._zero(e, e.at(target, e.sub_int(0, a["before"])), a["before"])
                ends = e.compare("eq", row, e.sub_int(a["rows"], 1))
                self._zero(e, e.at(target, e.mul_int(a["columns"], 4)), e.choose(ends, "i64", a["after"], a["between"]))

    def _zero(self, e: Emitter, where: str, size: str) -> None:
        with e.loop("zero", size, step=4) as at:
            e.store_float("0.0", e.at(where, at))

    def _chain(self, e: Emitter, value: str, tables: Sequence[str]) -> str:
        words, numbers = Arithmetic(e), iter(tables)
        for link in self.epilogue.links:
            assert link.op.scalar is not None
            value = link.op.scalar(words, value, **{name: next(numbers) for name in link.tables})
        return value

    def _number(self, e: Emitter, a: dict[str, str], channel: str, table: int) -> str:
        where = e.at(a["tables"], e.mul_int(channel, 4 * self.epilogue.tables))
        return e.splat(e.load_float(where, 4 * table))
