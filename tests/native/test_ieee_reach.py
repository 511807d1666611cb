"""How far NaN and infinities reach: as far as the definition says, and with Winograd's algorithm their tile."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  everybody's name for it
from builder import Net, image, stage, with_random_weights
from child import in_child
from harness import Native, compile_native, every_cpu, run
from special import INF, LEAST, NAN, assert_same, exact

from cnnc.compiler.ir.operator import Array
from cnnc.compiler.ops.resize import taps
from cnnc.compiler.schedule.schedule import WINOGRAD, Choice
from cnnc.compiler.schedule.target import target

STRANGE = (NAN, INF, -INF)


def results(native: Native, **inputs: Array) -> list[Array]:
    return list(in_child(lambda note: run(native, inputs)).values())


def spoilt(channels: int, high: int, wide: int) -> Array:
    """Images that have each strange number in each channel once, at another pixel each time."""
    every = [(number, channel) for number in STRANGE for channel in range(channels)]
    x = np.random.default_rng(6).standard_normal((len(every), channels, high, wide)).astype(np.float32)
    for n, (number, channel) in enumerate(every):
        x[n, channel, n % high, 3 * n % wide] = number
    return x


@every_cpu
@pytest.mark.parametrize("axis", [1, 2, 3])
def test_joined_and_cut(cpu: str, axis: int):
    channels, net = target(cpu).lanes + 2, Net()
    x = net.input("x", image(channels, 4, 6))
    whole = net.apply(stage("concat", axis=axis), x, net.chain(x, stage("relu")), x).output
    net.output(whole, *net.apply(stage("split", parts=2, axis=axis), whole).outputs)
    given = spoilt(channels, 4, 6)
    t = torch.tensor(given)
    wanted = torch.cat([t, F.relu(t), t], axis)
    given_back = results(compile_native(net.graph, cpu), x=given)
    for result, part in zip(given_back, (wanted, *wanted.chunk(2, axis)), strict=True):
        np.testing.assert_array_equal(result, part.numpy())


@every_cpu
@pytest.mark.parametrize("opposite", [False, True])
def test_a_layer_with_all_that_is_fused_into_it(cpu: str, opposite: bool):
    """Beside the convolution lies its own input, or that with the sign turned, where infinity less infinity is NaN."""
    channels, net = target(cpu).lanes + 3, Net()
    x = net.input("x", image(channels, 5, 6))
    conv = stage("conv", channels=channels, kernel=1, bias=False)
    y = net.chain(x, conv, stage("batchnorm"))
    net.output(net.chain(net.apply(stage("add"), y, x).output, stage("relu"), stage("hardswish")))
    graph = with_random_weights(net.graph)
    sign = -1.0 if opposite else 1.0
    identity = (sign * np.eye(channels, dtype=np.float32))[:, :, None, None] + np.float32(1e-3)
    data = {"weight": np.ones, "bias": np.zeros, "running_mean": np.zeros, "running_var": np.ones}
    norm = {n: data[n.rpartition(".")[2]](channels, np.float32) for n in graph.params if "batchnorm" in n}
    native = compile_native(graph.bind({n: norm.get(n, identity) for n in graph.params}), cpu)
    given = spoilt(channels, 5, 6)
    (result,) = results(native, x=given)

    def meaning(t: torch.Tensor) -> torch.Tensor:
        return F.hardswish(F.relu(F.conv2d(t, torch.tensor(identity, dtype=t.dtype)) / (1 + 1e-5) ** 0.5 + t))

    assert_same(result, exact(meaning, given), 2.0**-18 / LEAST)


@every_cpu
@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
@pytest.mark.parametrize("coords", ["half_pixel", "align_corners", "asymmetric"])
@pytest.mark.parametrize("size", [(5, 7), (10, 14), (9, 13), (3, 4)])
def test_resized(cpu: str, mode: str, coords: str, size: tuple[int, int]):
    """A pixel counts where its weight is not 0, and only there; the same size is the same image."""
    channels, net = target(cpu).lanes + 2, Net()
    x = net.input("x", image(channels, 5, 7))
    net.output(net.chain(x, stage("resize", h=size[0], w=size[1], mode=mode, coords=coords)))
    given = spoilt(channels, 5, 7)
    (result,) = results(compile_native(net.graph, cpu), x=given)
    weights = []
    for have, out in zip((5, 7), size, strict=True):
        pixels, by = taps(have, out, mode, coords)
        weights.append((by[:, :, None] * (pixels[:, :, None] == np.arange(have))).sum(1) != 0)
    spread = np.einsum("yi,xj,ncij->ncyx", *weights, ~np.isfinite(given)) > 0
    np.testing.assert_array_equal(~np.isfinite(result), spread)
    if size == (5, 7):
        np.testing.assert_array_equal(result, given)


@every_cpu
@pytest.mark.parametrize(
    ("algorithm", "fold"),
    [(name, fold) for name, f in WINOGRAD.items() for fold in ((1, 2) if f.stride == 1 else (1,))],
)
def test_winograd_spreads_over_a_tile(cpu: str, algorithm: str, fold: int):
    """Outputs that share a tile with the strange number may turn NaN, none whose window has it stays finite, and all
    others have the bits that they have without it. A stride that is folded leaves others' pixels in between."""
    lanes, net, (high, wide), filtering = target(cpu).lanes, Net(), (13 * fold, 14 * fold), WINOGRAD[algorithm]
    taps, stride = filtering.taps * fold - (fold > 1), filtering.stride * fold
    before, after = taps // 2, (taps - 1) // 2
    pad = (before, before, after, after)
    conv = stage("conv", channels=lanes + 3, kernel=taps, pad=pad, stride=stride)
    net.output(net.chain(net.input("x", image(lanes, high, wide)), conv))
    native = compile_native(with_random_weights(net.graph), cpu, choices={"conv_1": Choice(algorithm, 3, 1)})
    given = spoilt(lanes, high, wide)
    (result,), (without,) = results(native, x=given), results(native, x=np.where(np.isfinite(given), given, 0))
    rows, columns = np.arange(0, high, stride)[:, None], np.arange(0, wide, stride)  # in the middle of windows
    for n, (image_, plain) in enumerate(zip(result, without, strict=True)):
        away = np.maximum(abs(rows - n % high), abs(columns - 3 * n % wide))
        assert not np.isfinite(image_[:, away <= after]).any()
        far = away > max(filtering.size * fold - 1 - before, (filtering.outputs - 1) * stride + before)
        np.testing.assert_array_equal(image_[:, far], plain[:, far])
