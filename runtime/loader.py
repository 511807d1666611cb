"""Machine code into memory: an object file becomes addresses that can be called."""

from __future__ import annotations

import ctypes
import mmap
import os

from .errors import InternalError
from .linker import link

_libc = ctypes.CDLL(None, use_errno=True)


class Code:
    """A loaded object. Its memory is filled, and then made executable and read-only, so that no page is ever both. The
    code lives as long as this."""

    def __init__(self, obj: bytes):
        image, self._functions = link(obj)
        size = max(len(image), 1)
        self._memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
        self._memory.write(image)
        self._start = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        if _libc.mprotect(ctypes.c_void_p(self._start), ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_EXEC):
            raise InternalError(f"the system makes no memory executable: {os.strerror(ctypes.get_errno())}")

    def address(self, symbol: str) -> int:
        if symbol not in self._functions:
            raise InternalError(f"the object has no function `{symbol}`")
        return self._start + self._functions[symbol]
