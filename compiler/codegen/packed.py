"""Constants of a program: described while planning, written where they will lie when the artifact is built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil, prod
from typing import Any

import numpy as np

from ..ir.operator import Array

_PART = 1 << 24  # bytes that one thread fills while others fill the rest


@dataclass(eq=False)
class Packed:
    """An array to be, in strips. `fill` fills one of them in an array of zeros: so weights in a kernel's order exist
    once, and none before it is known that they are wanted. They are written once, and what they were made of is let go.
    """

    shape: tuple[int, ...]
    strips: Sequence[Any]
    fill: Callable[[Array, Any], object] | None
    dtype: Any = np.float32

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * np.dtype(self.dtype).itemsize

    def parts(self, out: Array) -> list[Callable[[], None]]:
        """What fills an array of zeros, the first and last one, in parts that may be done at once."""
        fill, self.fill = self.fill, None
        assert fill is not None, "constants are written once"
        size = ceil(len(self.strips) / (ceil(self.nbytes / _PART) or 1)) or 1
        starts = range(0, len(self.strips), size)
        return [partial(_write, fill, out, self.strips[start : start + size]) for start in starts]

    def write(self, out: Array) -> None:
        """Fill an array of zeros, the first and last one."""
        for part in self.parts(out):
            part()

    @staticmethod
    def of(array: Array) -> Packed:
        """What is an array already."""
        return Packed(array.shape, [...], lambda out, all: np.copyto(out[all], array), array.dtype)


def _write(fill: Callable[[Array, Any], object], out: Array, strips: Sequence[Any]) -> None:
    for strip in strips:
        fill(out, strip)
