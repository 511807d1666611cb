"""Sums of many numbers, lane by lane, in double precision: where numbers are nearly equal, roundings of a float's sum
would all have the same sign, and add up."""

from __future__ import annotations

from ..emit import Emitter, Var


class Total:
    """Loops carry its `sum`."""

    def __init__(self, e: Emitter):
        self._e, self._doubles = e, f"<{e.lanes} x double>"
        self.sum = Var(self._doubles, "zeroinitializer")

    def add(self, value: str) -> None:
        wide = self._e.set(f"fpext {self._e.vector} {value} to {self._doubles}")
        self.sum.value = self._e.set(f"fadd {self._doubles} {self.sum.value}, {wide}")

    @property
    def value(self) -> str:
        return self._e.set(f"fptrunc {self._doubles} {self.sum.value} to {self._e.vector}")
