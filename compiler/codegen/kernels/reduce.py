"""Sums, means and places of the maximum along one axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..emit import Emitter, Var
from .total import Total


@dataclass(frozen=True)
class Reduce:
    """Planar images: for each of `outer` x `inner` positions, `count` numbers that lie `distance` bytes apart. The
    place of the maximum is a whole number as a float: the first of equals, and the first NaN before all."""

    kind: Literal["sum", "mean", "argmax"]

    arguments = (
        "@input", "@output", "outer", "inner", "count", "distance",
        "input_outer", "output_outer",  # bytes from one outer position to the next
    )  # fmt: skip

    def emit(self, e: Emitter, name: str) -> None:
        with e.kernel(name, self.arguments) as a:
            lo, hi = e.share(a["outer"])
            with e.loop("outer", hi, start=lo) as outer:
                source = e.at(a["input"], e.mul_int(outer, a["input_outer"]))
                target = e.at(a["output"], e.mul_int(outer, a["output_outer"]))
                with e.loop("inner", a["inner"], step=e.lanes) as x:
                    mask = e.mask(e.min_int(e.sub_int(a["inner"], x), e.lanes))
                    here = e.mul_int(x, 4)
                    take = self._place if self.kind == "argmax" else self._total
                    e.store_masked(take(e, a, e.at(source, here), mask), e.at(target, here), mask)

    def _total(self, e: Emitter, a: dict[str, str], source: str, mask: str) -> str:
        total = Total(e)
        with e.walk(source, [("sum", a["count"], a["distance"])], [total.sum]) as at:
            total.add(e.load_masked(at, mask))
        if self.kind == "sum":
            return total.value
        count = e.splat(e.set(f"sitofp i64 {a['count']} to float"))
        return e.set(f"fdiv {e.vector} {total.value}, {count}")

    def _place(self, e: Emitter, a: dict[str, str], source: str, mask: str) -> str:
        bools = f"<{e.lanes} x i1>"
        best, place = Var(e.vector, e.load_masked(source, mask)), Var(e.vector, "zeroinitializer")
        with e.loop("max", a["count"], start=1, vary=[best, place]) as k:
            value = e.load_masked(e.at(source, e.mul_int(k, a["distance"])), mask)
            above = e.set(f"fcmp ugt {e.vector} {value}, {best.value}")  # or either is NaN
            known = e.set(f"fcmp uno {e.vector} {best.value}, {best.value}")
            better = e.set(f"select {bools} {known}, {bools} zeroinitializer, {bools} {above}")
            number = e.splat(e.set(f"sitofp i64 {k} to float"))
            best.value = e.choose_lanes(better, value, best.value)
            place.value = e.choose_lanes(better, number, place.value)
        return place.value
