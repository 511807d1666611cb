"""NaN, infinities, zeros and denormals among normal numbers, in all operators that mix numbers or move them.

In every lane of a register, since that is where a kernel may mistake one number for another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  everybody's name for it
from builder import Net, image, stage
from child import in_child
from harness import Native, compile_native, every_cpu, run
from special import INF, LEAST, NAN, TINY, Meaning, assert_same, exact

from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.ir.operator import Array, Operator
from cnnc.compiler.ir.types import ints
from cnnc.compiler.schedule.choose import ANCHORS, LOSSES
from cnnc.compiler.schedule.target import target


def means(function: Meaning, **options: Any) -> Meaning:
    return lambda x, **_: function(x, **options)


def weighted(function: Meaning, **options: Any) -> Meaning:
    return lambda x, weight, bias: function(x, weight, bias, **options)


def normed(function: Callable[..., torch.Tensor], *before: Any) -> Meaning:
    return lambda x, weight, bias: function(x, *before, weight=weight, bias=bias)


def layernorm(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return F.layer_norm(x.movedim(1, -1), x.shape[1:2], weight, bias).movedim(-1, 1)


def batchnorm(x: torch.Tensor, running_mean: torch.Tensor, running_var: torch.Tensor, **affine: Any) -> torch.Tensor:
    return F.batch_norm(x, running_mean, running_var, **affine)


LAYERS: dict[str, tuple[tuple[Operator, ...], Meaning]] = {
    "conv 3x3": ((stage("conv", channels=21, kernel=3, pad=1),), weighted(F.conv2d, padding=1)),
    "conv 1x1": ((stage("conv", channels=5, kernel=1),), weighted(F.conv2d)),
    "conv 5x5, stride 2": (
        (stage("conv", channels=7, kernel=5, stride=2, pad=2),), weighted(F.conv2d, padding=2, stride=2),
    ),
    "conv, dilated": ((stage("conv", channels=3, kernel=3, dilation=2),), weighted(F.conv2d, dilation=2)),
    "conv, groups": ((stage("conv", channels=4, kernel=3, groups=4),), weighted(F.conv2d, groups=4)),
    "depthwise": (
        (stage("depthwise", kernel=3, pad=1),), lambda x, weight, bias: F.conv2d(x, weight, bias, 1, 1, 1, x.shape[1]),
    ),
    "conv_transpose": (
        (stage("conv_transpose", channels=5, kernel=3, stride=2),), weighted(F.conv_transpose2d, stride=2),
    ),
    "dense": (
        (stage("flatten"), stage("dense", units=19)), lambda x, weight, bias: F.linear(x.flatten(1), weight, bias),
    ),
    "maxpool": (
        (stage("maxpool", kernel=3, stride=2, pad=1),), means(F.max_pool2d, kernel_size=3, stride=2, padding=1),
    ),
    "maxpool, dilated": (
        (stage("maxpool", kernel=2, stride=1, dilation=2),), means(F.max_pool2d, kernel_size=2, stride=1, dilation=2),
    ),
    "avgpool": (
        (stage("avgpool", kernel=3, stride=1, pad=1),),
        means(F.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False),
    ),
    "global_avgpool": ((stage("global_avgpool"),), means(torch.mean, dim=(2, 3), keepdim=True)),
    "global_maxpool": ((stage("global_maxpool"),), means(torch.amax, dim=(2, 3), keepdim=True)),
    "adaptive_avgpool": ((stage("adaptive_avgpool", h=3, w=4),), means(F.adaptive_avg_pool2d, output_size=(3, 4))),
    "lrn": ((stage("lrn", size=5),), means(F.local_response_norm, size=5)),
    "lrn, beta 0.6": ((stage("lrn", size=4, beta=0.6),), means(F.local_response_norm, size=4, beta=0.6)),
    "batchnorm": ((stage("batchnorm"),), batchnorm),
    "instancenorm": ((stage("instancenorm"),), normed(F.instance_norm)),
    "groupnorm": ((stage("groupnorm", groups=4),), normed(F.group_norm, 4)),
    "layernorm": ((stage("layernorm"),), layernorm),
    "prelu": ((stage("prelu"),), F.prelu),
    **{f"{name}, axis {axis}": ((stage(name, axis=axis),), means(getattr(F, name), dim=axis))
       for name in ("softmax", "log_softmax") for axis in (1, 2, 3)},
    **{f"{name}, axis {axis}": ((stage(name, axis=axis),), means(getattr(torch, name), dim=axis))
       for name in ("sum", "mean", "argmax") for axis in (1, 2, 3)},
    "pad, zero": ((stage("pad", size=(1, 2, 3, 0)),), means(F.pad, pad=(2, 0, 1, 3))),
    "pad, reflect": (
        (stage("pad", size=(1, 2, 3, 0), mode="reflect"),), means(F.pad, pad=(2, 0, 1, 3), mode="reflect"),
    ),
    "pad, edge": ((stage("pad", size=(1, 2, 3, 0), mode="edge"),), means(F.pad, pad=(2, 0, 1, 3), mode="replicate")),
    "crop": ((stage("crop", h=3, w=4),), lambda x: x[:, :, 1:4, 1:5]),
    "slice": ((stage("slice", start=1, stop=4, axis=2),), lambda x: x[:, :, 1:4]),
    "slice of channels": ((stage("slice", start=1, stop=6),), lambda x: x[:, 1:6]),
    "transpose": ((stage("transpose", order=[2, 3, 1]),), means(torch.permute, dims=(0, 2, 3, 1))),
    "identities": ((stage("identity"), stage("dropout", p=0.5), stage("flatten")), lambda x: x.flatten(1)),
    "reshape": ((stage("reshape", dims=[6, -1]),), lambda x: x.reshape(len(x), 6, -1)),
    "pixel_shuffle": ((stage("pixel_shuffle", n=2),), means(F.pixel_shuffle, upscale_factor=2)),
    "channel_shuffle": ((stage("channel_shuffle", n=4),), means(F.channel_shuffle, groups=4)),
    "upsample, nearest": ((stage("upsample", n=2),), means(F.interpolate, scale_factor=2)),
    "resize, nearest": (
        (stage("resize", h=4, w=9, mode="nearest"),), means(F.interpolate, size=(4, 9), mode="nearest-exact"),
    ),
}  # fmt: skip
HIGH, WIDE = 5, 6
STRANGE = np.array([NAN, INF, -INF, -0.0, LEAST, -TINY / 3], np.float32)


def among_others(channels: int) -> Array:
    """Normal numbers; each image has a strange one in one channel, or two: the second may be the same or another."""
    random = np.random.default_rng(4)
    every = [(number, channel, other) for number in STRANGE for channel in range(channels) for other in (None, -number)]
    x = random.standard_normal((len(every), channels, HIGH, WIDE)).astype(np.float32)
    for n, (number, channel, other) in enumerate(every):
        x[n, channel, n % HIGH, n % WIDE] = number
        if other is not None:
            x[n, channel, (n + 1) % HIGH, n % WIDE] = other
            x[n, (channel + 1) % channels, n % HIGH, n % WIDE] = other
    return x


def simple_weights(graph: Graph) -> Graph:
    """Halves from -2 to 2 but for 0, which would make NaN of infinities; variances are positive."""
    random = np.random.default_rng(5)
    data = {}
    for name, param in graph.params.items():
        shape = ints(param.type.shape)
        data[name] = random.choice([0.5, 1, 1.5, 2], shape).astype(np.float32)
        if not name.endswith("running_var"):
            data[name] *= random.choice([-1, 1], shape)
    return graph.bind(data)


SUMS = {
    "conv", "depthwise", "conv_transpose", "dense", "avgpool", "global_avgpool", "adaptive_avgpool", "sum", "mean",
    "batchnorm", "instancenorm", "groupnorm", "layernorm", "softmax", "log_softmax", "lrn",
}  # fmt: skip


@every_cpu
@pytest.mark.parametrize("name", LAYERS)
def test_layers(cpu: str, name: str):
    """Sums add in another order than PyTorch's, which leaves the errors of large terms on small results; how large they
    may be other tests say."""
    stages, meaning = LAYERS[name]
    channels = -(-(2 * target(cpu).lanes + 3) // 4) * 4
    net = Net()
    net.output(net.chain(net.input("x", image(channels, HIGH, WIDE)), *stages))
    native = compile_native(simple_weights(net.graph), cpu, exact=True)
    x = among_others(channels)
    (given,) = in_child(lambda note: run(native, {"x": x})).values()
    wanted = exact(lambda t: meaning(t, **weights_of(native)), x)
    if stages[-1].name == "maxpool":  # which of two zeros is larger is left open
        given, wanted = given + np.float32(0), wanted + 0
    assert given.shape == wanted.shape
    assert_same(given, wanted, 2.0**-11 / LEAST if stages[-1].name in SUMS else 2)


def weights_of(native: Native) -> dict[str, torch.Tensor]:
    """The only layer's weights by role, in double precision."""
    data = {name.rpartition(".")[2]: param.data for name, param in native.graph.params.items()}
    return {role: torch.tensor(np.asarray(array, np.float64)) for role, array in data.items() if array is not None}


def test_every_operator_with_a_kernel_is_tried():
    tried = {op.name for stages, _ in LAYERS.values() for op in stages}
    assert tried | {"concat", "split", "resize", *LOSSES} >= ANCHORS  # see test_ieee_reach.py, test_losses.py
