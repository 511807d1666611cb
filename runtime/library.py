"""LLVM's library in memory: what of it nobody reads goes back to the system.

The library has 150 MB of code and tables. What it does when it is loaded touches 35 of them and compiling touches 40; a
small network takes 60 with Python, NumPy and networkx. They are pages of a file, so nothing is lost: whoever wants one
again finds it in the system's cache of files.
"""

from __future__ import annotations

import ctypes
import mmap
from contextlib import suppress

import llvmlite.binding as llvm

_LOAD, _WRITABLE = 1, 2  # a program header's type and flag (System V ABI, "Program Header")

_libc = ctypes.CDLL(None)


class _Segment(ctypes.Structure):
    """A program header of a 64-bit library."""

    _fields_ = [
        ("type", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("offset", ctypes.c_uint64),
        ("address", ctypes.c_uint64),
        ("physical", ctypes.c_uint64),
        ("in_file", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
        ("alignment", ctypes.c_uint64),
    ]


class _Library(ctypes.Structure):
    """How `dl_iterate_phdr` begins to describe one."""

    _fields_ = [
        ("base", ctypes.c_uint64),
        ("name", ctypes.c_char_p),
        ("segments", ctypes.POINTER(_Segment)),
        ("count", ctypes.c_uint16),
    ]


def give_back() -> None:
    """Let go of the library's pages, and of what compiling has freed. Threads may be compiling; a system without such
    calls keeps all."""
    with suppress(AttributeError):
        _libc.dl_iterate_phdr(_let_go, None)
        _libc.malloc_trim(0)


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Library), ctypes.c_size_t, ctypes.c_void_p)
def _let_go(library: ctypes._Pointer[_Library], size: int, data: None) -> int:
    """Of segments that nobody may write to: their pages are as they are in the file."""
    found = library.contents
    if found.name != llvm.ffi.lib._name.encode():
        return 0
    for segment in found.segments[: found.count]:
        if segment.type == _LOAD and not segment.flags & _WRITABLE:
            lead = segment.address % mmap.PAGESIZE
            start, size = found.base + segment.address - lead, segment.size + lead
            _libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), mmap.MADV_DONTNEED)
    return 1
