"""How far from the truth an answer may be: the one place that decides.

The truth is NumPy in float64, on the numbers that the code under test really received. A sum of n products may be off
by (2 + sqrt(n)) * u * (sum |x| |w| + |b|): rounding errors of random sign, and never relative to the result alone,
which cancellation may have left small. Whatever has no such formula is measured: single precision from the same
definitions, in another order of operations, is as far from the truth as the conditioning makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod, sqrt

import numpy as np

from cnnc.compiler.ir.operator import Operator
from cnnc.net import Array

U = 2.0**-24  # half the distance from 1 to the next float32
MARGIN = 16  # what another order of operations, and cheaper exponentials, may lose beyond NumPy's

# Products in one output of a weighted sum, by the shape of its weight.
_PRODUCTS = {
    "conv": lambda op, shape: prod(shape[1:]),
    "depthwise": lambda op, shape: prod(shape[1:]),
    "conv_transpose": lambda op, shape: shape[0] // op.groups * prod(shape[2:]),
    "dense": lambda op, shape: shape[1],
}


def of_operator(op: Operator, operands: list[Array], weights: Mapping[str, Array], truths: list[Array]) -> list[Array]:
    """The error allowed in each element of an operator's outputs; operands and weights in float64."""
    if op.name in _PRODUCTS:
        (magnitude,) = apply(op, list(map(np.abs, operands)), {role: np.abs(array) for role, array in weights.items()})
        return [(2 + sqrt(_PRODUCTS[op.name](op, weights["weight"].shape))) * U * magnitude]
    narrow = [array.astype(np.float32) for array in operands]
    singles = apply(op, narrow, {role: array.astype(np.float32) for role, array in weights.items()})
    return [measured(truth, single) for truth, single in zip(truths, singles, strict=True)]


def apply(op: Operator, operands: list[Array], weights: Mapping[str, Array]) -> list[Array]:
    """An operator's outputs from its definition, in the precision of the operands."""
    with np.errstate(all="ignore"):
        result = op.reference(*operands, **weights)
    return list(result) if isinstance(result, tuple) else [result]


def measured(truth: Array, single: Array) -> Array:
    """The error allowed everywhere, from the largest that single precision made. Bytes may round the other way."""
    if truth.dtype.kind in "iu":
        return np.full(truth.shape, float(truth.dtype == np.uint8))
    made = float(distance(truth, single).max(initial=0.0))
    return np.full(truth.shape, MARGIN * made + 4 * U * float(_largest(truth)))


def distance(truth: Array, given: Array) -> Array:
    """How far apart two arrays are; not at all where both are NaN or the same infinity, else infinitely."""
    truth, given = truth.astype(np.float64), given.astype(np.float64)
    same = (truth == given) | (np.isnan(truth) & np.isnan(given))
    with np.errstate(invalid="ignore"):
        return np.where(same, 0.0, np.nan_to_num(np.abs(truth - given), nan=np.inf, posinf=np.inf))


def _largest(array: Array) -> np.floating:
    return np.abs(array, where=np.isfinite(array), out=np.zeros(array.shape)).max(initial=0.0)
