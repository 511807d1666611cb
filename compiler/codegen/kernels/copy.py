"""From one layout to another, channel by channel."""

from __future__ import annotations

from dataclasses import dataclass

from ....runtime.abi import DTYPES
from ...ir.types import DType
from ..emit import Emitter, Int


@dataclass(frozen=True)
class Copy:
    """Moves channels between planar and blocked tensors, at any offset. Its two sides are told apart by their lanes:
    1 for planar, a register's worth for blocked; neighbours in a row are that many numbers apart. What the caller gets
    may be of another type: in the arena every number is a float. Whole numbers that the caller gave go past it."""

    source_lanes: int
    target_lanes: int
    source: DType
    target: DType

    @property
    def arguments(self) -> tuple[str, ...]:
        return (
            "@input", "@output", "channels", "rows", "columns",
            "input_first", "input_plane", "input_row", "output_first", "output_plane", "output_row",
        )  # fmt: skip

    def emit(self, e: Emitter, name: str) -> None:
        with e.kernel(name, self.arguments) as a:
            lo, hi = e.share(e.mul_int(a["channels"], a["rows"]))
            with e.loop("unit", hi, start=lo) as unit:
                channel = e.div_int(unit, a["rows"])
                row = e.sub_int(unit, e.mul_int(channel, a["rows"]))
                source = self._row(e, a, "input", self.source_lanes, channel, row)
                target = self._row(e, a, "output", self.target_lanes, channel, row)
                with e.loop("column", a["columns"]) as x:
                    here = e.at(source, e.mul_int(x, DTYPES[self.source].itemsize * self.source_lanes))
                    there = e.at(target, e.mul_int(x, DTYPES[self.target].itemsize * self.target_lanes))
                    self._number(e, here, there)

    def _number(self, e: Emitter, here: str, there: str) -> None:
        if self.source == "i64":
            e.do(f"store i64 {e.load_int(here, 0)}, ptr {there}, align 8")
        elif self.target == "f32":
            e.store_float(e.load_float(here), there)
        elif self.target == "u8":
            e.do(f"store i8 {e.set(f'fptoui float {e.load_float(here)} to i8')}, ptr {there}, align 1")
        else:
            e.do(f"store i64 {e.set(f'fptosi float {e.load_float(here)} to i64')}, ptr {there}, align 8")

    def _row(self, e: Emitter, a: dict[str, str], side: str, lanes: int, channel: Int, row: Int) -> str:
        channel = e.add_int(channel, a[f"{side}_first"])
        block = e.div_int(channel, lanes)
        lane = e.sub_int(channel, e.mul_int(block, lanes))
        plane = e.at(a[side], e.mul_int(block, a[f"{side}_plane"]))
        return e.at(e.at(plane, e.mul_int(row, a[f"{side}_row"])), e.mul_int(lane, 4))
