"""Losses: what one image adds to a mean over the whole batch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ...ir.types import DType
from ..emit import Emitter, Var, float_constant

# `count` numbers an image. The images so far have left their sum at `total`, in double precision; `image` says how many
# they are.
_MEAN = ("@total", "@output", "count", "image")


@dataclass(frozen=True)
class SquaredError:
    """The mean of (a - b)^2 over all images so far, for planar images."""

    arguments = ("@a", "@b", *_MEAN)

    def emit(self, e: Emitter, name: str) -> None:
        doubles = f"<{e.lanes} x double>"
        with e.kernel(name, self.arguments) as a, _alone(e):
            total = Var(doubles, "zeroinitializer")
            with e.loop("x", a["count"], step=e.lanes, vary=[total]) as x:
                here, mask = e.mul_int(x, 4), e.mask(e.min_int(e.sub_int(a["count"], x), e.lanes))
                wide = (
                    e.set(f"fpext {e.vector} {e.load_masked(e.at(a[side], here), mask)} to {doubles}") for side in "ab"
                )
                away = e.set(f"fsub {doubles} {next(wide)}, {next(wide)}")
                square = e.set(f"fmul {doubles} {away}, {away}")
                total.value = e.set(f"fadd {doubles} {total.value}, {square}")
            reduce = f"llvm.vector.reduce.fadd.v{e.lanes}f64"  # one lane after the other
            _add(e, a, e.intrinsic("double", reduce, [("double", "0.0"), (doubles, total.value)]))


@dataclass(frozen=True)
class Surprise:
    """The mean of -log p[label] over all images so far, for planar images of log p whose channels are the classes. A
    label that is none of them makes it NaN."""

    labels: DType  # i64 where the caller gave them, f32 in the arena

    arguments = ("@logs", "@labels", "classes", *_MEAN)

    def emit(self, e: Emitter, name: str) -> None:
        with e.kernel(name, self.arguments) as a, _alone(e):
            total = Var("double", "0.0")
            with e.loop("x", a["count"], vary=[total]) as x:
                if self.labels == "i64":
                    label = e.load_int(a["labels"], x)
                else:
                    label = e.set(f"fptosi float {e.load_float(a['labels'], e.mul_int(x, 4))} to i64")
                known = e.compare("ult", label, a["classes"])  # below 0 is large
                place = e.add_int(e.mul_int(e.choose(known, "i64", label, 0), a["count"]), x)
                log = e.load_float(a["logs"], e.mul_int(place, 4))
                log = e.set(f"select i1 {known}, float {log}, float {float_constant(float('nan'))}")
                total.value = e.set(f"fsub double {total.value}, {e.set(f'fpext float {log} to double')}")
            _add(e, a, total.value)


@contextmanager
def _alone(e: Emitter) -> Iterator[None]:
    """By one part, so that the sum has one order."""
    lo, hi = e.share(1)
    with e.loop("alone", hi, start=lo):
        yield


def _add(e: Emitter, a: dict[str, str], number: str) -> None:
    """An image's sum to those before it, and the mean of all; the first image begins anew."""
    before = e.set(f"load double, ptr {a['total']}, align 8")
    before = e.choose(e.compare("eq", a["image"], 0), "double", "0.0", before)
    total = e.set(f"fadd double {before}, {number}")
    e.do(f"store double {total}, ptr {a['total']}, align 8")
    count = e.mul_int(e.add_int(a["image"], 1), a["count"])
    count = e.set(f"sitofp i64 {count} to double")
    mean = e.set(f"fdiv double {total}, {count}")
    e.store_float(e.set(f"fptrunc double {mean} to float"), a["output"])
