"""Files of the format safetensors: a length, a header in JSON, then all numbers.

The package of that name maps files into memory, where one that shrinks ends the process; here it is only read.
https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import io
import json
import os
from functools import partial
from math import prod
from typing import Any

import numpy as np

from ...ir.operator import Array
from .digest import fill
from .stored import LARGEST_HEADER, Damaged, Place, Stored, shown, want_size

LENGTH = 8  # bytes before the header
METADATA = "__metadata__"  # free text under the names of the header
HIGHEST_RANK = 64  # NumPy's
DTYPES = {
    "BOOL": "bool", "U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64", "I8": "int8", "I16": "int16",
    "I32": "int32", "I64": "int64", "F16": "float16", "F32": "float32", "F64": "float64", "C64": "complex64",
}  # fmt: skip


def tensors(file: io.BufferedReader) -> dict[str, Stored]:
    """The tensors of a file by name; raises `Damaged`."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    length = int.from_bytes(file.read(LENGTH), "little")
    data = LENGTH + length
    if data > size:
        raise Damaged(f"it should begin with a header of {length:,} bytes, and has {size:,} in all")
    if length > LARGEST_HEADER:
        raise Damaged(f"its header has {length:,} bytes, more than {LARGEST_HEADER:,}")
    header = _parse(file.read(length))
    places = {name: _place(name, about) for name, about in header.items() if name != METADATA}
    _want_gapless(places, size - data)
    return {name: _stored(file, name, header[name], data + begin) for name, (begin, _) in places.items()}


def _parse(header: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(header.decode(), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise Damaged("its header is no JSON") from None
    if not isinstance(parsed, dict):
        raise Damaged("its header is no JSON object")
    return parsed


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        if name in made:
            raise Damaged(f"its header says `{shown(name)}` twice")
        made[name] = value
    return made


def _place(name: str, about: object) -> tuple[int, int]:
    """Where a tensor begins and ends in the data; raises `Damaged` unless the header says all about it."""
    match about:
        case {"dtype": str(), "shape": list(shape), "data_offsets": [begin, end]} if len(shape) <= HIGHEST_RANK:
            if all(type(n) is int and 0 <= n < 2**63 for n in (*shape, begin, end)) and begin <= end:
                return begin, end
    raise Damaged(f"its header should say of `{shown(name)}` a dtype, a shape, and where its bytes begin and end")


def _want_gapless(places: dict[str, tuple[int, int]], size: int) -> None:
    """Refuse tensors that do not fill the data one after another."""
    reached = 0
    for name, (begin, end) in sorted(places.items(), key=lambda item: item[1]):
        if begin != reached:
            raise Damaged(f"`{shown(name)}` begins at byte {begin:,} of the data, and should at byte {reached:,}")
        reached = end
    if reached != size:
        raise Damaged(f"its tensors take {reached:,} bytes, and {size:,} follow the header")


def _stored(file: io.BufferedReader, name: str, about: dict[str, Any], at: int) -> Stored:
    begin, end = about["data_offsets"]
    shape = tuple(about["shape"])
    dtype = DTYPES.get(about["dtype"])
    if dtype is not None:
        want_size(name, np.dtype(dtype), shape, end - begin)
    place = Place(at, end - begin, partial(_rows, file, at, shape)) if shape else None
    return Stored(shape, dtype or about["dtype"], partial(_read, file, at, shape), place)


def _read(file: io.BufferedReader, at: int, shape: tuple[int, ...]) -> Array:
    numbers = np.empty(shape, "<f4")
    fill(file.fileno(), numbers.reshape(-1).view(np.uint8).data, at)
    return numbers


def _rows(file: io.BufferedReader, at: int, shape: tuple[int, ...], start: int, stop: int) -> Array:
    return _read(file, at + 4 * start * prod(shape[1:]), (stop - start, *shape[1:]))
