"""Room to elaborate: the elaborator recurses as deep as expressions and blocks nest, which has its bounds."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from ...uncollected import uncollected

FRAMES = 20_000  # since Python 3.11, calls of Python by Python live on the heap, not on the C stack
WORDS = (1 << 17) + 1  # of one frame

P = ParamSpec("P")
Result = TypeVar("Result")

_lock = threading.Lock()
_guests = 0
_before = 0


def roomy(function: Callable[P, Result]) -> Callable[P, Result]:
    """The same function, with room for deep recursion and many objects."""

    def call(*args: P.args, **kwargs: P.kwargs) -> Result:
        with _room(), uncollected():
            return function(*args, **kwargs)

    # CPython keeps frames in chunks of 16 KB. Where one ends, each call maps the next, and unmaps it on its return. A
    # frame as large as this one gets a chunk of the next power of two, which has room for all that are called from it.
    call.__code__ = call.__code__.replace(co_stacksize=WORDS)
    return wraps(function)(call)


@contextmanager
def _room() -> Iterator[None]:
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
