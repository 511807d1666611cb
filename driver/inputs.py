"""Made-up inputs, for timing and comparing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from cnnc.runtime.feeds import Array, Port


def images_of(arrays: Mapping[str, npt.ArrayLike]) -> int:
    """For how many images a call with these inputs is, at least one."""
    return max([1, *(len(array) for array in arrays.values())])  # type: ignore[arg-type]


def random_inputs(ports: Iterable[Port], batch: int, seed: int) -> dict[str, Array]:
    """Bytes evenly, reals from the normal distribution, labels of two classes; the same for the same seed."""
    rng = np.random.default_rng(seed)
    arrays: dict[str, Array] = {}
    for port in ports:
        shape = (batch, *port.shape)
        if port.dtype == "u8":
            arrays[port.name] = rng.integers(0, 256, shape, np.uint8)
        elif port.dtype == "i64":
            arrays[port.name] = rng.integers(0, 2, shape, np.int64)
        else:
            arrays[port.name] = rng.standard_normal(shape, np.float32)
    return arrays
