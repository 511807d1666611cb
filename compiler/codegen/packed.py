"""Constants of a program: described while planning, written where they will lie when the artifact is built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ..ir.operator import Array


@dataclass(frozen=True, eq=False)
class Packed:
    """An array to be. `write` fills one of zeros: so weights in a kernel's order exist once, and none before it is
    known that they are wanted."""

    shape: tuple[int, ...]
    write: Callable[[Array], object]
    dtype: Any = np.float32

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * np.dtype(self.dtype).itemsize

    def array(self) -> Array:
        """The numbers, in memory of their own."""
        out = np.zeros(self.shape, self.dtype)
        self.write(out)
        return out

    @staticmethod
    def of(array: Array) -> Packed:
        """What is an array already."""
        return Packed(array.shape, lambda out: np.copyto(out, array), array.dtype)
