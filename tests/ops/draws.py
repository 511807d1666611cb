"""Random images and windows, for the tests of references against those of other people."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.testing import assert_allclose

Sides = tuple[int, int, int, int]


def agree(got: np.ndarray, wanted: Any, precision: float = 1e-10) -> None:
    """Both are reckoned in double precision, if nothing else is said."""
    assert_allclose(got, np.asarray(wanted), rtol=precision, atol=precision)


def whole(rng: np.random.Generator, low: int, high: int) -> int:
    return int(rng.integers(low, high + 1))


def pair(rng: np.random.Generator, low: int, high: int) -> tuple[int, int]:
    return whole(rng, low, high), whole(rng, low, high)


def image(rng: np.random.Generator, channels: int | None = None, least: tuple[int, int] = (1, 1)) -> np.ndarray:
    """One to three images, their sizes odd and even, square and not."""
    sizes = (size + whole(rng, 0, 6) for size in least)
    return rng.normal(size=(whole(rng, 1, 3), channels or whole(rng, 1, 5), *sizes))


def any_rank(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(whole(rng, 1, 3), *(whole(rng, 1, 5) for _ in range(whole(rng, 1, 3)))))


def reach(kernel: int, dilation: int) -> int:
    return (kernel - 1) * dilation + 1


def windowed(rng: np.random.Generator, channels: int, dilated: bool = True) -> tuple[np.ndarray, dict[str, Any]]:
    """An image and a window that fits it, no pad as wide as the window."""
    kernel, stride, dilation = pair(rng, 1, 4), pair(rng, 1, 3), pair(rng, 1, 3) if dilated else (1, 1)
    high, wide = map(reach, kernel, dilation)
    pad = tuple(whole(rng, 0, min(3, r - 1)) for r in (high, wide, high, wide))
    least = max(1, high - pad[0] - pad[2]), max(1, wide - pad[1] - pad[3])
    window = {"kernel": kernel, "stride": stride, "pad": pad}
    return image(rng, channels, least), window | ({"dilation": dilation} if dilated else {})


def same(sizes: tuple[int, ...], window: dict[str, Any]) -> Sides:
    """The pad of `same`, as TensorFlow's guide has it: ceil(size / stride) windows, the odd pixel at the end."""
    down, across = (
        max(0, (math.ceil(size / s) - 1) * s + reach(k, d) - size)
        for size, k, s, d in zip(sizes, window["kernel"], window["stride"], window["dilation"], strict=True)
    )
    return down // 2, across // 2, down - down // 2, across - across // 2
