"""NumPy's .npz files: zip archives of .npy arrays.

https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import io
import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import IO

import numpy as np

from ...ir.operator import Array
from .stored import LARGEST_HEADER, Damaged, Stored, shown, want_size

SUFFIX = ".npy"
START = 512  # bytes that an array's header may take; NumPy's mostly take 128
CHUNK = 1 << 19  # bytes read at once
LOCAL_HEADER = 30  # bytes before each array in an archive, at least
EXPANSION = 1032  # bytes that deflate makes of one, at most (https://zlib.net/zlib_tech.html)
ENCRYPTED = 1  # a flag
# What zipfile and zlib raise for bytes that they do not like.
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, ValueError, EOFError, NotImplementedError)
NPY_HEADER = re.compile(
    r"\{'descr': ?('[^']*'|\[.*?\]), ?'fortran_order': ?(True|False), ?'shape': ?\(([^)]*)\),? ?\}\s*", re.DOTALL
)
NUMBERS = re.compile(r"'([<>|=]?[biufcO]\d{0,2})'")


class Sips:
    """A file that is read a little at a time: `zipfile` reads a directory in one go, however large it claims to be."""

    def __init__(self, file: io.BufferedReader):
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if size > LARGEST_HEADER:
            raise Damaged(f"its zip directory has more than {LARGEST_HEADER:,} bytes")
        return self._file.read(size if size >= 0 else LARGEST_HEADER)


def tensors(file: io.BufferedReader) -> dict[str, Stored]:
    """The arrays of a file by name; raises `Damaged`."""
    try:
        archive = zipfile.ZipFile(Sips(file))
    except DAMAGE:
        raise Damaged("it does not end in a zip directory") from None
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        if member.filename in members:
            raise Damaged(f"`{shown(member.filename)}` is in it twice")
        members[member.filename] = member
        if fault := _fault(member):
            raise Damaged(f"`{shown(member.filename)}` in it {fault}")
    _want_apart(archive.infolist(), file.seek(0, os.SEEK_END))
    return {name.removesuffix(SUFFIX): _stored(archive, member) for name, member in members.items()}


def _fault(member: zipfile.ZipInfo) -> str | None:
    """What NumPy would not write of an array, by the directory."""
    if not member.filename.endswith(SUFFIX):
        return "is no .npy array"
    if member.flag_bits & ENCRYPTED:
        return "is encrypted"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is neither stored nor deflated"
    most = EXPANSION if member.compress_type == zipfile.ZIP_DEFLATED else 1
    if member.file_size > most * member.compress_size:
        return f"promises {member.file_size:,} bytes, and {member.compress_size:,} cannot hold them"
    return None


def _want_apart(members: list[zipfile.ZipInfo], size: int) -> None:
    """Refuse arrays that share bytes or lie outside the file."""
    reached = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        end = member.header_offset + LOCAL_HEADER + member.compress_size
        if member.header_offset < reached or end > size:
            raise Damaged(f"`{shown(member.filename)}` lies over another array or outside the file")
        reached = end


def _stored(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Stored:
    """What an array's header says of it."""
    name = member.filename
    with _opened(archive, member) as file:
        start = file.read(START)
    width = 2 if start[6:7] == b"\1" else 4  # of the header's length
    data = 8 + width + int.from_bytes(start[8 : 8 + width], "little")
    parsed = NPY_HEADER.fullmatch(start[8 + width : data].decode("latin-1"))
    if start[:6] != b"\x93NUMPY" or data > START or parsed is None:
        raise Damaged(f"`{shown(name)}` in it has no header that NumPy would write")
    descr, order, sizes = parsed.groups()
    shape, (dtype, dtype_name) = _shape(name, sizes), _dtype(descr)
    if dtype is not None and dtype.hasobject:
        raise Damaged(f"`{shown(name)}` in it holds pickled objects, which are never loaded")
    if dtype is not None:
        want_size(name, dtype, shape, member.file_size - data)
    read = partial(_read, archive, member, data, shape, dtype, order == "True")
    return Stored(shape, dtype_name, read)


@contextmanager
def _opened(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    """An array of an archive, to be read; what then goes wrong is `Damaged`."""
    try:
        with archive.open(member) as file:
            yield file
    except DAMAGE:
        raise Damaged(f"`{shown(member.filename)}` in it is damaged") from None


def _shape(name: str, sizes: str) -> tuple[int, ...]:
    each = [size.strip() for size in sizes.strip().removesuffix(",").split(",")] if sizes else []
    if not all(size.isdecimal() for size in each):
        raise Damaged(
            f"`{shown(name)}` in it has the shape ({shown(sizes)}), and sizes are whole numbers of at least 0"
        )
    return tuple(map(int, each))


@lru_cache(maxsize=100)
def _dtype(descr: str) -> tuple[np.dtype | None, str]:
    """The dtype, if it is one of plain numbers or objects; and its name."""
    numbers = NUMBERS.fullmatch(descr)
    try:
        dtype = np.dtype(numbers[1]) if numbers else None
    except TypeError:
        dtype = None
    return dtype, str(dtype or descr)


def _read(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    data: int,
    shape: tuple[int, ...],
    dtype: np.dtype | None,
    reversed_axes: bool,
) -> Array:
    """The numbers; zipfile compares its checksum when it comes to the end."""
    if dtype is None:
        raise Damaged(f"`{shown(member.filename)}` in it holds no plain numbers")
    flat = np.empty(math.prod(shape), dtype)
    numbers = flat.view(np.uint8).data
    with _opened(archive, member) as file:
        file.read(data)
        for begin in range(0, flat.nbytes, CHUNK):
            part = numbers[begin : begin + CHUNK]
            part[:] = file.read(len(part))  # a ValueError if there are fewer
    return np.ascontiguousarray(flat.reshape(shape[::-1]).T) if reversed_axes else flat.reshape(shape)
