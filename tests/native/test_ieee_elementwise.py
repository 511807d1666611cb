"""Elementwise operators on NaN, infinities, zeros of either sign and denormals, as IEEE 754 and PyTorch have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  everybody's name for it
from builder import Net, features, image, stage
from child import in_child
from harness import compile_native, every_cpu, run
from special import INF, LARGEST, LEAST, NAN, TINY, Meaning, assert_same, exact

from cnnc.compiler.ir.graph import Value
from cnnc.compiler.ir.operator import REGISTRY, Array, Operator, bind
from cnnc.compiler.schedule.target import target

SIZES = (0.0, LEAST, 1e-40, TINY - LEAST, TINY, 1e-30, 0.25, 1, 3, 6, 20, 50, 88.7, 88.8, 95, 104, 200, 1e5, 1e19, 1e38)
NUMBERS = np.array([NAN, INF, -INF, LARGEST, -LARGEST, *SIZES, *(-size for size in SIZES)], np.float32)


def binary(name: str, **number: float) -> Operator:
    return bind(REGISTRY[name], number)


def full(number: float, x: torch.Tensor) -> torch.Tensor:
    return torch.full_like(x, number)


# What PyTorch calls each elementwise operator of one tensor.
UNARY: dict[str, tuple[Operator, Meaning]] = {
    **{name: (stage(name), getattr(F, name)) for name in (
        "relu", "relu6", "elu", "selu", "gelu", "silu", "mish", "hardsigmoid", "hardswish", "leaky_relu", "softplus",
    )},
    **{name: (stage(name), getattr(torch, name)) for name in ("sigmoid", "tanh", "abs", "exp", "log", "sqrt")},
    "leaky_relu(0)": (stage("leaky_relu", a=0.0), lambda x: F.leaky_relu(x, 0.0)),
    "leaky_relu(-2)": (stage("leaky_relu", a=-2.0), lambda x: F.leaky_relu(x, -2.0)),
    "clip(-1, 2)": (stage("clip", low=-1.0, high=2.0), lambda x: torch.clamp(x, -1, 2)),
    "clip(0, 0)": (stage("clip", low=0.0, high=0.0), lambda x: torch.clamp(x, 0, 0)),
    "threshold(0)": (stage("threshold", t=0.0), lambda x: (x > 0).to(x.dtype)),
    "scale(0)": (stage("scale", k=0.0), lambda x: x * 0),
    "scale(-2)": (stage("scale", k=-2.0), lambda x: x * -2),
    "normalize": (stage("normalize", mean=0.0, std=0.5), lambda x: x / 0.5),
    "x + 0": (binary("add", right=0.0), lambda x: x + 0.0),
    "1 + x": (binary("add", left=1.0), lambda x: 1 + x),
    "x - 0": (binary("sub", right=0.0), lambda x: x - 0.0),
    "0 - x": (binary("sub", left=0.0), lambda x: 0 - x),
    "x * 1": (binary("mul", right=1.0), lambda x: x * 1),
    "0 * x": (binary("mul", left=0.0), lambda x: 0 * x),
    "1 / x": (binary("div", left=1.0), lambda x: full(1, x) / x),
    "0 / x": (binary("div", left=0.0), lambda x: full(0, x) / x),
    "x / 0": (binary("div", right=0.0), lambda x: x / 0.0),
    "x / 2": (binary("div", right=2.0), lambda x: x / 2),
    "to_u8": (stage("to_u8"), lambda x: torch.clamp(torch.round(torch.nan_to_num(x, nan=0.0)), 0, 255) + 0.0),
}  # fmt: skip
BINARY: dict[str, tuple[Operator, Meaning]] = {
    name: (binary(name), getattr(torch, name)) for name in ("add", "sub", "mul", "div")
}


def in_every_lane(channels: int, shift: int = 0) -> Array:
    """As many pixels as numbers; the numbers begin elsewhere in each channel."""
    pixels = np.arange(len(NUMBERS)) * (1 + shift)
    return NUMBERS[(pixels + np.arange(channels)[:, None] + shift) % len(NUMBERS)]


class Elementwise(NamedTuple):
    """What went in and what came out, and the outputs of each operator."""

    inputs: Mapping[str, Array]
    results: Mapping[str, Array]
    outputs: Mapping[str, Sequence[str]]


@lru_cache
def elementwise(cpu: str) -> Elementwise:
    """All elementwise operators in one program: on the caller's image, whose lanes run along its rows; in the arena,
    where they are channels; as the tail of another kernel; and on rows of features."""
    channels = 2 * target(cpu).lanes + 3
    row = in_every_lane(channels)
    x, z = (np.stack([numbers] * 2, axis=1) for numbers in (row, in_every_lane(channels, 3)))  # two equal rows
    inputs = {"x": np.stack([x] * channels), "z": np.stack([z] * channels), "row": row}
    net = Net()
    a, b = (net.input(name, image(*x.shape)) for name in ("x", "z"))
    features_ = net.input("row", features(len(NUMBERS)))
    turned, upper = stage("transpose", order=[1, 3, 2]), stage("maxpool", kernel=(2, 1))
    values: dict[str, list[Value]] = {}
    for name, (op, _) in UNARY.items():
        values[name] = [net.chain(a, *before, op) for before in ((), (turned,), (upper,))] + [net.chain(features_, op)]
    for name, (op, _) in BINARY.items():
        values[name] = [net.apply(op, *(net.chain(v, *before) for v in (a, b))).output for before in ((), (upper,))]
    for every in values.values():
        net.output(*every)
    native = compile_native(net.graph, cpu)
    outputs = {name: [value.name for value in every] for name, every in values.items()}
    return Elementwise(inputs, in_child(lambda note: run(native, inputs)), outputs)


@every_cpu
@pytest.mark.parametrize("name", UNARY)
def test_elementwise_operators_of_one_tensor(cpu: str, name: str):
    inputs, results, outputs = elementwise(cpu)
    x = inputs["x"]
    for output, given in zip(outputs[name], (x, x.swapaxes(2, 3), x[:, :, :1], inputs["row"]), strict=True):
        size = np.abs(np.nan_to_num(given.astype(np.float64), posinf=0, neginf=0))
        near = 2 + (size * 2.0**-22 / LEAST if name == "gelu" else size)  # counted from 1/2; a denormal times x
        assert_same(results[output], exact(UNARY[name][1], given), near, output)


@every_cpu
@pytest.mark.parametrize("name", BINARY)
def test_arithmetic_of_two_tensors(cpu: str, name: str):
    """Every number meets many others: inf - inf, 0 / 0, inf * 0 among them."""
    inputs, results, outputs = elementwise(cpu)
    x, z = inputs["x"], inputs["z"]
    for output, rows in zip(outputs[name], (2, 1), strict=True):
        wanted = exact(BINARY[name][1], x[:, :, :rows], z[:, :, :rows])
        assert_same(results[output], wanted, 1, output)


def test_every_elementwise_operator_is_tried():
    tried = {op.name for op, _ in (UNARY | BINARY).values()} | {"batchnorm", "prelu"}  # see test_ieee_layers.py
    assert tried == {name for name, record in REGISTRY.items() if record.scalar is not None}
