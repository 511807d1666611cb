"""Sums, products, numbers beside tensors, softmax, losses and pixels: values worked out by hand or by loops."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal


def test_several_tensors_are_added_and_multiplied(apply, rng):
    a, b, c = rng.normal(size=(3, 2, 4))
    assert_allclose(apply("add", a, b, c), a + b + c)
    assert_allclose(apply("mul", a, b, c), a * b * c)


def test_numbers_stand_where_they_were_written(apply):
    x = np.array([[1.0, 2.0, 4.0]])
    assert_array_equal(apply("sub", x, right=1), [[0, 1, 3]])
    assert_array_equal(apply("sub", x, left=1), [[0, -1, -3]])
    assert_array_equal(apply("div", x, left=1), [[1, 0.5, 0.25]])
    assert_array_equal(apply("div", x, right=2), [[0.5, 1, 2]])
    assert_array_equal(apply("add", x, left=0.5), [[1.5, 2.5, 4.5]])
    assert_array_equal(apply("mul", x, right=-1), -x)


def test_sizes_of_one_and_missing_batches_broadcast(apply, rng):
    x, gate, gamma = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(2, 3, 1, 1)), rng.normal(size=(3, 1, 1))
    got = apply("mul", x, gate, gamma)
    for n, c, i, j in np.ndindex(x.shape):
        assert got[n, c, i, j] == pytest.approx(x[n, c, i, j] * gate[n, c, 0, 0] * gamma[c, 0, 0])


def test_division_by_zero_is_ieee(apply):
    with np.errstate(all="ignore"):
        got = apply("div", np.array([[1.0, -1.0, 0.0]]), np.zeros((1, 3)))
    assert_array_equal(got, [[math.inf, -math.inf, math.nan]])


def test_clip_and_threshold(apply):
    x = np.array([[-2.0, 0.5, 0.50001, 3.0, math.nan]])
    assert_array_equal(apply("clip", x, low=0, high=1), [[0, 0.5, 0.50001, 1, math.nan]])
    assert_array_equal(apply("threshold", x, t=0.5), [[0, 0, 1, 1, 0]])


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_sum_and_mean_drop_the_axis_unless_kept(apply, rng, axis):
    x = rng.normal(size=(2, 3, 4, 5))
    total = np.zeros([n for a, n in enumerate(x.shape) if a != axis])
    for place in np.ndindex(x.shape):
        total[tuple(i for a, i in enumerate(place) if a != axis)] += x[place]
    assert_allclose(apply("sum", x, axis=axis), total)
    assert_allclose(apply("mean", x, axis=axis), total / x.shape[axis])
    assert_allclose(apply("sum", x, axis=axis, keep=True), np.expand_dims(total, axis))


def test_softmax_sums_to_one_and_does_not_overflow(apply):
    x = np.array([[1000.0, 1001.0, 1002.0], [0.0, 0.0, -math.inf]])
    parts = [math.exp(k) for k in (0, 1, 2)]
    assert_allclose(apply("softmax", x), [[p / sum(parts) for p in parts], [0.5, 0.5, 0]])
    with np.errstate(divide="ignore"):
        assert_allclose(apply("log_softmax", x)[0], [math.log(p / sum(parts)) for p in parts])


def test_softmax_of_each_pixel(apply, rng):
    x = rng.normal(size=(2, 3, 4, 5))
    for axis in (1, 2, 3):
        assert_allclose(apply("softmax", x, axis=axis).sum(axis), 1)
        assert_allclose(np.exp(apply("log_softmax", x, axis=axis)), apply("softmax", x, axis=axis))


def test_argmax_takes_the_first_of_equals(apply):
    assert_array_equal(apply("argmax", np.array([[3.0, 7.0, 7.0], [1.0, math.nan, 5.0]])), [1, 1])
    assert apply("argmax", np.zeros((2, 3, 4, 5)), axis=3).shape == (2, 3, 4)


def test_cross_entropy_is_the_mean_surprise(apply, rng):
    scores, labels = rng.normal(size=(4, 3)), np.array([0, 2, 1, 2])
    surprises = [-math.log(math.exp(s[k]) / sum(map(math.exp, s))) for s, k in zip(scores, labels, strict=True)]
    assert apply("cross_entropy", scores, labels) == pytest.approx(sum(surprises) / 4)


def test_cross_entropy_of_pixels(apply, rng):
    scores, labels = rng.normal(size=(2, 3, 2, 2)), rng.integers(0, 3, (2, 2, 2))
    flat = scores.transpose(0, 2, 3, 1).reshape(-1, 3)
    assert apply("cross_entropy", scores, labels) == pytest.approx(apply("cross_entropy", flat, labels.reshape(-1)))


@pytest.mark.parametrize("label", [-1, -3, 3, 2**40])
def test_a_label_that_is_no_class_makes_cross_entropy_nan(apply, rng, label):
    assert math.isnan(apply("cross_entropy", rng.normal(size=(4, 3)), np.array([0, 2, label, 2])))


@pytest.mark.filterwarnings("error")
def test_the_mean_of_nothing_is_nan(apply):
    with np.errstate(all="ignore"):
        assert math.isnan(apply("mse", np.zeros((0, 3)), np.zeros((0, 3))))
        assert math.isnan(apply("cross_entropy", np.zeros((0, 3)), np.zeros(0, np.int64)))


def test_mse_is_the_mean_square(apply):
    assert apply("mse", np.array([[1.0, 2.0]]), np.array([[0.0, 5.0]])) == 5.0


def test_bytes_become_numbers_and_bytes_again(apply):
    x = np.array([0.0, 51.0, 255.0]).reshape(1, 3, 1, 1)
    assert_allclose(apply("scale", x, k=1 / 255).ravel(), [0, 0.2, 1])
    assert_allclose(apply("normalize", x, mean=[0, 1, 5], std=[1, 2, 10]).ravel(), [0, 25, 25])
    assert_allclose(apply("normalize", x, mean=51, std=102).ravel(), [-0.5, 0, 2])
    loss = apply("normalize", np.float32(3.0), mean=-2.0, std=-2.0)
    assert loss.shape == () and loss == -2.5
    odd = np.array([[-3.0, 0.5, 1.5, 254.5, 300.0, math.nan, math.inf, -math.inf]])
    assert_array_equal(apply("to_u8", odd), [[0, 0, 2, 254, 255, 0, 255, 0]])
