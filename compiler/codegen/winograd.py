"""Winograd's minimal filtering F(m, 3): fewer products, from the points at which polynomials are compared.

m outputs of a filter with 3 taps need only n = m + 2 products: y = A' [(G w) * (B' x)], and in two dimensions
Y = A' [(G W G') * (B' X B)] A (Lavin & Gray 2015, arXiv 1509.09308). By Toom-Cook, G evaluates the filter at n - 1
points and at infinity, and B and A are interpolation, transposed. With points 0, ±a, ±b, … the rows of a pair share
their even and their odd half, so that F(4, 3) transforms six numbers by twelve operations.

Errors hang on the points. Those of F(4, 3) are the roots of 1/2 and 2: 5 to 10 u of the sum of |x||w| were measured,
13 with the customary 0, ±1, 1/2, -2.
"""

from __future__ import annotations

from collections.abc import Sequence
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

    def data(self, words: Words, x: Sequence[Any]) -> list[Any]:
        """B' x: `size` numbers of the input into the transformed domain."""
        whole = self._even()
        rows = [_combine(words, list(zip(whole, x[::2], strict=False)))]
        for a in self.points:
            half = self._even(without=a)
            even = _combine(words, list(zip(half, x[2::2], strict=False)))
            odd = _combine(words, list(zip(half, x[1::2], strict=False)))
            rows += [words.fma(a, odd, even), words.fma(-a, odd, even)]
        return [*rows, _combine(words, list(zip(whole, x[1::2], strict=False)))]

    def result(self, words: Words, m: Sequence[Any]) -> list[Any]:
        """A' m: products in the transformed domain into `outputs` results."""
        pairs = [(m[i], m[i + 1]) for i in range(1, self.size - 1, 2)]
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


def _combine(words: Words, terms: list[tuple[float, Any]]) -> Any:
    """The sum of coefficients times values; what has the coefficient 1 comes first, since it needs no product."""
    (first, total), *rest = sorted(terms, key=lambda term: round(term[0], 12) != 1)
    total = total if round(first, 12) == 1 else words.mul(first, total)
    for coefficient, value in rest:
        plain = round(coefficient, 12) == 1
        total = words.add(total, value) if plain else words.fma(coefficient, value, total)
    return total


TRANSFORMS = {transform.outputs: transform for transform in (Transform((1.0,)), Transform((sqrt(0.5), sqrt(2.0))))}
