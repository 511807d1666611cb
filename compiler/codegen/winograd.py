"""Winograd's minimal filtering F(m, r): fewer products, from the points at which polynomials are compared.

m outputs of a filter with r taps need only n = m + r - 1 products: y = A' [(G w) * (B' x)], and in two dimensions
Y = A' [(G W G') * (B' X B)] A (Lavin & Gray 2015, arXiv 1509.09308). By Toom-Cook, G evaluates the filter at n - 1
points and at infinity, or at n points, and B and A are interpolation, transposed. With points 0, ±a, ±b, … the rows of
a pair share their even and their odd half, so that F(3, 3) transforms five numbers by ten operations, F(4, 3) six by
twelve and F(6, 3) eight by 24.

Errors hang on the points; the scale of a row does not count, since a power of two shifts exponents only and any other
factor is rounded. Measured on random layers of 32 to 256 channels, in u of the sum of |x||w|, the root of the mean
square and the largest: F(4, 3) with the roots of 1/2 and 2 has 0.8 and 5 to 10 (with 0, ±1, 1/2, -2: 13). Of 144 sets
of points for F(6, 3), 1/2, 1 and 2 have the least, 3.5 and 35 to 65: their coefficients are exact, and what B' lets
cancel is gone. 0.6, 1 and 1/0.6, nearer to one another, have 4.4 and 30; the roots of 1/2 and 2 beside 1 have 11.
F(3, 3) at infinity would have a point without its negative: 0, ±1, 2 have 1.0 and 12, 0, ±the root of 1/2, 2 0.7 and 4.
Without infinity 0, ±3/4, ±9/4, exact too, have 0.46 and 3.3; of 56 such sets the best, with ±4/5, ±5/2, 0.45 and 3.
F(4, 5) has the points of F(6, 3), and errors of 2.4 and 12 to 36: points nearer to one another have 2.9, the roots of
1/2 and 2 beside 1 8.8. It needs 64 products for 16 outputs, which have 400. F(5, 4) has them too, errors of 4 and 45 to
90 (three channels of 7 x 7 whose stride of 2 is folded: 7 and 240), and 64 products for 25 outputs, which have 400.

With a stride of two a tile falls apart: y[i] = (w[0] e[i] + w[2] e[i + 1]) + w[1] o[i], where e and o are its inputs at
even and at odd places. The two taps of the first sum go by F(m, 2), the third meets its inputs as they are: 2 m + 1
products for m outputs, in two dimensions 25 for 4 outputs and 81 for 16, which have 36 and 144. Errors are 0.5 and 2 to
5 with 0, ±1; 1.1 and 8 to 13 with the points of F(3, 3).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod, sqrt
from typing import Any, Protocol

import numpy as np
from numpy.polynomial import polynomial

from ..ir.operator import Array
from ..schedule.schedule import Filtering


class Words(Protocol):
    """Arithmetic on whatever is transformed: registers, or arrays in tests."""

    def add(self, a: Any, b: Any, /) -> Any: ...
    def sub(self, a: Any, b: Any, /) -> Any: ...
    def mul(self, a: Any, b: Any, /) -> Any: ...
    def fma(self, a: Any, b: Any, c: Any, /) -> Any: ...


class Transform(ABC):
    """From the inputs of a tile into the transformed domain and back, along one axis."""

    @property
    @abstractmethod
    def filtering(self) -> Filtering: ...

    @property
    @abstractmethod
    def matrix(self) -> Array:
        """G, `[n][r]`, in float64."""

    @property
    @abstractmethod
    def pairs(self) -> list[tuple[int, ...]]:
        """Places in a transformed vector that are computed together."""

    @abstractmethod
    def data_pair(self, words: Words, x: Sequence[Any], pair: tuple[int, ...]) -> list[Any]:
        """One of the `pairs` of B' x."""

    @abstractmethod
    def result(self, words: Words, m: Sequence[Any]) -> list[Any]:
        """A' m: products in the transformed domain into results."""

    @property
    def size(self) -> int:
        return self.filtering.size

    def filters(self, taps: Array) -> Array:
        """`[…][r * r][k]` as `[…][n * n][k]`, in float64."""
        return np.kron(self.matrix, self.matrix) @ taps

    def data(self, words: Words, x: Sequence[Any]) -> list[Any]:
        """B' x: `size` numbers of the input into the transformed domain."""
        numbers = {
            place: number
            for pair in self.pairs
            for place, number in zip(pair, self.data_pair(words, x, pair), strict=True)
        }
        return [numbers[place] for place in range(self.size)]


@dataclass(frozen=True)
class ToomCook(Transform):
    """`points` are the positive ones; their negatives and 0 belong to them, and infinity where the number of inputs is
    even. In vectors of the transformed domain they stand in this order: 0, +a, -a, +b, -b, …, infinity."""

    points: tuple[float, ...]
    infinity: bool = True
    taps: int = 3

    @property
    def filtering(self) -> Filtering:
        return Filtering(2 * len(self.points) + self.infinity + 2 - self.taps, self.taps)

    @property
    def matrix(self) -> Array:
        finite, powers = [0.0, *(sign * a for a in self.points for sign in (1, -1))], np.arange(self.taps)
        rows = [np.power(a, powers) / prod(a - b for b in finite if b != a) for a in finite]
        return np.array([*rows, *[powers == self.taps - 1] * self.infinity])

    @property
    def pairs(self) -> list[tuple[int, ...]]:
        """+a and -a of each point, and both ends."""
        ends = (0, self.size - 1) if self.infinity else (0,)
        return [ends, *((2 * k - 1, 2 * k) for k in range(1, len(self.points) + 1))]

    def data_pair(self, words: Words, x: Sequence[Any], pair: tuple[int, ...]) -> list[Any]:
        if pair[0] == 0:
            return [self._every_other(words, x[start:]) for start in range(len(pair))]
        a = self.points[pair[0] // 2]
        even, odd = (self._every_other(words, x[start:], without=a) for start in (2, 1))
        return [_combine(words, [(1.0, even), (sign * a, odd)]) for sign in (1, -1)]

    def result(self, words: Words, m: Sequence[Any]) -> list[Any]:
        outputs, pairs = self.filtering.outputs, [[m[place] for place in pair] for pair in self.pairs[1:]]
        sums, differences = ([take(*pair) for pair in pairs] for take in (words.add, words.sub))
        results = []
        for i in range(outputs):
            terms = [(a**i, half) for a, half in zip(self.points, differences if i % 2 else sums, strict=True)]
            terms += [(1.0, m[0])] * (i == 0) + [(1.0, m[-1])] * (i == outputs - 1 and self.infinity)
            results.append(_combine(words, terms))
        return results

    def _every_other(self, words: Words, x: Sequence[Any], without: float | None = None) -> Any:
        """x[0], x[2], … weighted by the product of (t - a**2) over the points, whose coefficients go with t = x**2."""
        weights = polynomial.polyfromroots([a * a for a in self.points if a != without])
        return _combine(words, [(float(c), x[2 * k]) for k, c in enumerate(weights)])


@dataclass(frozen=True)
class EverySecond(Transform):
    """With a stride of two, of three taps: those at both ends meet the inputs at even places by a transform of their
    own, the one between them those at odd places as they are."""

    even: ToomCook

    @property
    def filtering(self) -> Filtering:
        return Filtering(self.even.filtering.outputs, 3, 2)

    @property
    def matrix(self) -> Array:
        g = np.zeros((self.size, 3))
        g[: self.even.size, ::2], g[self.even.size :, 1] = self.even.matrix, 1
        return g

    @property
    def pairs(self) -> list[tuple[int, ...]]:
        odd = range(self.even.size, self.size)
        return [*self.even.pairs, *(tuple(odd[k : k + 2]) for k in range(0, len(odd), 2))]

    def data_pair(self, words: Words, x: Sequence[Any], pair: tuple[int, ...]) -> list[Any]:
        first = self.even.size
        return self.even.data_pair(words, x[::2], pair) if pair[0] < first else [x[2 * (k - first) + 1] for k in pair]

    def result(self, words: Words, m: Sequence[Any]) -> list[Any]:
        even, odd = self.even.result(words, m[: self.even.size]), m[self.even.size :]
        return [words.add(a, b) for a, b in zip(even, odd, strict=True)]


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


TRANSFORMS: dict[Filtering, Transform] = {
    transform.filtering: transform
    for transform in (
        ToomCook((1.0,)),
        ToomCook((0.75, 2.25), infinity=False),
        ToomCook((sqrt(0.5), sqrt(2.0))),
        ToomCook((0.5, 1.0, 2.0)),
        ToomCook((0.5, 1.0, 2.0), taps=4),
        ToomCook((0.5, 1.0, 2.0), taps=5),
        EverySecond(ToomCook((1.0,), infinity=False, taps=2)),
        EverySecond(ToomCook((0.75, 2.25), infinity=False, taps=2)),
    )
}
