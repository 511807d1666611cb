"""Tensors in a file: known by what its headers say of them, read when they are wanted.

Nothing that a header promises is believed before it is compared with the file, and no numbers are made before all
headers are compared with the network. So a hostile or a wrong file costs its headers, however large it claims to be.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...ir.operator import Array

LARGEST_HEADER = 1_000_000  # bytes: some 8,000 tensors
SHOWN = 100  # letters of what a file says that a message repeats


class Damaged(Exception):
    """A file is not what its name says it is; the message ends the sentence that begins so."""


class Place(NamedTuple):
    """Where a tensor's bytes begin, and how many they are; `rows` reads those of its rows from one to another."""

    begin: int
    size: int
    rows: Callable[[int, int], Array]


@dataclass(frozen=True)
class Stored:
    """A tensor in a file. Its dtype has NumPy's name, or the file's own where NumPy has none. Where it has no `place`,
    reading is so much work that once is enough."""

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], Array]
    place: Place | None = None


def shown(said: object) -> str:
    """What a file says, which may be anything, made fit for a message."""
    text = str(said)
    cut = text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in cut)


def want_size(name: str, dtype: np.dtype, shape: tuple[int, ...], size: int) -> None:
    """Refuse a tensor whose dtype and shape do not take the bytes that it has."""
    if math.prod(shape) * dtype.itemsize != size:
        raise Damaged(f"`{shown(name)}` is {dtype} {shown(list(shape))} by its header, but has {size:,} bytes")
