"""A small program and a few shapes for each stage: what the reference shows of it beyond its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from cnnc.compiler.ir.operator import Array

IMAGE = "f32[N, C, H, W]"
NOTHING: Mapping[str, Array] = MappingProxyType({})


@dataclass(frozen=True)
class Sample:
    """`feeds` are the inputs for one image, of which the program's first lines are made; `body` is the rest of it.

    `shapes` lists stages with the types that they are given. Parameters without `weights` are as training starts.
    """

    feeds: Mapping[str, Array]
    body: str
    shapes: tuple[tuple[str, ...], ...]
    weights: Mapping[str, Array] = field(default_factory=lambda: NOTHING)


def _f32(values: object) -> Array:
    return np.array(values, np.float32)


def _image(channels: int, height: int, width: int) -> Array:
    """The pixels numbered from 1."""
    return np.arange(1, channels * height * width + 1, dtype=np.float32).reshape(channels, height, width)


def _each(stage: str, *values: float) -> Sample:
    """A sample of an operator that works on each number by itself."""
    return Sample({"x": _f32(values or (-4, -1, 0, 1, 4))}, f"output y = x -> {stage}", ((stage, IMAGE),))


def _x(x: Array, stage: str, *shapes: tuple[str, ...], **weights: object) -> Sample:
    """A sample with one input and one output; weights by their role."""
    name = stage.partition("(")[0]
    named = {f"{name}_1.{role}": _f32(values) for role, values in weights.items()}
    return Sample({"x": x}, f"output y = x -> {stage}", shapes, named)


def _pair(a: Array, b: Array, stage: str, *shapes: tuple[str, ...]) -> Sample:
    """A sample with two inputs and one output."""
    return Sample({"a": a, "b": b}, f"output y = (a, b) -> {stage}", shapes)


_LEVELS = _f32([[[1, 3], [5, 7]], [[10, 10], [20, 20]]])  # two channels of different mean and spread

SAMPLES: dict[str, Sample] = {
    "conv": _x(
        _image(1, 3, 4),
        "conv(1, 2, weight=[[1, 0], [0, -1]])",
        ("conv(64, 3)", IMAGE),
        ("conv(64, 3, pad=1)", IMAGE),
        ("conv(64, 7, stride=2, pad=3)", IMAGE),
        ("conv(64, 3, dilation=2)", IMAGE),
        ("conv(64, 3, stride=2, pad=same)", "f32[N, 3, 224, 225]"),
        ("conv(64, 3, groups=2)", "f32[N, 32, 56, 56]"),
        ("conv(64, 3, groups=3)", "f32[N, 32, 56, 56]"),
        ("conv(64, 7)", "f32[N, 3, 5, 5]"),
    ),
    "depthwise": _x(
        _f32([[[1, 2], [3, 4]], [[1, 2], [3, 4]]]),
        "depthwise(2)",
        ("depthwise(3)", IMAGE),
        ("depthwise(3, stride=2, pad=1)", IMAGE),
        ("depthwise(7, pad=3)", IMAGE),
        weight=[[[[1, 1], [1, 1]]], [[[0, 0], [0, 10]]]],
        bias=[0, 5],
    ),
    "conv_transpose": _x(
        _image(1, 2, 2),
        "conv_transpose(1, 2, stride=2, bias=false)",
        ("conv_transpose(64, 2, stride=2)", IMAGE),
        ("conv_transpose(64, 3)", IMAGE),
        ("conv_transpose(64, 3, stride=2, pad=1, output_pad=1)", IMAGE),
        ("conv_transpose(64, 4, stride=2, pad=same)", IMAGE),
        ("conv_transpose(64, 4, stride=2, pad=1)", IMAGE),
        ("conv_transpose(64, 3, output_pad=1)", IMAGE),
        weight=[[[[1, 10], [100, 0]]]],
    ),
    "dense": _x(
        _f32([1, 2, 3]),
        "dense(2)",
        ("dense(10)", "f32[N, C]"),
        ("dense(10, bias=false)", "f32[N, 512]"),
        ("dense(10)", "f32[N, 64, 5, 5]"),
        weight=[[1, 1, 1], [0, 0, 10]],
        bias=[0, 0.5],
    ),
    "maxpool": _x(
        _image(1, 4, 4),
        "maxpool(2)",
        ("maxpool(2)", IMAGE),
        ("maxpool(3, stride=2, pad=1)", IMAGE),
        ("maxpool(2)", "f32[N, 64, 13, 13]"),
        ("maxpool(2, ceil=true)", "f32[N, 64, 13, 13]"),
        ("maxpool(2, pad=2)", "f32[N, 64, 13, 13]"),
    ),
    "avgpool": _x(
        _image(1, 4, 4),
        "avgpool(2)",
        ("avgpool(2)", IMAGE),
        ("avgpool(3, stride=1, pad=1)", IMAGE),
        ("avgpool(2)", "f32[N, 64, 13, 13]"),
        ("avgpool(2, ceil=true)", "f32[N, 64, 13, 13]"),
    ),
    "global_avgpool": _x(_image(2, 2, 2), "global_avgpool", ("global_avgpool", IMAGE)),
    "global_maxpool": _x(_image(2, 2, 2), "global_maxpool", ("global_maxpool", IMAGE)),
    "adaptive_avgpool": _x(_image(1, 3, 4), "adaptive_avgpool(2, 2)", ("adaptive_avgpool(7, 7)", IMAGE)),
    "relu": _each("relu"),
    "relu6": _each("relu6", -4, -1, 0, 4, 8),
    "leaky_relu": _each("leaky_relu(0.1)"),
    "prelu": Sample({"x": _f32([-4, 4])}, "output y = x -> prelu", (("prelu", IMAGE), ("prelu", "f32[N, C]"))),
    "elu": _each("elu"),
    "selu": _each("selu"),
    "gelu": _each("gelu"),
    "silu": _each("silu"),
    "mish": _each("mish"),
    "sigmoid": _each("sigmoid"),
    "tanh": _each("tanh"),
    "softplus": _each("softplus"),
    "hardsigmoid": _each("hardsigmoid"),
    "hardswish": _each("hardswish"),
    "sqrt": _each("sqrt", 0, 1, 2, 4, -1),
    "abs": _each("abs"),
    "exp": _each("exp", -1, 0, 1, 2),
    "log": _each("log", 0, 1, 2, 10, -1),
    "clip": _each("clip(0, 2)"),
    "threshold": _each("threshold(0.5)"),
    "add": _pair(
        _image(1, 2, 2),
        _f32([[[10, 20], [30, 40]]]),
        "add",
        ("add", IMAGE, IMAGE),
        ("add", IMAGE, "f32[N, C, 1, 1]"),
        ("add", "f32[N, 256, 56, 56]", "f32[N, 64, 56, 56]"),
    ),
    "mul": _pair(
        _image(2, 2, 2),
        _f32([[[1]], [[0]]]),
        "mul",
        ("mul", IMAGE, IMAGE),
        ("mul", IMAGE, "f32[N, C, 1, 1]"),
        ("mul", IMAGE, "f32[N, C]"),
    ),
    "sum": _x(_image(1, 2, 3), "sum(3)", ("sum(1)", IMAGE), ("sum(3)", IMAGE), ("sum(1, keep=true)", IMAGE)),
    "mean": _x(_image(2, 2, 2), "mean(1)", ("mean(1)", IMAGE), ("mean(1, keep=true)", IMAGE)),
    "batchnorm": _x(
        _LEVELS,
        "batchnorm(eps=0)",
        ("batchnorm", IMAGE),
        ("batchnorm", "f32[N, C]"),
        weight=[1, 1],
        bias=[0, 100],
        running_mean=[4, 15],
        running_var=[4, 25],
    ),
    "instancenorm": _x(
        _LEVELS, "instancenorm", ("instancenorm", IMAGE), ("instancenorm(affine=false)", "f32[N, C, 1, 1]")
    ),
    "groupnorm": _x(
        _f32([[[1]], [[3]], [[10]], [[30]]]),
        "groupnorm(2)",
        ("groupnorm(32)", "f32[N, 64, H, W]"),
        ("groupnorm(32)", "f32[N, 48, H, W]"),
    ),
    "layernorm": _x(
        _f32([[[1, 10]], [[2, 50]], [[3, 90]]]), "layernorm", ("layernorm(1e-6)", IMAGE), ("layernorm", "f32[N, C]")
    ),
    "lrn": _x(_f32([[[1]], [[2]], [[3]]]), "lrn(3, alpha=3, beta=1)", ("lrn(5)", IMAGE)),
    "softmax": _x(
        _f32([0, 1, 2]), "softmax", ("softmax", "f32[N, C]"), ("softmax", IMAGE), ("softmax(2)", "f32[N, C]")
    ),
    "log_softmax": _x(_f32([0, 1, 2]), "log_softmax", ("log_softmax", "f32[N, C]"), ("log_softmax", IMAGE)),
    "argmax": _x(_f32([0.1, 0.7, 0.2]), "argmax", ("argmax", "f32[N, C]"), ("argmax", IMAGE)),
    "cross_entropy": Sample(
        {"scores": _f32([2, 1, 0]), "label": np.array(0)},
        "output loss = (scores, label) -> cross_entropy",
        (
            ("cross_entropy", "f32[N, C]", "i64[N]"),
            ("cross_entropy", IMAGE, "i64[N, H, W]"),
            ("cross_entropy", "f32[N, C]", "f32[N]"),
        ),
    ),
    "mse": _pair(_f32([1, 2]), _f32([1, 4]), "mse", ("mse", IMAGE, IMAGE), ("mse", "f32[N, 10]", "f32[N, 12]")),
    "scale": _x(
        np.array([[[0, 51], [102, 255]]], np.uint8),
        "scale(1/255)",
        ("scale(1/255)", "u8[N, C, H, W]"),
        ("scale(2)", "f32[N, C]"),
    ),
    "normalize": _x(
        np.array([[[0, 100]], [[50, 150]]], np.uint8),
        "normalize([100, 50], [100, 50])",
        ("normalize(128, 64)", "u8[N, C, H, W]"),
        ("normalize([100, 50], [100, 50])", "u8[N, 3, H, W]"),
    ),
    "to_u8": _x(_f32([-3, 0.5, 1.5, 99.6, 300]), "to_u8", ("to_u8", IMAGE)),
    "identity": _x(_f32([1, 2, 3]), "identity", ("identity", IMAGE)),
    "dropout": _x(_f32([1, 2, 3]), "dropout(0.5)", ("dropout(0.5)", IMAGE)),
    "flatten": _x(
        _image(2, 2, 2),
        "flatten",
        ("flatten", "f32[N, 64, 5, 5]"),
        ("flatten", "f32[N, 64, 5, W]"),
        ("flatten", "f32[N, C]"),
    ),
    "reshape": _x(
        _image(1, 2, 3),
        "reshape([3, 2])",
        ("reshape([3, 2])", "f32[N, 1, 2, 3]"),
        ("reshape([2, -1])", "f32[N, 64, 5, 5]"),
        ("reshape([7, 7])", "f32[N, 64, 5, 5]"),
    ),
    "transpose": _x(
        _image(1, 2, 3), "transpose([1, 3, 2])", ("transpose([1, 3, 2])", IMAGE), ("transpose([2, 3, 1])", IMAGE)
    ),
    "concat": _pair(
        _f32([1, 2]),
        _f32([3, 4, 5]),
        "concat",
        ("concat", "f32[N, 64, H, W]", "f32[N, 32, H, W]"),
        ("concat(3)", "f32[N, 64, 7, 4]", "f32[N, 64, 7, 3]"),
        ("concat", "f32[N, 64, 28, 28]", "f32[N, 64, 24, 24]"),
    ),
    "split": Sample(
        {"x": _f32([1, 2, 3, 4])},
        "a, b = x -> split([1, 3])\n  output a\n  output b",
        (("split(2)", "f32[N, 64, H, W]"), ("split([16, 48])", "f32[N, 64, H, W]"), ("split(3)", "f32[N, 64, H, W]")),
    ),
    "slice": _x(
        _f32([1, 2, 3, 4]),
        "slice(1, 3)",
        ("slice(0, 3)", "f32[N, 64, H, W]"),
        ("slice(2, 4, axis=3)", "f32[N, 64, 7, 7]"),
        ("slice(60, 70)", "f32[N, 64, H, W]"),
    ),
    "pad": _x(
        _image(1, 2, 3),
        "pad((0, 2), mode=reflect)",
        ("pad(1)", IMAGE),
        ("pad((1, 2, 3, 4))", IMAGE),
        ("pad(3, mode=reflect)", "f32[N, 3, 3, 3]"),
    ),
    "crop": _x(_image(1, 4, 5), "crop(2, 2)", ("crop(24, 24)", IMAGE), ("crop(24, 24)", "f32[N, 3, 20, 20]")),
    "resize": _x(
        _f32([[[0, 10], [20, 30]]]), "resize(2, 4)", ("resize(480, 640)", IMAGE), ("resize(7, 7, mode=nearest)", IMAGE)
    ),
    "upsample": _x(_image(1, 2, 2), "upsample(2)", ("upsample(2)", IMAGE), ("upsample(4, mode=bilinear)", IMAGE)),
    "pixel_shuffle": _x(
        _f32([[[1, 2]], [[3, 4]], [[5, 6]], [[7, 8]]]),
        "pixel_shuffle(2)",
        ("pixel_shuffle(2)", "f32[N, 64, H, W]"),
        ("pixel_shuffle(3)", "f32[N, 64, H, W]"),
    ),
    "channel_shuffle": _x(
        _f32([[[1]], [[2]], [[3]], [[4]]]),
        "channel_shuffle(2)",
        ("channel_shuffle(2)", "f32[N, 64, H, W]"),
        ("channel_shuffle(3)", "f32[N, 64, H, W]"),
    ),
}
