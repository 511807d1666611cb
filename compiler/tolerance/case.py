"""What a kernel is held to: exact numbers with their bounds, and one application of an operator to such numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..ir.operator import Array

U = 2.0**-24
DOUBLE = 2.0**-53  # of double precision
UNDERFLOW = 2.0**-120  # errors below this are float32's floor, not a kernel's: 2**-126 times a factor or two
LEAST = 2.0**-149  # above 0 in float32
LARGEST = float(np.finfo(np.float32).max)


class Algorithm(NamedTuple):
    """How an algorithm's errors compare with the plain sum's: `factor` times as large. One with a `reach` mixes each
    pixel with all that are up to so many strides away, and all taps with one another, before it multiplies. Where all
    numbers are of one size, the worst outputs are off `usual` times as far as NumPy's float32, which adds in blocks."""

    factor: float
    reach: int = 0
    usual: float = 1.0


# Winograd's transforms mix the inputs of a tile, up to m + r - 2 apart, and the taps of a filter: a large number leaves
# its rounding errors on all outputs of its tile. Random layers of 1 to 512 channels, their numbers normal,
# positive, around 10, or spread over orders of magnitude, need factors of 0.50, 0.62, 1.34, 3.98, 0.79, 0.55, 0.28 and
# 0.36, the second and those from the sixth on with 4 channels at least.
# Normal numbers leave errors of up to 2, 5, 16, 65, 88, 36, 5 and 13 u of the sum of |x||w|, plain sums 4.
ALGORITHMS = {
    "winograd2": Algorithm(1.0, 3),
    "winograd3": Algorithm(1.5, 4, 2.0),
    "winograd4": Algorithm(2.0, 5, 4.0),
    "winograd6": Algorithm(6.0, 7, 32.0),
    "winograd5of4": Algorithm(1.5, 7, 32.0),
    "winograd4of5": Algorithm(1.5, 7, 16.0),
    "winograd2stride2": Algorithm(0.5, 2),
    "winograd4stride2": Algorithm(0.75, 4, 4.0),
}
PLAIN_SUM = Algorithm(1.0)


class Expected(NamedTuple):
    """A tensor's exact numbers, and for each how far a kernel's may lie from it."""

    exact: Array
    bound: Array

    def error(self, given: Array) -> Array:
        """How far each of a kernel's numbers lies from the truth; past float32's range the infinity is right."""
        exact = self.exact.astype(np.float64)
        overflow = np.abs(exact) + self.bound > LARGEST
        exact = np.where(overflow & np.isinf(given), np.copysign(np.inf, exact), exact)
        return distance(exact, given)

    def misses(self, given: Array) -> Array:
        """Where a kernel's numbers lie outside the bound."""
        return self.error(given) > self.bound


def distance(a: Array, b: Array) -> Array:
    """|a - b|: nothing where both are NaN or the same infinity, infinite where one of them is not finite."""
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(all="ignore"):
        return np.where(same, 0.0, np.nan_to_num(np.abs(a.astype(np.float64) - b), nan=np.inf, posinf=np.inf))


@dataclass(frozen=True)
class Case:
    """One application of an operator by an algorithm."""

    op: Any
    operands: Sequence[Expected]
    weights: Mapping[str, Array]
    algorithm: Algorithm

    @property
    def exact(self) -> list[Array]:
        return [operand.exact for operand in self.operands]

    @property
    def errors(self) -> list[Array]:
        return [operand.bound for operand in self.operands]

    @property
    def sizes(self) -> list[Array]:
        """The largest magnitudes that a kernel may have received."""
        return [np.abs(operand.exact) + operand.bound for operand in self.operands]

    def apply(self, *arrays: Array, weights: Mapping[str, Array] | None = None) -> tuple[Array, ...]:
        result = self.op.reference(*arrays, **(self.weights if weights is None else weights))
        return result if isinstance(result, tuple) else (result,)

    def probed(self, result: Array) -> Array:
        """How far the result moves when each operand in turn moves by its error, up or down."""
        total = np.zeros(result.shape)
        for i, (exact, error) in enumerate(self.operands):
            if not error.any():
                continue
            ends = [[*self.exact[:i], exact + sign * error, *self.exact[i + 1 :]] for sign in (1, -1)]
            total += np.maximum(*(distance(self.apply(*end)[0], result) for end in ends))
        return total
