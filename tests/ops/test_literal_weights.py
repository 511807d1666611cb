"""The ways to write frozen kernels in the source."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from cnnc.compiler.diagnostics import Refusal
from cnnc.compiler.ir.operator import REGISTRY, bind
from cnnc.compiler.ir.types import Type

IMAGE = Type("f32", (1, 3, 8, 8))
SOBEL = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]


def weight_of(**attributes):
    return bind(REGISTRY["conv"], attributes).params(IMAGE)["weight"]


def numbers(spec):
    assert spec.data is not None
    return spec.data()


def test_one_kernel_stands_for_all_channels():
    spec = weight_of(channels=2, kernel=3, weight=SOBEL)
    assert not spec.trained
    assert_array_equal(numbers(spec), np.broadcast_to(SOBEL, (2, 3, 3, 3)))


def test_a_flat_list_fills_a_1x1_kernel():
    assert_array_equal(numbers(weight_of(channels=1, kernel=1, weight=[1, 2, 3])), np.reshape([1, 2, 3], (1, 3, 1, 1)))


def test_the_full_shape_is_taken_as_it_is():
    full = np.arange(2 * 3 * 2 * 2).reshape(2, 3, 2, 2)
    assert_array_equal(numbers(weight_of(channels=2, kernel=2, weight=full.tolist())), full)


def test_literal_kernels_come_without_bias_unless_asked():
    assert set(bind(REGISTRY["conv"], {"channels": 1, "kernel": 3, "weight": SOBEL}).params(IMAGE)) == {"weight"}
    asked = bind(REGISTRY["conv"], {"channels": 1, "kernel": 3, "weight": SOBEL, "bias": True})
    assert set(asked.params(IMAGE)) == {"weight", "bias"}


def test_a_wrong_count_names_both_shapes():
    with pytest.raises(Refusal, match=r"has shape \[2\], but the kernels have \[1, 3, 1, 1\]") as refusal:
        weight_of(channels=1, kernel=1, weight=[1, 2])
    assert refusal.value.code == "E0306"
    assert "or 3 numbers" in refusal.value.help
