"""Softmax and its logarithm, over planes of floats in NCHW order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..arithmetic import Arithmetic
from ..emit import Emitter, Int, Var


@dataclass(frozen=True)
class Softmax:
    """Over `count` numbers that are `distance` bytes apart, for each of `outer` x `inner` positions; the largest number
    is taken off first, so that nothing overflows. A vector runs along the inner positions, or along the numbers where
    there is but one inner position (`across`)."""

    log: bool
    across: bool

    arguments = ("@input", "@output", "outer", "inner", "count", "distance", "pitch")  # pitch: from outer to outer

    def emit(self, e: Emitter, name: str) -> None:
        with e.kernel(name, self.arguments) as a:
            lo, hi = e.share(a["outer"])
            with e.loop("outer", hi, start=lo) as outer:
                source, target = (e.at(a[side], e.mul_int(outer, a["pitch"])) for side in ("input", "output"))
                if self.across:
                    self._along(e, source, target, a["count"])
                else:
                    with e.loop("inner", a["inner"], step=e.lanes) as x:
                        here, mask = e.mul_int(x, 4), e.mask(e.min_int(e.sub_int(a["inner"], x), e.lanes))
                        self._down(e, a, e.at(source, here), e.at(target, here), mask)

    def _down(self, e: Emitter, a: dict[str, str], source: str, target: str, mask: str) -> None:
        """Each lane a position of its own."""
        words = Arithmetic(e)
        top, total = Var(e.vector, e.constant(float("-inf"))), Var(e.vector, "zeroinitializer")
        with e.walk(source, [("max", a["count"], a["distance"])], [top]) as at:
            top.value = _larger(e, top.value, e.load_masked(at, mask))
        with e.walk(source, [("sum", a["count"], a["distance"])], [total]) as at:
            total.value = words.add(total.value, words.exp(words.sub(e.load_masked(at, mask), top.value)))
        result = self._result(words, top.value, total.value)
        with e.loop("write", a["count"]) as c:
            offset = e.mul_int(c, a["distance"])
            e.store_masked(result(e.load_masked(e.at(source, offset), mask)), e.at(target, offset), mask)

    def _along(self, e: Emitter, source: str, target: str, count: Int) -> None:
        """The lanes together are one position."""
        words = Arithmetic(e)
        lowest = float("-inf")

        def chunk(x: str) -> tuple[str, str]:
            return e.mul_int(x, 4), e.mask(e.min_int(e.sub_int(count, x), e.lanes))

        top, total = Var(e.vector, e.constant(lowest)), Var(e.vector, "zeroinitializer")
        with e.loop("max", count, step=e.lanes, vary=[top]) as x:
            offset, mask = chunk(x)
            top.value = _larger(e, top.value, e.load_masked(e.at(source, offset), mask, lowest))
        top.value = e.across(top.value, lambda p, q: _larger(e, p, q))
        with e.loop("sum", count, step=e.lanes, vary=[total]) as x:
            offset, mask = chunk(x)
            power = words.exp(words.sub(e.load_masked(e.at(source, offset), mask), top.value))
            total.value = words.add(total.value, e.choose_lanes(mask, power, "zeroinitializer"))
        total.value = e.across(total.value, words.add)
        result = self._result(words, top.value, total.value)
        with e.loop("write", count, step=e.lanes) as x:
            offset, mask = chunk(x)
            e.store_masked(result(e.load_masked(e.at(source, offset), mask)), e.at(target, offset), mask)

    def _result(self, words: Arithmetic, top: str, total: str) -> Callable[[str], str]:
        if self.log:
            shift = words.log(total)
            return lambda x: words.sub(words.sub(x, top), shift)
        return lambda x: words.div(words.exp(words.sub(x, top)), total)


def _larger(e: Emitter, a: str, b: str) -> str:
    """The larger of two; `b` where either is NaN. A NaN that is lost here comes back through the sum."""
    larger = e.set(f"fcmp ogt {e.vector} {a}, {b}")
    return e.choose_lanes(larger, a, b)
