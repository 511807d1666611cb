"""Room for deep recursion: the elaborator recurses as deep as expressions and blocks nest, which has its bounds."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

FRAMES = 20_000  # since Python 3.11, calls of Python by Python live on the heap, not on the C stack

_lock = threading.Lock()
_guests = 0
_before = 0


@contextmanager
def room() -> Iterator[None]:
    """Raise the interpreter's recursion limit; the last thread to leave puts it back."""
    global _guests, _before
    with _lock:
        if not _guests:
            _before = sys.getrecursionlimit()
            sys.setrecursionlimit(max(_before, FRAMES))
        _guests += 1
    try:
        yield
    finally:
        with _lock:
            _guests -= 1
            if not _guests:
                sys.setrecursionlimit(_before)
