"""Every other operator's reference against PyTorch's operator of that meaning, on random shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  everybody's name for it
from draws import agree, any_rank, image, pair, whole
from torch import tensor

from cnnc.compiler.ir.operator import REGISTRY

torch.set_num_threads(1)


@pytest.fixture(params=range(12))
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    return np.random.default_rng(request.param)


def affine(rng: np.random.Generator, x: np.ndarray) -> tuple[dict[str, np.ndarray], torch.Tensor, torch.Tensor]:
    """Weight and bias for us, and for PyTorch."""
    weight, bias = rng.normal(size=x.shape[1]), rng.normal(size=x.shape[1])
    return {"weight": weight, "bias": bias}, tensor(weight), tensor(bias)


EPS = (1e-5, 0.1)


@pytest.mark.parametrize("eps", EPS)
def test_batchnorm(apply, rng, eps):
    x = any_rank(rng)
    params, weight, bias = affine(rng, x)
    mean, variance = rng.normal(size=x.shape[1]), rng.random(x.shape[1])
    wanted = F.batch_norm(tensor(x), tensor(mean), tensor(variance), weight, bias, eps=eps)
    params |= {"running_mean": mean, "running_var": variance}
    agree(apply("batchnorm", x, params=params, eps=eps), wanted)


@pytest.mark.parametrize("eps", EPS)
def test_instancenorm(apply, rng, eps):
    x = image(rng, least=(2, 1))
    params, weight, bias = affine(rng, x)
    wanted = F.instance_norm(tensor(x), weight=weight, bias=bias, eps=eps)
    agree(apply("instancenorm", x, params=params, eps=eps), wanted)
    agree(apply("instancenorm", x, eps=eps, affine=False), F.instance_norm(tensor(x), eps=eps))


@pytest.mark.parametrize("eps", EPS)
def test_groupnorm(apply, rng, eps):
    groups = whole(rng, 1, 3)
    x = image(rng, groups * whole(rng, 1, 3), (2, 1))
    params, weight, bias = affine(rng, x)
    wanted = F.group_norm(tensor(x), groups, weight, bias, eps)
    agree(apply("groupnorm", x, params=params, groups=groups, eps=eps), wanted)


@pytest.mark.parametrize("eps", EPS)
def test_layernorm_is_over_axis_1_at_each_position(apply, rng, eps):
    x = any_rank(rng)
    params, weight, bias = affine(rng, x)
    wanted = F.layer_norm(tensor(x).movedim(1, -1), x.shape[1:2], weight, bias, eps).movedim(-1, 1)
    agree(apply("layernorm", x, params=params, eps=eps), wanted)


def test_lrn(apply, rng):
    x = image(rng, whole(rng, 1, 9))
    size, alpha, beta, k = whole(rng, 1, 6), rng.random(), 2 * rng.random(), 0.5 + rng.random()
    got = apply("lrn", x, size=size, alpha=alpha, beta=beta, k=k)
    agree(got, F.local_response_norm(tensor(x), size, alpha, beta, k))
    agree(apply("lrn", x, size=size), torch.nn.LocalResponseNorm(size)(tensor(x)))


# Elementwise

ELEMENTWISE = {
    "relu": F.relu,
    "relu6": F.relu6,
    "elu": F.elu,
    "selu": F.selu,
    "gelu": F.gelu,
    "silu": F.silu,
    "mish": F.mish,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softplus": lambda x: F.softplus(x, threshold=100),  # by default PyTorch's is x itself above 20
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "abs": torch.abs,
    "exp": torch.exp,
    "identity": torch.nn.Identity(),
}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise(apply, rng, name):
    x = 4 * any_rank(rng)
    x[0] = np.round(x[0])  # corners are at whole numbers
    agree(apply(name, x), ELEMENTWISE[name](tensor(x)))


def test_elementwise_with_numbers(apply, rng):
    x, a = 3 * any_rank(rng), rng.random()
    low, high = np.sort(rng.normal(size=2))
    agree(apply("leaky_relu", x, a=a), F.leaky_relu(tensor(x), a))
    agree(apply("leaky_relu", x), F.leaky_relu(tensor(x)))
    agree(apply("clip", x, low=low, high=high), torch.clamp(tensor(x), low, high))
    agree(apply("scale", x, k=a), tensor(x) * a)
    agree(apply("threshold", x, t=a), torch.heaviside(tensor(x) - a, torch.zeros(1, dtype=torch.float64)))
    agree(apply("dropout", x, p=a), F.dropout(tensor(x), a, training=False))
    agree(apply("sqrt", abs(x)), torch.sqrt(tensor(abs(x))))
    agree(apply("log", abs(x)), torch.log(tensor(abs(x))))
    agree(apply("to_u8", 200 * x), torch.clamp(torch.round(tensor(200 * x)), 0, 255))
    agree(apply("to_u8", np.round(20 * x) / 2), torch.clamp(torch.round(tensor(np.round(20 * x) / 2)), 0, 255))


def test_numbers_of_each_channel(apply, rng):
    x = image(rng)
    slope, mean, std = rng.normal(size=x.shape[1]), rng.normal(size=x.shape[1]), 0.5 + rng.random(x.shape[1])
    agree(apply("prelu", x, params={"weight": slope}), F.prelu(tensor(x), tensor(slope)))
    wanted = F.batch_norm(tensor(x), tensor(mean), tensor(std**2), eps=0)
    agree(apply("normalize", x, mean=mean.tolist(), std=std.tolist()), wanted)
    agree(apply("normalize", x, mean=0.5, std=2), (tensor(x) - 0.5) / 2)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "div"])
def test_arithmetic(apply, rng, name):
    function = getattr(torch, name)
    x, number = image(rng), rng.normal()
    other = rng.normal(size=[size if rng.random() < 0.5 else 1 for size in x.shape])
    agree(apply(name, x, other), function(tensor(x), tensor(other)))
    agree(apply(name, other, x), function(tensor(other), tensor(x)))
    agree(apply(name, x, right=number), function(tensor(x), number))
    agree(apply(name, x, left=number), function(torch.full_like(tensor(x), number), tensor(x)))


# Moves


def test_resize(apply, rng):
    x, (h, w) = image(rng), pair(rng, 1, 20)
    to, t = {"h": h, "w": w}, tensor(x)
    for mode in ("bilinear", "bicubic"):
        agree(apply("resize", x, mode=mode, **to), F.interpolate(t, (h, w), mode=mode))
        corners = F.interpolate(t, (h, w), mode=mode, align_corners=True)
        agree(apply("resize", x, mode=mode, coords="align_corners", **to), corners)
    agree(apply("resize", x, mode="nearest", **to), F.interpolate(t, (h, w), mode="nearest-exact"))
    agree(apply("resize", x, mode="nearest", coords="asymmetric", **to), F.interpolate(t, (h, w), mode="nearest"))


def test_upsample(apply, rng):
    x, n = image(rng), whole(rng, 1, 4)
    agree(apply("upsample", x, n=n), F.interpolate(tensor(x), scale_factor=n, mode="nearest"))
    for mode in ("bilinear", "bicubic"):
        agree(apply("upsample", x, n=n, mode=mode), F.interpolate(tensor(x), scale_factor=n, mode=mode))


def test_pad(apply, rng):
    x, pad = image(rng, least=(4, 4)), (*pair(rng, 0, 3), *pair(rng, 0, 3))
    top, left, bottom, right = pad
    for ours, theirs in {"zero": "constant", "reflect": "reflect", "edge": "replicate"}.items():
        wanted = F.pad(tensor(x), (left, right, top, bottom), mode=theirs)
        agree(apply("pad", x, size=pad, mode=ours), wanted)


def test_shuffles(apply, rng):
    n, x = whole(rng, 1, 3), image(rng, 36)
    agree(apply("pixel_shuffle", x, n=n), F.pixel_shuffle(tensor(x), n))
    agree(apply("channel_shuffle", x, n=n), torch.nn.ChannelShuffle(n)(tensor(x)))


def test_moves(apply, rng):
    x = image(rng)
    t, (n, c, h, w) = tensor(x), x.shape
    agree(apply("flatten", x), torch.flatten(t, 1))
    agree(apply("reshape", x, dims=[w, c, h]), t.reshape(n, w, c, h))
    agree(apply("reshape", x, dims=[h, -1]), t.reshape(n, h, -1))
    order = 1 + rng.permutation(3)
    agree(apply("transpose", x, order=order.tolist()), t.permute(0, *order))
    axis = whole(rng, 1, 3)
    start = whole(rng, 0, x.shape[axis] - 1)
    stop = whole(rng, start + 1, x.shape[axis])
    agree(apply("slice", x, start=start, stop=stop, axis=axis), t.narrow(axis, start, stop - start))


def test_concat_and_split(apply, rng):
    axis, sizes = whole(rng, 1, 3), [whole(rng, 1, 4) for _ in range(whole(rng, 1, 4))]
    shape = [whole(rng, 1, 3) for _ in range(4)]
    parts = [rng.normal(size=(*shape[:axis], size, *shape[axis + 1 :])) for size in sizes]
    joined = torch.cat([tensor(part) for part in parts], axis)
    agree(apply("concat", *parts, axis=axis), joined)
    for got, wanted in zip(
        apply("split", joined.numpy(), parts=sizes, axis=axis), joined.split(sizes, axis), strict=True
    ):
        agree(got, wanted)
    twice = torch.cat([joined, joined], axis)
    for got, wanted in zip(apply("split", twice.numpy(), parts=2, axis=axis), twice.chunk(2, axis), strict=True):
        agree(got, wanted)


# Scores and sums


def test_along_an_axis(apply, rng):
    x = any_rank(rng)
    axis, t = whole(rng, 1, x.ndim - 1), tensor(x)
    agree(apply("softmax", x, axis=axis), F.softmax(t, axis))
    agree(apply("log_softmax", x, axis=axis), F.log_softmax(t, axis))
    agree(apply("argmax", x, axis=axis), torch.argmax(t, axis))
    for name, function in {"sum": torch.sum, "mean": torch.mean}.items():
        agree(apply(name, x, axis=axis), function(t, axis))
        agree(apply(name, x, axis=axis, keep=True), function(t, axis, keepdim=True))


def test_losses(apply, rng):
    x = any_rank(rng)
    other = rng.normal(size=x.shape)
    labels = rng.integers(0, x.shape[1], (x.shape[0], *x.shape[2:]))
    agree(apply("cross_entropy", x, labels), F.cross_entropy(tensor(x), tensor(labels)))
    agree(apply("mse", x, other), F.mse_loss(tensor(x), tensor(other)))


def test_no_operator_is_left_out():
    """A new operator is compared with somebody's, here or in a file beside this one."""
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*against_*.py"))
    ours = [name for name, record in REGISTRY.items() if record.__module__.startswith("cnnc.compiler.ops.")]
    assert [name for name in ours if f'"{name}"' not in tests] == []
