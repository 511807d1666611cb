"""What PyTorch has not, or has otherwise, against ONNX's reference evaluator, on random shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from draws import agree, any_rank, image, pair, reach, whole, windowed
from onnx import helper
from onnx.reference import ReferenceEvaluator


@pytest.fixture(params=range(12))
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    return np.random.default_rng(request.param)


def onnx(kind: str, *inputs: np.ndarray | None, **attributes: Any) -> np.ndarray:
    """What ONNX's operator of opset 21 makes of its inputs; `None` is one that is left out."""
    names = ["" if array is None else f"x{i}" for i, array in enumerate(inputs)]
    feeds = {name: array for name, array in zip(names, inputs, strict=True) if array is not None}
    typed = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in feeds.items()
    ]
    node = helper.make_node(kind, names, ["y"], **attributes)
    graph = helper.make_graph([node], kind, typed, [helper.make_empty_tensor_value_info("y")])
    evaluator = ReferenceEvaluator(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)]))
    (y,) = evaluator.run(None, feeds)
    return np.asarray(y)


def sizes(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


ROUNDING = {"half_pixel": "round_prefer_ceil", "align_corners": "round_prefer_ceil", "asymmetric": "floor"}
MODES = {"nearest": "nearest", "bilinear": "linear", "bicubic": "cubic"}


@pytest.mark.parametrize("coords", ROUNDING)
@pytest.mark.parametrize("mode", MODES)
def test_resize(apply, rng, mode, coords):
    x, (h, w) = image(rng), pair(rng, 1, 15)
    how = {"mode": MODES[mode], "coordinate_transformation_mode": coords, "nearest_mode": ROUNDING[coords]}
    wanted = onnx("Resize", x, None, None, sizes(*x.shape[:2], h, w), cubic_coeff_a=-0.75, **how)
    # the evaluator's cubic weights are float32
    agree(apply("resize", x, h=h, w=w, mode=mode, coords=coords), wanted, 1e-5 if mode == "bicubic" else 1e-10)


def test_lrn_of_an_even_size_is_onnx_s_with_the_channels_in_reverse(apply, rng):
    """We reach one further back, as PyTorch does, and ONNX one further on. Odd sizes are alike."""
    channels, size = whole(rng, 1, 9), whole(rng, 1, 6)
    x = rng.normal(size=(channels, channels, 2, 3))  # the evaluator counts channels by images
    alpha, beta, k = rng.random(), 2 * rng.random(), 0.5 + rng.random()
    got = apply("lrn", x, size=size, alpha=alpha, beta=beta, k=k)
    turned = onnx("LRN", x[:, ::-1], size=size, alpha=alpha, beta=beta, bias=k)[:, ::-1]
    agree(got, turned, 1e-6)  # attributes are float32


def window_of(given: dict[str, Any]) -> dict[str, Any]:
    theirs = {"kernel": "kernel_shape", "stride": "strides", "pad": "pads", "dilation": "dilations"}
    return {theirs[name]: value for name, value in given.items() if name in theirs}


def test_conv_same(apply, rng):
    x, window = windowed(rng, 2)
    del window["pad"]
    w, b = rng.normal(size=(3, 2, *window["kernel"])), rng.normal(size=3)
    got = apply("conv", x, params={"weight": w, "bias": b}, channels=3, pad="same", **window)
    agree(got, onnx("Conv", x, w, b, auto_pad="SAME_UPPER", **window_of(window)))


@pytest.mark.parametrize("ceil", [False, True])
def test_pools_of_four_pads(apply, rng, ceil):
    x, window = windowed(rng, 2)
    agree(apply("maxpool", x, ceil=ceil, **window), onnx("MaxPool", x, ceil_mode=ceil, **window_of(window)))
    x, window = windowed(rng, 2, dilated=False)
    for count in (False, True):
        wanted = onnx("AveragePool", x, ceil_mode=ceil, count_include_pad=count, **window_of(window))
        agree(apply("avgpool", x, ceil=ceil, count_pad=count, **window), wanted)


def test_conv_transpose(apply, rng):
    kernel, stride, dilation, more = pair(rng, 1, 4), pair(rng, 2, 3), pair(rng, 1, 3), pair(rng, 0, 1)
    x, w, b = image(rng, 2, (2, 2)), rng.normal(size=(2, 3, *kernel)), rng.normal(size=3)
    pad = tuple(whole(rng, 0, 1) for _ in range(4))
    given = {"kernel": kernel, "stride": stride, "dilation": dilation, "pad": pad}
    got = apply("conv_transpose", x, params={"weight": w, "bias": b}, channels=3, output_pad=more, **given)
    agree(got, onnx("ConvTranspose", x, w, b, output_padding=more, **window_of(given)))


def test_conv_transpose_same(apply, rng):
    kernel, dilation = pair(rng, 1, 4), pair(rng, 1, 3)
    stride = tuple(whole(rng, 1, min(3, reach(k, d))) for k, d in zip(kernel, dilation, strict=True))
    x, w = image(rng, 2, (2, 2)), rng.normal(size=(2, 3, *kernel))
    given = {"kernel": kernel, "stride": stride, "dilation": dilation}
    got = apply("conv_transpose", x, params={"weight": w}, channels=3, pad="same", bias=False, **given)
    agree(got, onnx("ConvTranspose", x, w, auto_pad="SAME_UPPER", **window_of(given)))


def test_crop(apply, rng):
    x = image(rng)
    h, w = whole(rng, 1, x.shape[2]), whole(rng, 1, x.shape[3])
    agree(apply("crop", x, h=h, w=w), onnx("CenterCropPad", x, sizes(h, w), axes=[2, 3]))


def test_argmax_of_equals(apply, rng):
    x = np.round(any_rank(rng))
    axis = whole(rng, 1, x.ndim - 1)
    agree(apply("argmax", x, axis=axis), onnx("ArgMax", x, axis=axis, keepdims=0, select_last_index=0))
