"""Strange numbers, and what PyTorch makes of them.

PyTorch computes in double precision here: in single precision its vectors overflow on the way at some large numbers
(gelu of infinity is NaN there, softplus of 89 infinite), which means nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch

from cnnc.compiler.ir.operator import Array

NAN, INF = math.nan, math.inf
LEAST, TINY, LARGEST = 2.0**-149, 2.0**-126, float(np.finfo(np.float32).max)  # the least denormal and normal numbers

Meaning = Callable[..., torch.Tensor]


def exact(meaning: Meaning, *arrays: Array) -> Array:
    """PyTorch's answer in double precision for float32 numbers."""
    return meaning(*(torch.tensor(array.astype(np.float64)) for array in arrays)).numpy()


def assert_same(given: Array, wanted: Array, near: Array | float, what: str = "") -> None:
    """NaN for NaN, the same infinity, zero with its sign, and other numbers as near as that: 2**-20 of the number and
    `near` times the least denormal."""
    given = given.astype(np.float32)
    with np.errstate(all="ignore"):
        single = wanted.astype(np.float32)
        finite = np.isfinite(single) & np.isfinite(given)
        gap = np.where(finite, np.abs(given.astype(np.float64) - wanted), 0)
        close = gap <= 2.0**-20 * np.abs(wanted) + near * LEAST
    zero = (given == 0) & (wanted == 0)
    same = np.where(finite, close & ~(zero & (np.signbit(given) != np.signbit(single))), given == single)
    wrong = ~(same | (np.isnan(given) & np.isnan(single)))
    first = [int(i) for i in np.argwhere(wrong)[0]] if wrong.any() else []
    at = tuple(first)
    assert not wrong.any(), f"{what} at {first}: {given[at]!r}, PyTorch {single[at]!r}; {wrong.sum()} of {wrong.size}"
