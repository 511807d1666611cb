"""Numbers that are made when they are asked for.

A network's weights go through several forms before a kernel reads them. Memory is what a start waits for longest, since
in a virtual machine the host looks for each page first; so no form but the last is there as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np

from .operator import Array


@dataclass(frozen=True, eq=False)
class Deferred:
    """An array that `np.asarray` makes, each time anew. Whoever asks keeps it no longer than it is needed. `parts` may
    give its bytes without making it, each time in the same small buffer."""

    shape: tuple[int, ...]
    make: Callable[[], Array]
    parts: Callable[[], Iterator[memoryview]] | None = None
    dtype: ClassVar = np.dtype(np.float32)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self.make(), dtype)


Numbers: TypeAlias = "Array | Deferred"


def parts_of(numbers: Numbers) -> Iterator[memoryview]:
    """The bytes of an array, one part after the other."""
    if isinstance(numbers, Deferred) and numbers.parts:
        return numbers.parts()
    return iter([np.ascontiguousarray(numbers).data])
