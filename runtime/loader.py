"""Machine code into memory: an image becomes addresses that can be called."""

from __future__ import annotations

import ctypes
import mmap
import os

from .abi import Image
from .errors import InternalError, TargetError

_libc = ctypes.CDLL(None, use_errno=True)


class Code:
    """A loaded image. Its memory is filled, and then made executable and read-only, so that no page is ever both. The
    code lives as long as this. Raises `TargetError` where the system does not allow that."""

    def __init__(self, image: Image):
        self._functions = image.functions
        size = max(len(image.data), 1)
        self._memory = mmap.mmap(-1, size, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE)
        self._memory.write(image.data)
        self._start = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        if _libc.mprotect(ctypes.c_void_p(self._start), ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_EXEC):
            reason, help = os.strerror(ctypes.get_errno()), "allow this process to make memory executable"
            raise TargetError(f"the system keeps machine code from running: {reason}", code="E0507", help=help)

    def address(self, symbol: str) -> int:
        if symbol not in self._functions:
            raise InternalError(f"the code has no function `{symbol}`")
        return self._start + self._functions[symbol]
