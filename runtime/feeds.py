"""What callers hand in, held against what a network takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from .abi import DTYPES
from .errors import InputError

Array = npt.NDArray[Any]


class Port(Protocol):
    """An input or output: `shape` holds the sizes after the batch, or all where it is not `batched`."""

    @property
    def name(self) -> str: ...
    @property
    def dtype(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def batched(self) -> bool: ...


def shown(port: Port) -> str:
    """A port's type as the language writes it."""
    return f"{port.dtype}[{', '.join([*['N'] * port.batched, *map(str, port.shape)])}]"


def in_order(ports: Sequence[Port], feeds: Mapping[str, npt.ArrayLike]) -> list[npt.ArrayLike]:
    """Arrays by name in the order of the inputs. Raises `InputError` where one is missing or unknown."""
    names = [port.name for port in ports]
    for name in feeds:
        if name not in names:
            raise InputError(f"the network has no input `{name}`", code="E0605", help=f"it has {', '.join(names)}")
    for name in names:
        if name not in feeds:
            raise InputError(f"no array for input `{name}`", code="E0601")
    return [feeds[name] for name in names]


def fitting(ports: Sequence[Port], arrays: Sequence[npt.ArrayLike]) -> list[Array]:
    """The arrays, C-contiguous. Raises `InputError` where one has another shape or dtype, or their batches differ."""
    fits = [_fit(port, array) for port, array in zip(ports, arrays, strict=True)]
    for array in fits:
        if len(array) != len(fits[0]):
            raise InputError(f"inputs differ in batch: {len(fits[0])} and {len(array)}", code="E0603")
    return fits


def _fit(port: Port, given: npt.ArrayLike) -> Array:
    array = given if isinstance(given, np.ndarray) else np.asarray(given)
    if array.dtype != DTYPES[port.dtype] or array.shape[1:] != port.shape or array.ndim == 0:
        got = f"{array.dtype}{list(array.shape)}"
        raise InputError(f"input `{port.name}` wants {shown(port)}, got {got}", code="E0602")
    return array if array.flags.c_contiguous else np.ascontiguousarray(array)
