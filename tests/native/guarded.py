"""Memory that ends at pages nobody may touch: a byte too far, read or written, is a SIGSEGV."""

import ctypes
import mmap
from typing import Any

import numpy as np

PAGE = mmap.PAGESIZE
NONE, READ, WRITE = 0, mmap.PROT_READ, mmap.PROT_READ | mmap.PROT_WRITE

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


class Window:
    """`size` bytes between two guard pages, flush against the one after them (`at_end`) or before them. They begin as
    0xFF, which is NaN in any float, and writable. It is never given back: its process is short-lived."""

    def __init__(self, size: int, at_end: bool):
        self.size, self._length = size, -(-max(size, 1) // PAGE) * PAGE
        anonymous = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        region = _libc.mmap(None, self._length + 2 * PAGE, NONE, anonymous, -1, 0)
        assert region not in (None, ctypes.c_void_p(-1).value), "mmap failed"
        self._first = region + PAGE
        self.address = self._first + (self._length - size if at_end else 0)
        self.protect(WRITE)
        ctypes.memset(self._first, 0xFF, self._length)

    def protect(self, how: int) -> None:
        """Allow NONE, READ or WRITE from here on."""
        assert _libc.mprotect(self._first, self._length, how) == 0, "mprotect failed"

    def array(self, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
        """The bytes as an array that lies right there."""
        return np.frombuffer(memoryview((ctypes.c_char * self.size).from_address(self.address)), dtype).reshape(shape)

    @staticmethod
    def holding(data: np.ndarray, at_end: bool) -> "Window":
        """A window with a copy of an array, to be read only."""
        window = Window(data.nbytes, at_end)
        ctypes.memmove(window.address, np.ascontiguousarray(data).ctypes.data, data.nbytes)
        window.protect(READ)
        return window
