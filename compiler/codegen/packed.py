"""Constants of a program: described while planning, written where they will lie when the artifact is built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ..ir.operator import Array


@dataclass(eq=False)
class Packed:
    """An array to be. `fill` fills one of zeros: so weights in a kernel's order exist once, and none before it is
    known that they are wanted. They are written once, and what they were made of is let go."""

    shape: tuple[int, ...]
    fill: Callable[[Array], object] | None
    dtype: Any = np.float32

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * np.dtype(self.dtype).itemsize

    def write(self, out: Array) -> None:
        """Fill an array of zeros, the first and last one."""
        fill, self.fill = self.fill, None
        assert fill is not None, "constants are written once"
        fill(out)

    @staticmethod
    def of(array: Array) -> Packed:
        """What is an array already."""
        return Packed(array.shape, lambda out: np.copyto(out, array), array.dtype)
