"""Registers of channels, each from a place of its own."""

from __future__ import annotations

from dataclasses import dataclass

from ..emit import Emitter


@dataclass(frozen=True)
class Interleave:
    """`@offsets` holds, as `i64[block][lane]`, the bytes from the input's first number to the one that a lane of an
    output's first pixel takes; those of other pixels lie `input_row` and `input_column` bytes apart."""

    arguments = (
        "@input", "@offsets", "@output",
        "blocks", "rows", "columns", "input_row", "input_column", "output_plane", "output_row",
    )  # fmt: skip

    def emit(self, e: Emitter, name: str) -> None:
        size = e.target.vector_bytes
        with e.kernel(name, self.arguments) as a:
            lo, hi = e.share(e.mul_int(a["blocks"], a["rows"]))
            with e.loop("unit", hi, start=lo) as unit:
                block = e.div_int(unit, a["rows"])
                row = e.sub_int(unit, e.mul_int(block, a["rows"]))
                line = e.at(a["input"], e.mul_int(row, a["input_row"]))
                offsets = e.at(a["offsets"], e.mul_int(block, 8 * e.lanes))
                sources = [e.at(line, e.load_int(offsets, lane)) for lane in range(e.lanes)]
                target = e.at(e.at(a["output"], e.mul_int(block, a["output_plane"])), e.mul_int(row, a["output_row"]))
                with e.loop("column", a["columns"]) as x:
                    along = e.mul_int(x, a["input_column"])
                    value = e.joined([e.load_float(e.at(source, along)) for source in sources])
                    e.store(value, e.at(target, e.mul_int(x, size)))
