"""Winograd's minimal filtering F(m, 3): fewer products, from the points at which polynomials are compared.

m outputs of a filter with 3 taps need only n = m + 2 products: y = A' [(G w) * (B' x)], and in two dimensions
Y = A' [(G W G') * (B' X B)] A (Lavin & Gray 2015, arXiv 1509.09308). By Toom-Cook, G evaluates the filter at n - 1
points and at infinity, and B and A are interpolation, transposed. With points 0, ±a, ±b, … the rows of a pair share
their even and their odd half, so that F(4, 3) transforms six numbers by twelve operations and F(6, 3) eight by 24.

Errors hang on the points; the scale of a row does not count, since a power of two shifts exponents only and any other
factor is rounded. Measured on random layers of 32 to 256 channels, in u of the sum of |x||w|, the root of the mean
square and the largest: F(4, 3) with the roots of 1/2 and 2 has 0.8 and 5 to 10 (with 0, ±1, 1/2, -2: 13). Of 144 sets
of points for F(6, 3), 1/2, 1 and 2 have the least, 3.5 and 35 to 65: their coefficients are exact, and what B' lets
cancel is gone. 0.6, 1 and 1/0.6, nearer to one another, have 4.4 and 30; the roots of 1/2 and 2 beside 1 have 11.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod, sqrt
from typing import Any, Protocol

import numpy as np
from numpy.polynomial import polynomial

from ..ir.operator import Array
from ..schedule.tiles import TAPS


class Words(Protocol):
    """Arithmetic on whatever is transformed: registers, or arrays in tests."""

    def add(self, a: Any, b: Any, /) -> Any: ...
    def sub(self, a: Any, b: Any, /) -> Any: ...
    def mul(self, a: Any, b: Any, /) -> Any: ...
    def fma(self, a: Any, b: Any, c: Any, /) -> Any: ...


@dataclass(frozen=True)
class Transform:
    """`points` are the positive ones; their negatives, 0 and infinity belong to them. In vectors of the transformed
    domain they stand in this order: 0, +a, -a, +b, -b, …, infinity."""

    points: tuple[float, ...]

    @property
    def outputs(self) -> int:
        return 2 * len(self.points)

    @property
    def size(self) -> int:
        return self.outputs + TAPS - 1

    def filters(self, weight: Array) -> Array:
        """`[…][3][3]` as `[n * n][…]`, in float64."""
        finite = [0.0, *(sign * a for a in self.points for sign in (1, -1))]
        rows = [np.array([1.0, a, a * a]) / prod(a - b for b in finite if b != a) for a in finite]
        g = np.array([*rows, [0.0, 0.0, 1.0]])
        both = np.kron(g, g)  # [n * n][3 * 3]
        return both @ weight.astype(np.float64).reshape(-1, TAPS * TAPS).T

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Places in a transformed vector that are computed together: +a and -a of each point, and both ends."""
        return [(0, self.size - 1), *((i, i + 1) for i in range(1, self.size - 1, 2))]

    def data(self, words: Words, x: Sequence[Any]) -> list[Any]:
        """B' x: `size` numbers of the input into the transformed domain."""
        (first, last), *rest = [self.data_pair(words, x, pair) for pair in self.pairs]
        return [first, *(number for pair in rest for number in pair), last]

    def data_pair(self, words: Words, x: Sequence[Any], pair: tuple[int, int]) -> tuple[Any, Any]:
        """One of the `pairs` of B' x."""
        if pair[0] == 0:
            whole = self._even()
            return _combine(words, zip(whole, x[::2], strict=True)), _combine(words, zip(whole, x[1::2], strict=True))
        a = self.points[pair[0] // 2]
        half = self._even(without=a)
        even, odd = (_combine(words, zip(half, x[start:-1:2], strict=True)) for start in (2, 1))
        return _combine(words, [(1.0, even), (a, odd)]), _combine(words, [(1.0, even), (-a, odd)])

    def result(self, words: Words, m: Sequence[Any]) -> list[Any]:
        """A' m: products in the transformed domain into `outputs` results."""
        pairs = [(m[i], m[j]) for i, j in self.pairs[1:]]
        sums = [words.add(plus, minus) for plus, minus in pairs]
        differences = [words.sub(plus, minus) for plus, minus in pairs]
        results = []
        for i in range(self.outputs):
            terms = [(a**i, half) for a, half in zip(self.points, differences if i % 2 else sums, strict=True)]
            terms += [(1.0, m[0])] * (i == 0) + [(1.0, m[-1])] * (i == self.outputs - 1)
            results.append(_combine(words, terms))
        return results

    def _even(self, without: float | None = None) -> list[float]:
        """Coefficients, lowest first, of the product of (t - a**2) over the points, in t = x**2."""
        return [float(c) for c in polynomial.polyfromroots([a * a for a in self.points if a != without])]


def _combine(words: Words, terms: Iterable[tuple[float, Any]]) -> Any:
    """The sum of coefficients times values. Values whose coefficients are equal but for the sign are added first, and
    what has the coefficient 1 comes before the others, since it needs no product."""
    alike: dict[float, list[tuple[float, Any]]] = {}
    for coefficient, value in terms:
        alike.setdefault(round(abs(coefficient), 12), []).append((coefficient, value))
    sums = []
    for _, members in sorted(alike.items(), key=lambda item: item[0] != 1):
        (first, part), *rest = sorted(members, key=lambda member: member[0] < 0)
        for coefficient, value in rest:
            part = words.add(part, value) if coefficient * first > 0 else words.sub(part, value)
        sums.append((first, part))
    (first, total), *rest = sums
    total = total if round(first, 12) == 1 else words.mul(first, total)
    for coefficient, value in rest:
        total = words.fma(coefficient, value, total)
    return total


TRANSFORMS = {
    transform.outputs: transform
    for transform in (Transform((1.0,)), Transform((sqrt(0.5), sqrt(2.0))), Transform((0.5, 1.0, 2.0)))
}
