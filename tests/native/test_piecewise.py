"""tanh from tables, where registers hold them: at its pieces' ends, of what is small, of what is large."""

from __future__ import annotations

from functools import lru_cache

import accuracy
import numpy as np
import pytest
from harness import runs_here

from cnnc.compiler.tolerance import U

WIDE = "x86-64-v4"
QUARTERS = np.concatenate([octave * np.array([1, 1.25, 1.5, 1.75]) for octave in (0.5, 1, 2, 4, 8)])
ENDS = QUARTERS[(QUARTERS > 0.625) & (QUARTERS <= 10)] - 0.625
pytestmark = pytest.mark.skipif(not runs_here(WIDE), reason="this machine lacks AVX-512")


@lru_cache
def native() -> accuracy.Native:
    return accuracy.Native("tanh", WIDE)


def around(x: np.ndarray, reach: int) -> np.ndarray:
    """Floats up to `reach` places from each number of `x`."""
    return (
        (x.astype(np.float32).view(np.int32)[:, None] + np.arange(-reach, reach + 1)).astype(np.int32).view(np.float32)
    )


def test_pieces_meet():
    """The polynomials of both sides are good beyond the end, which rounding of what is looked up may move."""
    x = around(ENDS, 2000).reshape(-1)
    exact = np.tanh(x.astype(np.float64))
    assert len(ENDS) == 16
    assert (abs(native()(x) - exact) <= 2 * U * exact).all()


def test_what_is_small_is_its_own():
    bits = np.arange(0, int(np.float32(2.0**-12).view(np.uint32)), 997, dtype=np.uint32)
    for sign in (0, 1 << 31):
        x = (bits | np.uint32(sign)).view(np.float32)
        np.testing.assert_array_equal(native()(x).view(np.uint32), x.view(np.uint32))


def test_what_is_large_is_one():
    bits = np.arange(
        int(np.float32(9.02).view(np.uint32)), int(np.float32(np.inf).view(np.uint32)) + 1, dtype=np.uint32
    )
    x = np.append(bits[: 1 << 17], bits[::-9973]).view(np.float32)
    assert np.isinf(x).any()
    np.testing.assert_array_equal(native()(x), np.float32(1))
    np.testing.assert_array_equal(native()(-x), np.float32(-1))
