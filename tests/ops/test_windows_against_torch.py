"""Convolutions and pools against PyTorch's, on random shapes and windows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  everybody's name for it
from draws import agree, image, pair, reach, same, whole, windowed
from torch import tensor
from torch.nn.grad import conv2d_input

torch.set_num_threads(1)


@pytest.fixture(params=range(20))
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    return np.random.default_rng(request.param)


def padded(x: np.ndarray, pad: tuple[int, int, int, int], value: float = 0.0) -> torch.Tensor:
    top, left, bottom, right = pad
    return F.pad(tensor(x), (left, right, top, bottom), value=value)


@pytest.mark.parametrize("bias", [True, False])
def test_conv(apply, rng, bias):
    groups, inputs, outputs = whole(rng, 1, 3), whole(rng, 1, 3), whole(rng, 1, 3)
    x, window = windowed(rng, groups * inputs)
    w, b = rng.normal(size=(groups * outputs, inputs, *window["kernel"])), rng.normal(size=groups * outputs)
    params = {"weight": w, "bias": b} if bias else {"weight": w}
    got = apply("conv", x, params=params, channels=len(w), groups=groups, bias=bias, **window)
    stride, dilation = window["stride"], window["dilation"]
    agree(got, F.conv2d(padded(x, window["pad"]), tensor(w), tensor(b) if bias else None, stride, 0, dilation, groups))


@pytest.mark.filterwarnings("ignore:Using padding='same'")  # PyTorch says that it copies
def test_conv_same(apply, rng):
    x, window = windowed(rng, 2)
    w = rng.normal(size=(3, 2, *window["kernel"]))
    window |= {"pad": "same", "bias": False}
    got = apply("conv", x, params={"weight": w}, channels=3, **window)
    explicit = padded(x, same(x.shape[2:], window))
    agree(got, F.conv2d(explicit, tensor(w), None, window["stride"], 0, window["dilation"]))
    if window["stride"] == (1, 1):
        agree(got, F.conv2d(tensor(x), tensor(w), None, 1, "same", window["dilation"]))


def test_depthwise(apply, rng):
    channels = whole(rng, 1, 5)
    x, window = windowed(rng, channels)
    w, b = rng.normal(size=(channels, 1, *window["kernel"])), rng.normal(size=channels)
    got = apply("depthwise", x, params={"weight": w, "bias": b}, **window)
    wanted = padded(x, window["pad"]), tensor(w), tensor(b), window["stride"], 0, window["dilation"], channels
    agree(got, F.conv2d(*wanted))


def stamped(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
    """An image, kernels, bias and the other attributes of a transposed convolution but for its pad."""
    groups, inputs, outputs = whole(rng, 1, 3), whole(rng, 1, 3), whole(rng, 1, 3)
    stride, dilation, kernel = pair(rng, 1, 3), pair(rng, 1, 3), pair(rng, 1, 4)
    more = tuple(whole(rng, 0, max(s, d) - 1) for s, d in zip(stride, dilation, strict=True))
    w, b = rng.normal(size=(groups * inputs, outputs, *kernel)), rng.normal(size=groups * outputs)
    attributes = {"stride": stride, "dilation": dilation, "output_pad": more, "groups": groups}
    return image(rng, groups * inputs, (3, 3)), w, b, attributes | {"kernel": kernel, "channels": len(b)}


def transposed(
    x: np.ndarray, w: np.ndarray, b: np.ndarray, given: dict[str, Any], pad: tuple[int, int]
) -> torch.Tensor:
    order = given["output_pad"], given["groups"], given["dilation"]
    return F.conv_transpose2d(tensor(x), tensor(w), tensor(b), given["stride"], pad, *order)


def test_conv_transpose(apply, rng):
    x, w, b, given = stamped(rng)
    pad = pair(rng, 0, 1)
    agree(
        apply("conv_transpose", x, params={"weight": w, "bias": b}, pad=pad, **given), transposed(x, w, b, given, pad)
    )


def test_conv_transpose_of_four_pads(apply, rng):
    """PyTorch cuts both ends alike: here it cuts nothing, and its output is cut afterwards."""
    x, w, b, given = stamped(rng)
    top, left, bottom, right = (whole(rng, 0, 1) for _ in range(4))
    got = apply("conv_transpose", x, params={"weight": w, "bias": b}, pad=(top, left, bottom, right), **given)
    full = transposed(x, w, b, given, (0, 0))
    agree(got, full[:, :, top : full.shape[2] - bottom, left : full.shape[3] - right])


def test_conv_transpose_same_is_the_gradient_of_conv_same(apply, rng):
    x, w, _, given = stamped(rng)
    reaches = map(reach, given["kernel"], given["dilation"])
    stride = tuple(map(min, given["stride"], reaches))
    given |= {"stride": stride, "output_pad": 0, "pad": "same", "bias": False}
    high, wide = (size * s for size, s in zip(x.shape[2:], stride, strict=True))
    top, left, bottom, right = same((high, wide), given)
    rimmed = (len(x), given["channels"], top + high + bottom, left + wide + right)
    conv = stride, 0, given["dilation"], given["groups"]
    gradient = conv2d_input(rimmed, tensor(w), tensor(x), *conv)  # type: ignore[arg-type]  pairs are as good as numbers
    got = apply("conv_transpose", x, params={"weight": w}, **given)
    agree(got, gradient[:, :, top : top + high, left : left + wide])


def test_dense(apply, rng):
    x, w, b = rng.normal(size=(3, 5)), rng.normal(size=(4, 5)), rng.normal(size=4)
    agree(apply("dense", x, params={"weight": w, "bias": b}, units=4), F.linear(tensor(x), tensor(w), tensor(b)))
    agree(apply("dense", x, params={"weight": w}, units=4, bias=False), F.linear(tensor(x), tensor(w)))


# Pools


def test_maxpool(apply, rng):
    x, window = windowed(rng, 2)
    wanted = F.max_pool2d(
        padded(x, window["pad"], -math.inf), window["kernel"], window["stride"], 0, window["dilation"]
    )
    agree(apply("maxpool", x, **window), wanted)


def test_maxpool_same(apply, rng):
    x, window = windowed(rng, 2)
    rim = padded(x, same(x.shape[2:], window), -math.inf)
    wanted = F.max_pool2d(rim, window["kernel"], window["stride"], 0, window["dilation"])
    agree(apply("maxpool", x, **window | {"pad": "same"}), wanted)


def symmetric(rng: np.random.Generator, dilated: bool) -> tuple[np.ndarray, dict[str, Any]]:
    """PyTorch's own pad: equal on both sides, and at most half a kernel."""
    _, window = windowed(rng, 2, dilated)
    window["pad"] = tuple(whole(rng, 0, k // 2) for k in window["kernel"])
    high, wide = map(reach, window["kernel"], window.get("dilation", (1, 1)))
    return image(rng, 2, (high, wide)), window


@pytest.mark.parametrize("ceil", [False, True])
def test_maxpool_ceil(apply, rng, ceil):
    x, window = symmetric(rng, dilated=True)
    wanted = F.max_pool2d(tensor(x), window["kernel"], window["stride"], window["pad"], window["dilation"], ceil)
    agree(apply("maxpool", x, ceil=ceil, **window), wanted)


@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("count_pad", [False, True])
def test_avgpool(apply, rng, ceil, count_pad):
    x, window = symmetric(rng, dilated=False)
    got = apply("avgpool", x, ceil=ceil, count_pad=count_pad, **window)
    agree(got, F.avg_pool2d(tensor(x), window["kernel"], window["stride"], window["pad"], ceil, count_pad))


def test_avgpool_of_four_pads(apply, rng):
    """PyTorch has none: the mean of what is there is the mean of the padded image over that of padded ones."""
    x, window = windowed(rng, 2, dilated=False)
    mean = F.avg_pool2d(padded(x, window["pad"]), window["kernel"], window["stride"])
    there = F.avg_pool2d(padded(np.ones_like(x), window["pad"]), window["kernel"], window["stride"])
    agree(apply("avgpool", x, **window), mean / there)
    agree(apply("avgpool", x, count_pad=True, **window), mean)


def test_a_pool_steps_by_its_kernel(apply, rng):
    x, kernel = image(rng, 2, (3, 3)), pair(rng, 1, 3)
    agree(apply("maxpool", x, kernel=kernel), F.max_pool2d(tensor(x), kernel))
    agree(apply("avgpool", x, kernel=kernel), F.avg_pool2d(tensor(x), kernel))


def test_pools_of_whole_images(apply, rng):
    x, (h, w) = image(rng), pair(rng, 1, 9)
    agree(apply("global_avgpool", x), F.adaptive_avg_pool2d(tensor(x), 1))
    agree(apply("global_maxpool", x), F.adaptive_max_pool2d(tensor(x), 1))
    agree(apply("adaptive_avgpool", x, h=h, w=w), F.adaptive_avg_pool2d(tensor(x), (h, w)))
