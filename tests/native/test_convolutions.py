"""Convolutions of every kind, on channel counts around the vector's width and images down to one pixel."""

from typing import Any

import numpy as np
import pytest
from builder import Net, image, stage
from harness import (
    EVERY_PASS,
    any_cpu,
    compile_native,
    every_cpu,
    every_way,
    hold,
    images_for,
    truth,
    with_random_weights,
)  # fmt: skip

from cnnc.compiler.codegen.kernels.direct import Direct
from cnnc.compiler.codegen.lowering import conv as lowering
from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.ir.operator import Array
from cnnc.compiler.options import Options
from cnnc.compiler.pipeline import program_of
from cnnc.compiler.schedule.schedule import WINOGRAD, Choice
from cnnc.compiler.schedule.target import target

# Windows and the image that they slide over. Unequal sides everywhere, so that none is taken for another.
WINDOWS: list[tuple[dict[str, Any], tuple[int, int]]] = [
    ({"kernel": 1}, (1, 1)),
    ({"kernel": 1}, (5, 7)),
    ({"kernel": 1, "stride": (2, 3)}, (6, 8)),
    ({"kernel": 1, "pad": (0, 1)}, (2, 3)),
    ({"kernel": 3}, (3, 3)),
    ({"kernel": 3}, (4, 31)),
    ({"kernel": 3, "pad": 1}, (1, 1)),
    ({"kernel": 3, "pad": 1}, (6, 17)),
    ({"kernel": 3, "pad": 1, "stride": 2}, (7, 9)),
    ({"kernel": 3, "pad": "same", "stride": (1, 2)}, (5, 6)),
    ({"kernel": 3, "pad": 1, "stride": 3}, (8, 7)),
    ({"kernel": (3, 5), "pad": (1, 2, 0, 3), "stride": (2, 1)}, (5, 6)),
    ({"kernel": (1, 4), "pad": "same"}, (3, 9)),
    ({"kernel": (4, 1), "pad": "same"}, (9, 3)),
    ({"kernel": 3, "pad": 2, "dilation": 2}, (7, 8)),
    ({"kernel": (2, 3), "pad": (0, 5, 3, 1), "dilation": (4, 3)}, (5, 9)),
    ({"kernel": 7, "pad": 3, "stride": 2}, (11, 10)),
    ({"kernel": 5, "pad": 4}, (2, 1)),
    ({"kernel": 3, "pad": 6, "dilation": 6}, (5, 4)),
    ({"kernel": (2, 3), "pad": 2, "dilation": 2, "stride": (1, 2)}, (4, 9)),
    ({"kernel": (2, 3), "pad": (0, 0, 1, 5), "dilation": (1, 2)}, (4, 3)),
]


def plain(lanes: int) -> Graph:
    """Each window with one pair of channel counts, and each pair with several windows."""
    counts = [(1, 1), (3, lanes), (lanes - 1, lanes + 1), (lanes, 1), (lanes, lanes), (lanes + 1, 2 * lanes + 1)]
    counts += [(2 * lanes, 3 * lanes - 1), (2 * lanes + 1, 4 * lanes), (2, 5 * lanes), (3, lanes // 2 + 1)]
    counts += [(2, 4 * lanes + 1)]
    net = Net()
    for i, (window, size) in enumerate(WINDOWS * 2):
        channels, out = counts[i % len(counts)]
        x = net.input(f"x{i}", image(channels, *size))
        conv = stage("conv", channels=out, bias=i % 3 > 0, **window)
        net.output(net.chain(x, conv, *[stage("relu")] * (i % 2)))
    return net.graph


def grouped(lanes: int) -> Graph:
    """Groups that fill whole vectors, groups of which a vector holds several, and others."""
    net = Net()
    for i, (inside, outside, groups) in enumerate([
        (2, 2, lanes + 1), (lanes // 2, lanes // 2, 2), (lanes // 2, lanes // 2, 5),
        (lanes, lanes, 2), (2 * lanes, lanes, 3), (lanes, 3 * lanes, 2), (lanes, 5 * lanes, 2),
        (1, 2, 3), (2, 3, 3), (lanes + 1, lanes, 2), (5, lanes - 1, 2), (1, 2, lanes + 2), (2, 1, lanes + 2),
    ]):  # fmt: skip
        for k, (window, size) in enumerate(WINDOWS[j] for j in (1, 7, 8, 11, 15)):
            x = net.input(f"x{i}_{k}", image(groups * inside, *size))
            conv = stage("conv", channels=groups * outside, groups=groups, bias=k % 2 == 0, **window)
            net.output(net.chain(x, conv, *[stage("leaky_relu", a=0.1)] * (k % 3 == 1)))
    return net.graph


def depthwise(lanes: int) -> Graph:
    """The last window has several tiles, and reaches past the end of a row of which they leave pixels out."""
    net = Net()
    for i, (window, size) in enumerate([*WINDOWS, ({"kernel": 3, "pad": 1, "stride": 2}, (3, 57))]):
        channels = [1, lanes - 1, lanes, lanes + 1, 2 * lanes + 1][i % 5]
        x = net.input(f"x{i}", image(channels, *size))
        as_conv = {"channels": channels, "groups": channels}
        name, more = ("conv", as_conv) if i % 4 == 3 and channels > 1 else ("depthwise", {})
        net.output(net.chain(x, stage(name, bias=i % 3 > 0, **window, **more), *[stage("relu6")] * (i % 2)))
    return net.graph


def literal(lanes: int) -> Graph:
    net = Net()
    x = net.input("x", image(3, 8, 7))
    sobel = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    net.output(net.chain(x, stage("conv", channels=2, kernel=3, weight=sobel)))
    net.output(net.chain(x, stage("conv", channels=2, kernel=1, weight=[1, 2, 3, 4, 5, 6], bias=True)))
    return net.graph


def shared(lanes: int) -> Graph:
    """One image under windows of different reach: its rim is the widest one's."""
    net = Net()
    for channels in (2, lanes + 3):
        x = net.input(f"x{channels}", image(channels, 6, 7))
        for window in ({"kernel": 1}, {"kernel": 3, "pad": 1}, {"kernel": (1, 5), "pad": (0, 4, 0, 0)}, {"kernel": 3}):
            net.output(net.chain(x, stage("conv", channels=5, **window)))
        net.output(net.chain(x, stage("depthwise", kernel=5, pad=2)))
        net.output(net.chain(x, stage("maxpool", kernel=2)))
    return net.graph


def residual(lanes: int) -> Graph:
    """An image, of few channels, to which its own convolution is added."""
    net = Net()
    for channels in (1, 3):
        x = net.input(f"x{channels}", image(channels, 5, 6))
        y = net.chain(x, stage("conv", channels=channels, kernel=3, pad=1))
        net.output(net.chain(net.apply(stage("add"), y, x).output, stage("relu")))
    return net.graph


def gated(lanes: int) -> Graph:
    """What rides on several vectors at a time: a bias beside tables of others, tensors, a number a channel, or one."""
    net = Net()
    for out in (2 * lanes, 4 * lanes + 3):
        x = net.input(f"x{out}", image(3, 7, 15))
        y = net.chain(x, stage("conv", channels=out, kernel=3, pad=1), stage("prelu"), stage("batchnorm"))
        gate = net.chain(x, stage("global_avgpool"), stage("conv", channels=out, kernel=1))
        one = net.chain(gate, stage("mean", axis=1, keep=True))
        for k, extra in enumerate((y, gate, one)):
            z = net.chain(net.input(f"z{out}_{k}", image(3, 7, 15)), stage("conv", channels=out, kernel=3, pad=1))
            net.output(net.apply(stage("mul"), z, extra).output)
    return net.graph


def between_rims(lanes: int) -> Graph:
    """Single pixels, all or some of them, in rows that are no whole tiles, for windows that want a rim around them."""
    net = Net()
    for i, (channels, out, size) in enumerate([
        (lanes, 2 * lanes, (7, 7)), (lanes, 3 * lanes, (5, 17)), (8 * lanes, 8 * lanes, (13, 13)),
        (lanes + 3, 2 * lanes - 1, (4, 13)), (lanes, 27 * lanes, (9, 33)),
        (lanes, 2 * lanes, (9, 3)),
    ]):  # fmt: skip
        for k, stride in enumerate((1, 2, (2, 3))):
            x = net.input(f"x{i}_{k}", image(channels, *size))
            conv = stage("conv", channels=out, kernel=1, stride=stride, bias=k != 1)
            y = net.chain(x, conv, *[stage("relu")] * (i % 2))
            z = net.chain(y, stage("conv", channels=3, kernel=(3, 5), pad=(1, 2)))
            net.output(net.chain(net.apply(stage("concat"), y, z).output, stage("maxpool", kernel=1)))
            a, b = (net.chain(net.input(f"{n}{i}_{k}", image(channels, *size)), conv) for n in "ab")
            net.output(net.apply(stage("add"), a, y).output)  # y has a rim, the sum has none
            both = net.apply(stage("sub"), b, y).output  # which both have
            net.output(net.chain(both, stage("conv", channels=3, kernel=3, pad=1)), net.chain(both, stage("relu")))
            residual = net.chain(x, stage("conv", channels=5, kernel=1, stride=stride))
            net.output(net.apply(stage("add"), residual, net.chain(y, stage("conv", channels=5, kernel=1))).output)
    return net.graph


def few(lanes: int) -> Graph:
    """To so few channels that lanes are those of the input."""
    net = Net()
    for i, (channels, size) in enumerate(
        [(lanes, (5, 9)), (3 * lanes, (7, 31)), (2 * lanes, (2, 1)), (lanes, (9, 16))]
    ):
        x = net.input(f"x{i}", image(channels, *size))
        for out in (1, 2, lanes // 2):
            for kernel, pad, stride, dilation in (
                (1, 0, 1, 1), ((1, 2), 0, (2, 1), 1), (3, 1, 1, 1),
                ((3, 5), (2, 0, 1, 4), (1, 2), (1, 2)), (9, 8, 3, 1),
            ):  # fmt: skip
                if size[1] == 1 and kernel in ((1, 2), (3, 5)):
                    continue  # they do not fit
                attributes = {"channels": out, "kernel": kernel, "pad": pad, "stride": stride, "dilation": dilation}
                y = net.chain(x, stage("conv", **attributes, bias=out > 1))
                net.output(net.chain(y, stage("relu")) if kernel == 1 else y)
        rows = net.chain(x, stage("conv", channels=2, kernel=3, pad=1), stage("prelu"))
        net.output(net.apply(stage("add"), rows, net.chain(x, stage("conv", channels=2, kernel=1))).output)
    return net.graph


FAMILIES = [few, plain, grouped, depthwise, literal, shared, residual, between_rims]


@every_cpu
@pytest.mark.parametrize("family", [*FAMILIES, gated])
@pytest.mark.parametrize("disabled", [frozenset(), EVERY_PASS], ids=["all passes", "no pass"])
def test_convolutions_stay_within_the_bound(cpu: str, family, disabled: frozenset[str]):
    hold(family(target(cpu).lanes), cpu, disabled, batch=2)


@every_cpu
@pytest.mark.parametrize("family", FAMILIES)
def test_convolutions_of_small_whole_numbers_are_exact(cpu: str, family):
    """No rounding can happen, so that nothing but equality is right."""
    graph = family(target(cpu).lanes)
    random = np.random.default_rng(3)
    whole = graph.bind(
        {
            name: random.integers(-3, 4, param.type.shape).astype(np.float32)  # type: ignore[arg-type]
            for name, param in graph.params.items()
            if param.trained
        }
    )
    for node in whole.nodes("leaky_relu"):
        whole.swap(node, op=stage("relu"))
    native = compile_native(whole, cpu, exact=True)
    inputs = {name: np.rint(2 * array) for name, array in images_for(graph, 1).items()}
    results = every_way(native, inputs)
    for name, wanted in truth(native, inputs).items():
        np.testing.assert_array_equal(results[name], wanted.exact, name)


def ridden(lanes: int) -> Graph:
    """Whole vectors of input channels, any of output channels, and what rides on them."""
    net = Net()
    for i, (window, size) in enumerate(WINDOWS):
        x = net.input(f"x{i}", image((1 + i % 2) * lanes, *size))
        conv = stage("conv", channels=(3, lanes, 2 * lanes + 1, 5 * lanes)[i % 4], bias=i % 3 > 0, **window)
        other = net.chain(x, conv, stage("relu"))
        y = net.apply(stage("add"), net.chain(x, conv), other).output
        net.output(net.chain(y, *[stage("gelu")] * (i % 3 == 2)), other)
    return net.graph


@pytest.mark.parametrize("out, parts", [(80, 1), (75, 1), (33, 1), (96, 2), (66, 3)])
def test_weights_are_packed_the_same_in_strips(out: int, parts: int, monkeypatch: pytest.MonkeyPatch):
    """Also where the last group of a part overlaps the one before."""
    weight = np.random.default_rng(0).standard_normal((out, 11, 3, 2), np.float32)

    def packed() -> Array:
        made = lowering.pack_direct(weight, parts, 8, 2, planar=False)
        made.write(numbers := np.zeros(made.shape, np.float32))
        return numbers

    whole = packed()
    monkeypatch.setattr(lowering, "_STRIP", 3 * 16 * weight[0].nbytes)
    np.testing.assert_array_equal(packed(), whole)


@every_cpu
@pytest.mark.parametrize("disabled", [frozenset(), EVERY_PASS], ids=["all passes", "no pass"])
def test_tap_by_tap_stays_within_the_bound(cpu: str, disabled: frozenset[str], monkeypatch: pytest.MonkeyPatch):
    """Of few pixels and of many, in pieces of two tiles, and no other way."""
    monkeypatch.setattr(lowering, "tiles_in_a_piece", lambda *_: 2)
    graph = with_random_weights(ridden(target(cpu).lanes))
    chosen = program_of(graph, Options(cpu, disabled)).schedule.choices
    choices = {
        name: Choice("tapwise", min(choice.pixels, 1 + i % 7), choice.vectors)
        for i, (name, choice) in enumerate(chosen.items())
        if choice.algorithm in ("direct", *WINOGRAD) and not choice.merged
    }
    assert len(choices) > len(WINDOWS)
    hold(graph, cpu, disabled, batch=2, choices=choices)


def test_windows_with_more_weights_than_a_cache_keeps_go_tap_by_tap():
    for channels, algorithm in ((2048, "tapwise"), (64, "direct")):
        net = Net()
        x = net.input("x", image(channels, 33, 33))
        net.output(net.chain(x, stage("conv", channels=32, kernel=3, dilation=24, pad=24)))
        program = program_of(with_random_weights(net.graph), Options("x86-64-v3"))
        assert program.schedule.choices["conv_1"].algorithm == algorithm


@every_cpu
@pytest.mark.parametrize(
    "family", [plain, *(pytest.param(family, marks=pytest.mark.slow) for family in (between_rims, grouped, gated))]
)
def test_pieces_of_an_image_make_no_difference_to_a_bit(cpu: str, family, monkeypatch: pytest.MonkeyPatch):
    graph = with_random_weights(family(target(cpu).lanes))
    inputs = images_for(graph, 2)
    whole = every_way(compile_native(graph, cpu), inputs)
    for tiles in (1, 3):
        monkeypatch.setattr(lowering, "tiles_together", lambda *_, tiles=tiles: tiles)
        for name, array in every_way(compile_native(graph, cpu), inputs).items():
            np.testing.assert_array_equal(array, whole[name], name)


@pytest.mark.parametrize(
    ("channels", "size", "out", "together"),
    [
        (64, 224, 64, 42),  # 64 KiB of 6 pixels each
        (1056, 64, 64, 2),
        (64, 56, 64, 523),  # an image that caches hold: all tiles
        (64, 224, 16, 8363),  # nothing to read it for again
        (1024, 33, 2048, 182),  # weights are more than the image
        (64, 5, 64, 0),  # and more than the output: threads have groups of their own
    ],
)
def test_images_larger_than_caches_are_read_in_pieces(channels: int, size: int, out: int, together: int):
    net = Net()
    net.output(net.chain(net.input("x", image(channels, size, size)), stage("conv", channels=out, kernel=1)))
    program = program_of(with_random_weights(net.graph), Options("x86-64-v3"))
    (words,) = (
        dict(zip(kernel.arguments, step.words, strict=True))
        for kernel, name in program.kernels.items()
        for step in program.steps
        if step.kernel == name and isinstance(kernel, Direct)
    )
    assert words["across"] == together


@every_cpu
def test_what_is_no_number_stays_in_its_group(cpu: str):
    """No group's numbers are multiplied by zeros for the sake of another's."""
    lanes = target(cpu).lanes
    for inside, outside in ((2, 2), (lanes // 2, lanes // 2), (lanes, lanes), (3, 3), (1, 2)):
        net = Net()
        x = net.input("x", image(5 * inside, 6, 13))
        conv = stage("conv", channels=5 * outside, kernel=3, pad=1, groups=5)
        native = compile_native(with_random_weights(net.output(net.chain(x, conv))), cpu, exact=True)
        numbers = images_for(native.graph, 1)["x"]
        numbers[:, 2 * inside, 3, 5] = np.nan
        (result,) = every_way(native, {"x": numbers}).values()
        lost = np.isnan(result).any(axis=(0, 2, 3)).reshape(5, outside)
        assert lost[2].all() and not lost[[0, 1, 3, 4]].any(), (inside, outside)


@any_cpu
def test_lanes_are_input_channels_where_outputs_are_few(cpu: str):
    lanes = target(cpu).lanes
    for out, channels, dotted in ((1, 8 * lanes, True), (lanes // 2 + 1, 8 * lanes, False), (1, 8 * lanes + 1, False)):
        net = Net()
        x = net.input("x", image(channels, 64, 64))
        net.output(net.chain(x, stage("conv", channels=out, kernel=9, pad=4)))
        net.output(net.chain(x, stage("conv", channels=out, kernel=1)))
        choices = program_of(with_random_weights(net.graph), Options(cpu)).schedule.choices.values()
        assert sum(choice.algorithm == "dot" for choice in choices) == 2 * dotted, (out, channels)


@any_cpu
def test_rows_between_rims_are_one_where_that_takes_less(cpu: str):
    """Which is what `between_rims` is for."""
    program = program_of(with_random_weights(between_rims(target(cpu).lanes)), Options(cpu))
    kernels = [kernel for kernel in program.kernels if isinstance(kernel, Direct)]
    merged = {(kernel.gaps, "rimmed" in kernel.epilogue.extras) for kernel in kernels}
    assert merged == {(False, False), (False, True), (True, False), (True, True)}
    collected = {buffer.name for step in program.steps for buffer in step.writes if "collected" in buffer.name}
    assert 0 < len(collected) < 20
