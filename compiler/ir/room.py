"""Room for weights."""

from __future__ import annotations

import math
import mmap
from contextlib import suppress
from typing import Any

import numpy as np

from .operator import Array

LARGE = 1 << 17  # bytes; less than that is quickly used again


def room(shape: tuple[int, ...], dtype: Any = np.float32) -> Array:
    """An array to be filled, whose memory goes back to the system with it: `malloc` would keep what is freed between
    other things, and weights in a kernel's order could not take its place."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < LARGE:
        return np.empty(shape, dtype)
    try:
        pages = mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError:
        raise MemoryError(f"no room for {size:,} bytes") from None
    with suppress(OSError):  # a kernel without them
        pages.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(pages, dtype).reshape(shape)
