"""A smooth function of numbers from 0 on as 16 polynomials. Their coefficients stand in registers of 16 lanes, where
one shuffle looks one up for every lane, so that a function costs little more than a polynomial.

Pieces end at the quarter octaves from `START` on, less `START`: exponent and two bits of the mantissa of `x + START`
say which piece has `x`. They are short near 0, where functions bend, and long where these flatten.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from numpy.polynomial import Chebyshev, Polynomial

from .emit import Emitter, float_constant

Function = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]

PIECES = 16  # what four bits tell apart
START = 0.625
LAST = 9.25  # in the last piece, which ends at 15 * START
_DEGREE = 5
_SHIFT = 21  # leaves two bits of a float's mantissa


@lru_cache
def tables(function: Function) -> npt.NDArray[np.float64]:
    """A row of centres and one for each power of the distance from them, lowest first; a column for each piece.

    Polynomials meet the function at Chebyshev's points. A centre is a float near a piece's middle whose result is
    almost a float too, so that rounding the constant term costs nothing (Gal & Bachelis 1991,
    doi:10.1145/103147.103151). The first piece reaches as far below 0, its centre: an odd function's small results are
    relatively exact.
    """
    first = int(np.float32(START).view(np.uint32)) >> _SHIFT
    ends = (first + np.arange(PIECES + 1, dtype=np.uint32) << _SHIFT).view(np.float32).astype(np.float64) - START
    rows = np.zeros((2 + _DEGREE, PIECES))
    for piece, (low, high) in enumerate(pairwise(ends), start=first):
        centre = _centre(function, low, high) if low else 0.0
        domain = (low or -high) - centre, high - centre
        shape = Chebyshev.interpolate(lambda t, c=centre: function(c + t), _DEGREE, domain)
        powers = shape.convert(kind=Polynomial).coef
        rows[:, piece % PIECES] = centre, function(np.array(centre)), *powers[1:]
    return rows


def _centre(function: Function, low: float, high: float) -> float:
    near = np.linspace(0.625 * low + 0.375 * high, 0.375 * low + 0.625 * high, 5000).astype(np.float32)
    exact = function(near.astype(np.float64))
    return float(near[np.argmin(abs(exact - exact.astype(np.float32)))])


def evaluate(e: Emitter, function: Function, x: str) -> str:
    """The function of lanes between 0 and `LAST`. NaN stays."""
    shifted = e.set(f"fadd {e.vector} {x}, {e.constant(START)}")
    bits = e.set(f"bitcast {e.vector} {shifted} to <{e.lanes} x i32>")
    piece = e.set(f"lshr <{e.lanes} x i32> {bits}, splat (i32 {_SHIFT})")  # shuffles see its last four bits
    centre, *powers = tables(function)
    distance = e.set(f"fsub {e.vector} {x}, {_look_up(e, centre, piece)}")
    total = _look_up(e, powers.pop(), piece)
    while powers:
        total = e.fma(total, distance, _look_up(e, powers.pop(), piece))
    return total


def _look_up(e: Emitter, row: npt.NDArray[np.float64], piece: str) -> str:
    kind, table = e.vector, f"<{', '.join(f'float {float_constant(x)}' for x in row)}>"
    return e.intrinsic(kind, "llvm.x86.avx512.permvar.sf.512", [(kind, table), (f"<{e.lanes} x i32>", piece)])
