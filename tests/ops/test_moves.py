"""Shapes, shuffles, rims and resizes: where each number comes from, by loops over the docstring's indices."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal


def test_flatten_and_reshape_keep_the_order(apply):
    x = np.arange(2 * 3 * 4.0).reshape(2, 3, 2, 2)
    assert_array_equal(apply("flatten", x), np.arange(24.0).reshape(2, 12))
    assert_array_equal(apply("reshape", x, dims=[4, -1]), np.arange(24.0).reshape(2, 4, 3))


def test_flatten_of_features_changes_nothing(apply, rng):
    x = rng.normal(size=(2, 5))
    assert_array_equal(apply("flatten", x), x)


def test_transpose_counts_axes_from_the_batch(apply, rng):
    x = rng.normal(size=(2, 3, 4, 5))
    got = apply("transpose", x, order=[2, 3, 1])
    for n, c, i, j in np.ndindex(x.shape):
        assert got[n, i, j, c] == x[n, c, i, j]


@pytest.mark.parametrize("axis", [1, 2])
def test_split_undoes_concat(apply, rng, axis):
    parts = [rng.normal(size=(2, 3, 4)), rng.normal(size=(2, 3, 4))]
    joined = apply("concat", *parts, axis=axis)
    for before, after in zip(parts, apply("split", joined, parts=2, axis=axis), strict=True):
        assert_array_equal(after, before)


def test_split_by_sizes_and_slice_agree(apply, rng):
    x = rng.normal(size=(2, 6, 2))
    for part, (start, stop) in zip(apply("split", x, parts=[1, 3, 2]), [(0, 1), (1, 4), (4, 6)], strict=True):
        assert_array_equal(part, apply("slice", x, start=start, stop=stop))


@pytest.mark.parametrize("mode", ["zero", "reflect", "edge"])
def test_pad_fills_its_rim(apply, rng, mode):
    x, (top, left, bottom, right) = rng.normal(size=(1, 2, 3, 4)), (1, 2, 2, 3)
    got = apply("pad", x, size=(top, left, bottom, right), mode=mode)

    def source(place, size):
        if 0 <= place < size:
            return place
        if mode == "edge":
            return 0 if place < 0 else size - 1
        return -place if place < 0 else 2 * (size - 1) - place

    for _, c, i, j in np.ndindex(got.shape):
        row, column = i - top, j - left
        inside = 0 <= row < 3 and 0 <= column < 4
        wanted = x[0, c, source(row, 3), source(column, 4)] if inside or mode != "zero" else 0
        assert got[0, c, i, j] == wanted


def test_crop_takes_the_middle(apply):
    x = np.arange(5 * 6.0).reshape(1, 1, 5, 6)
    assert_array_equal(apply("crop", x, h=2, w=2)[0, 0], [[8, 9], [14, 15]])


@pytest.mark.parametrize("n", [1, 2, 3])
def test_pixel_shuffle_is_its_formula(apply, rng, n):
    x = rng.normal(size=(2, 2 * n * n, 2, 3))
    got = apply("pixel_shuffle", x, n=n)
    for b, c, y, k in np.ndindex(2, 2, 2, 3):
        for v, u in np.ndindex(n, n):
            assert got[b, c, y * n + v, k * n + u] == x[b, c * n * n + v * n + u, y, k]


def test_channel_shuffle_deals_out_the_groups(apply, rng):
    x = rng.normal(size=(2, 6, 2, 2))
    got = apply("channel_shuffle", x, n=2)
    for g, j in np.ndindex(2, 3):
        assert_array_equal(got[:, j * 2 + g], x[:, g * 3 + j])


def test_identity_and_dropout_change_nothing(apply, rng):
    x = rng.normal(size=(2, 3))
    assert_array_equal(apply("identity", x), x)
    assert_array_equal(apply("dropout", x, p=0.5), x)


def place_of(i, size, out, coords):
    if coords == "half_pixel":
        return (i + 0.5) * size / out - 0.5
    if coords == "asymmetric":
        return i * size / out
    return i * (size - 1) / (out - 1) if out > 1 else 0.0


def kernel(mode, d):
    d = abs(d)
    if mode == "bilinear":
        return max(0.0, 1 - d)
    a = -0.75
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


@pytest.mark.parametrize("coords", ["half_pixel", "align_corners", "asymmetric"])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("out", [(1, 1), (3, 7), (4, 5), (9, 2)])
def test_resize_weighs_the_pixels_around_a_place(apply, rng, mode, coords, out):
    x = rng.normal(size=(1, 2, 4, 5))
    got = apply("resize", x, h=out[0], w=out[1], mode=mode, coords=coords)
    for c, i, j in np.ndindex(2, *out):
        y, z = place_of(i, 4, out[0], coords), place_of(j, 5, out[1], coords)
        total = sum(
            kernel(mode, y - row) * kernel(mode, z - column) * x[0, c, min(max(row, 0), 3), min(max(column, 0), 4)]
            for row in range(math.floor(y) - 2, math.floor(y) + 4)
            for column in range(math.floor(z) - 2, math.floor(z) + 4)
        )
        assert got[0, c, i, j] == pytest.approx(total)


@pytest.mark.parametrize("coords", ["half_pixel", "align_corners", "asymmetric"])
@pytest.mark.parametrize("out", [1, 2, 3, 5, 7, 10])
def test_nearest_takes_a_nearest_pixel_or_the_one_before(apply, coords, out):
    x = np.arange(5.0).reshape(1, 1, 1, 5)
    got = apply("resize", x, h=1, w=out, mode="nearest", coords=coords).ravel()
    for i in range(out):
        place = place_of(i, 5, out, coords)
        before = math.floor(place + 1e-9) if coords == "asymmetric" else math.floor(place + 0.5 + 1e-9)
        assert got[i] == min(before, 4)


def test_upsample_repeats_pixels(apply, rng):
    x = rng.normal(size=(1, 2, 2, 3))
    assert_array_equal(apply("upsample", x, n=3), x.repeat(3, 2).repeat(3, 3))
    assert_allclose(apply("upsample", x, n=2, mode="bilinear"), apply("resize", x, h=4, w=6))
