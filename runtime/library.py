"""LLVM's library in memory: what of it nobody reads goes back to the system, or does not come.

The library has 150 MB of code and tables. What it does when it is loaded touches 35 of them and compiling touches 30; a
small network takes 60 with Python, NumPy and networkx. They are pages of a file, so nothing is lost: whoever wants one
again finds it in the system's cache of files.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import llvmlite.binding as llvm

_LOAD, _EXECUTABLE, _WRITABLE = 1, 1, 2  # a program header's type and flags (System V ABI, "Program Header")
_AREA = 32 << 10  # bytes

_libc = ctypes.CDLL(None)


@lru_cache
def settle() -> None:
    """Once it is loaded: let go of what that has touched, and have later faults bring less.

    Linux brings the 64 KiB around a page that is missing, as far as its area of memory reaches. Compiling touches code
    here and there, so that becomes areas of 32 KiB, neighbours of which differ in something that does not matter: every
    other one is left out of core dumps, in which no file's pages are anyway. It takes some milliseconds.
    """
    with suppress(OSError, AttributeError):
        for start, size, executable in _segments():
            for at in range(0, size if executable else 0, 2 * _AREA):
                _libc.madvise(ctypes.c_void_p(start + at), ctypes.c_size_t(min(_AREA, size - at)), mmap.MADV_DONTDUMP)
    give_back()


def give_back() -> None:
    """Let go of the library's pages, and of what compiling has freed. Threads may be compiling; a system that is no
    Linux with glibc keeps some or all."""
    with suppress(OSError, AttributeError):
        for start, size, _ in _segments():
            _libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), mmap.MADV_DONTNEED)
        _libc.malloc_trim(0)


@lru_cache
def _segments() -> list[tuple[int, int, bool]]:
    """Address and size of those that nobody may write to, whose pages are as they are in the file, and whether they are
    code. Read from the files that tell, since `dl_iterate_phdr` would call Python with the loader's lock held."""
    path = os.path.realpath(llvm.ffi.lib._name)
    lines = (line.split(maxsplit=5) for line in Path("/proc/self/maps").read_bytes().splitlines())
    base = next((int(words[0].split(b"-")[0], 16) for words in lines if words[5:] == [os.fsencode(path)]), None)
    if base is None:
        return []
    with Path(path).open("rb") as file:
        head = file.read(mmap.PAGESIZE)
    (table,), (count,) = struct.unpack_from("<Q", head, 32), struct.unpack_from("<H", head, 56)
    segments = []
    for kind, flags, _, address, _, _, size, _ in struct.iter_unpack("<IIQQQQQQ", head[table : table + 56 * count]):
        if kind == _LOAD and not flags & _WRITABLE:
            lead = address % mmap.PAGESIZE
            segments.append((base + address - lead, size + lead, bool(flags & _EXECUTABLE)))
    return segments
