"""Numbers that only change places: every output is one input, or zero."""

from __future__ import annotations

from dataclasses import dataclass

from ..emit import Emitter


@dataclass(frozen=True)
class Move:
    """Three nested counts, each with two tables of byte offsets, one into the input and one into the output; a number's
    address is the sum of its three. An offset below zero in the input's tables makes the sum negative: a zero comes
    from nowhere. One kernel transposes, pads, crops, shuffles and joins, in any layout; where channels stay as they are
    it moves `blocks` of them."""

    blocks: bool = False

    arguments = (
        "@input", "@output",
        "planes", "rows", "columns",
        "@from_plane", "@from_row", "@from_column", "@to_plane", "@to_row", "@to_column",
    )  # fmt: skip

    def emit(self, e: Emitter, name: str) -> None:
        with e.kernel(name, self.arguments) as a:
            lo, hi = e.share(e.mul_int(a["planes"], a["rows"]))
            with e.loop("unit", hi, start=lo) as unit:
                plane = e.div_int(unit, a["rows"])
                row = e.sub_int(unit, e.mul_int(plane, a["rows"]))
                source = e.add_int(e.load_int(a["from_plane"], plane), e.load_int(a["from_row"], row))
                target = e.add_int(e.load_int(a["to_plane"], plane), e.load_int(a["to_row"], row))
                with e.loop("column", a["columns"]) as x:
                    where = e.add_int(source, e.load_int(a["from_column"], x))
                    there = e.compare("sge", where, 0)
                    here = e.at(a["input"], e.choose(there, "i64", where, 0))
                    to = e.at(a["output"], e.add_int(target, e.load_int(a["to_column"], x)))
                    if self.blocks:
                        e.store(e.choose(there, e.vector, e.load(here), "zeroinitializer"), to)
                    else:
                        e.store_float(e.choose(there, "float", e.load_float(here), "0.0"), to)
