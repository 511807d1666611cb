"""Numbers that are made when they are asked for.

A network's weights go through several forms before a kernel reads them. Memory is what a start waits for longest, since
in a virtual machine the host looks for each page first; so no form but the last is there as a whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np

from .operator import Array

_HASHED = 1 << 24  # numbers at once: tens of milliseconds, for which Ctrl-C waits


@dataclass(frozen=True, eq=False)
class Deferred:
    """An array that `np.asarray` makes, or a slice some rows of, each time anew. Whoever asks keeps them no longer than
    they are needed. `make` takes where rows begin and end; `sum` may tell the array from all others without making it.
    """

    shape: tuple[int, ...]
    make: Callable[[int, int], Array]
    sum: Callable[[], bytes] | None = None
    dtype: ClassVar = np.dtype(np.float32)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self.make(0, self.shape[0]), dtype)

    def __getitem__(self, rows: slice) -> Array:
        start, stop, _ = rows.indices(self.shape[0])
        return self.make(start, stop)


Numbers: TypeAlias = "Array | Deferred"


def sum_of(numbers: Numbers) -> bytes:
    """What tells an array from all others of its name and type."""
    if isinstance(numbers, Deferred) and numbers.sum:
        return numbers.sum()
    digest, numbers = hashlib.sha256(), np.ascontiguousarray(numbers).reshape(-1)
    for at in range(0, len(numbers), _HASHED):
        digest.update(numbers[at : at + _HASHED].data)
    return digest.digest()
