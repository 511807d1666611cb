"""Winograd's algorithm: its transforms as algebra, and its kernels on every tile and edge."""

from typing import Any

import numpy as np
import pytest
from builder import Net, image, stage, with_random_weights
from harness import Native, assert_right, compile_native, every_cpu, every_way, hold, images_for, run, truth

from cnnc.compiler.codegen.kernels.winograd import Winograd
from cnnc.compiler.codegen.winograd import TRANSFORMS, ToomCook, Transform
from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.ir.operator import Operator
from cnnc.compiler.schedule.cost import SPARE
from cnnc.compiler.schedule.schedule import POOLED, WINOGRAD, Choice, Filtering
from cnnc.compiler.schedule.target import target
from cnnc.compiler.schedule.tiles import filterings, rim_of_tiles, tiles

WIDE = "x86-64-v4"  # columns of points are for its registers
OF_THREE = {"winograd2", "winograd3", "winograd4", "winograd6"}


class Words:
    """Arithmetic on arrays, counted."""

    def __init__(self):
        self.count = 0

    def _counted(self, result: Any) -> Any:
        self.count += 1
        return result

    def add(self, a: Any, b: Any) -> Any:
        return self._counted(a + b)

    def sub(self, a: Any, b: Any) -> Any:
        return self._counted(a - b)

    def mul(self, a: Any, b: Any) -> Any:
        return self._counted(a * b)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        return self._counted(a * b + c)


@pytest.mark.parametrize(
    "transform", [*TRANSFORMS.values(), ToomCook((0.5, 1.0, 1.5), infinity=False)], ids=lambda t: str(t.filtering)
)
def test_transforms_filter(transform: Transform):
    """In float64 they are a convolution to the last digits, in one dimension at a time."""
    random, n, (m, r, s) = np.random.default_rng(0), transform.size, transform.filtering
    x, weight = random.standard_normal((n, n)), random.standard_normal((r, r))
    rows = transform.data(Words(), list(x))
    data = np.array(transform.data(Words(), list(np.transpose(rows)))).T
    products = data * transform.filters(weight.reshape(-1, 1)).reshape(n, n)
    rows = transform.result(Words(), list(products))
    result = np.array(transform.result(Words(), list(np.transpose(rows)))).T
    wanted = [[(x[i : i + r, j : j + r] * weight).sum() for j in range(0, s * m, s)] for i in range(0, s * m, s)]
    np.testing.assert_allclose(result, wanted, rtol=0, atol=1e-13 * n)


@pytest.mark.parametrize(
    ("algorithm", "data", "result"),
    [
        ("winograd2", 4, 4),
        ("winograd3", 10, 10),
        ("winograd4", 12, 12),
        ("winograd6", 24, 20),
        ("winograd5of4", 24, 18),
        ("winograd4of5", 24, 16),
        ("winograd2stride2", 3, 5),
        ("winograd4stride2", 10, 16),
    ],
)
def test_a_transform_takes_few_operations(algorithm: str, data: int, result: int):
    transform, words, more = TRANSFORMS[WINOGRAD[algorithm]], Words(), Words()
    transform.data(words, list(np.ones(transform.size)))
    transform.result(more, list(np.ones(transform.size)))
    assert (words.count, more.count) == (data, result)


@pytest.mark.parametrize(
    ("filtering", "dilation", "fold"),
    [
        (f, d, fold)
        for f in WINOGRAD.values()
        for d, fold in ([(1, 1)] if f.stride > 1 else [(1, 1), (2, 1), (3, 1), (7, 1), (1, 2), (1, 3)])
    ],
)
@pytest.mark.parametrize("size", [(1, 1), (4, 9), (7, 8), (13, 5), (18, 12)])
def test_tiles_cover_each_output_once(filtering: Filtering, dilation: int, fold: int, size: tuple[int, int]):
    """And read nothing past the rim that they ask for, which of folded ones goes to the last phase."""
    outputs, taps, stride = filtering.outputs, filtering.taps * fold, filtering.stride * fold
    seen = np.zeros(size, int)
    pad, end = taps // 2 * dilation, (filtering.size * fold - 1 - taps // 2) * dilation
    conv = stage("conv", channels=1, kernel=taps, pad=pad, dilation=dilation, stride=stride)
    given = (size[0] * stride, size[1] * stride)
    window = conv.window(image(1, *given))  # type: ignore[attr-defined]
    _, _, below, right = rim_of_tiles(window, given, size, filtering)
    for tile in tiles(window, *size, outputs):
        for y in range(tile.rows):
            for x in range(tile.columns):
                seen[tile.row + y * dilation, tile.column + x * dilation] += 1
        assert tile.row * stride + end < given[0] + below
        assert tile.column * stride + end < given[1] + right
    assert (seen == 1).all()


def layers(lanes: int, taps: int = 3, stride: int = 1) -> Graph:
    """Channels around the vector's width, images down to one pixel, tiles that end before, at and past the edge."""
    counts = [(lanes, 1), (lanes, lanes), (lanes + 1, 2 * lanes), (3 * lanes - 1, 4 * lanes + 1), (2 * lanes, lanes)]
    sizes = [(1, 1), (2, 2), (3, 5), (4, 4), (5, 8), (6, 7), (9, 12), (13, 3), (1, 17)]
    pads: list[Any] = [1, 0, (1, 2, 0, 3), 1, (0, 1, 2, 0), 2, 1, "same", 1]
    net = Net()
    for i, (size, pad) in enumerate(zip(sizes, pads, strict=True)):
        channels, out = counts[i % len(counts)]
        size = size if pad else (size[0] + taps - 1, size[1] + taps - 1)
        if pad and pad != "same":
            pad = tuple(side + taps // 2 - 1 for side in (pad if isinstance(pad, tuple) else (pad,) * 4))
        x = net.input(f"x{i}", image(channels, *size))
        y = net.chain(x, stage("conv", channels=out, kernel=taps, stride=stride, pad=pad, bias=i % 3 > 0))
        if i % 2:
            y = net.apply(stage("add"), y, net.input(f"beside{i}", y.type)).output
        net.output(net.chain(y, *[stage("relu")] * (i % 2)))
    return net.graph


def dilated(lanes: int, taps: int = 3, stride: int = 1) -> Graph:
    assert stride == 1
    net = Net()
    for i, (dilation, size) in enumerate([(2, (7, 9)), (3, (5, 11)), (4, (3, 18)), (9, (4, 6)), (2, (16, 16))]):
        x = net.input(f"x{i}", image(lanes, *size))
        y = net.chain(x, stage("conv", channels=lanes + 3, kernel=taps, pad=taps // 2 * dilation, dilation=dilation))
        net.output(net.apply(stage("add"), y, net.input(f"beside{i}", y.type)).output)
    return net.graph


def grouped(lanes: int, taps: int = 3, stride: int = 1) -> Graph:
    net = Net()
    for i, (inside, outside, groups) in enumerate([(lanes, lanes, 2), (2 * lanes, lanes, 3), (lanes, 2 * lanes, 2)]):
        x = net.input(f"x{i}", image(groups * inside, 5 + i, 7))
        window = {"kernel": taps, "stride": stride, "pad": taps // 2}
        net.output(net.chain(x, stage("conv", channels=groups * outside, groups=groups, **window)))
    return net.graph


def folded(lanes: int, taps: int = 3, stride: int = 1) -> Graph:
    """Windows of all sizes that a stride folds to so many taps, over images of few channels, as they are given or made
    of others, and of many."""
    assert stride == 1
    net = Net()
    for i, (channels, high, wide) in enumerate(
        [(1, 1, 1), (3, 7, 20), (lanes - 1, 9, 6), (lanes, 12, 13), (lanes + 1, 5, 5), (3, 23, 24)]
    ):
        stride = 2 + i % 3
        kernel = taps * stride - i % stride
        window = {
            "kernel": kernel,
            "stride": stride,
            "pad": [(kernel - 1) // 2, "same", (kernel, 1, 0, kernel - 1)][i % 3],
        }
        x = net.input(f"x{i}", image(channels, stride * high, stride * wide))
        x = net.chain(x, *[stage("relu")] * (i % 2))
        y = net.chain(x, stage("conv", channels=2 * lanes + i % 2, bias=i % 3 > 0, **window))
        net.output(net.apply(stage("add"), y, net.input(f"beside{i}", y.type)).output)
    return net.graph


def chosen(graph: Graph, algorithm: str, cpu: str, k: int) -> dict[str, Choice]:
    """The algorithm for every layer, with register tiles of many kinds."""
    choices, lanes, registers = {}, target(cpu).lanes, target(cpu).registers
    for i, conv in enumerate(graph.nodes("conv")):
        (x,) = graph.operands(conv)
        channels, height, width = conv.output.type.known
        count = len(tiles(conv.op.window(x.type), height, width, WINOGRAD[algorithm].outputs))  # type: ignore[attr-defined]
        each = -(-channels // conv.op.groups // lanes)  # type: ignore[attr-defined]
        vectors = [v for v in (1, 2, 4) if each % v == 0][-1 if (i + k) % 2 else 0]
        pixels = min(count, (1, 3, 2 if vectors == 4 else 4, 7 if vectors == 1 else 6)[(i + k) % 4])
        columns = vectors == 1 and (i + k) % 3 != 1
        if columns:
            pixels = min(pixels, (registers - SPARE) // WINOGRAD[algorithm].size)
        block = min(1 + (i + k) % 3, -(-count // pixels))
        choices[conv.name] = Choice(algorithm, pixels, vectors, columns=columns, block=block)
    return choices


@every_cpu
@pytest.mark.parametrize(
    ("algorithm", "family"),
    [(a, family) for a, f in WINOGRAD.items() for family in (layers, grouped, *[dilated, folded] * (f.stride == 1))],
)
@pytest.mark.parametrize("k", [0, 1, *(pytest.param(k, marks=pytest.mark.slow) for k in (2, 3))])
def test_winograd_stays_within_its_bound(cpu: str, algorithm: str, family, k: int):
    lanes = target(cpu).lanes
    _, taps, stride = WINOGRAD[algorithm]
    graph = family(lanes, taps, stride)
    passes = {"fuse_epilogues"}  # so that layers have the names that `chosen` knows
    hold(graph, cpu, passes, batch=2, choices=chosen(graph, algorithm, cpu, k))


@every_cpu
def test_epilogues_are_part_of_the_tile(cpu: str):
    """With every pass on, as the schedule chooses."""
    native = hold(layers(target(cpu).lanes), cpu)
    assert {c.algorithm for c in native.program.schedule.choices.values()} & set(WINOGRAD)


def pooled(lanes: int, *after: Operator, stored: bool = False, taps: int = 3, stride: int = 1) -> Graph:
    """Maxima of 2 x 2 behind convolutions, of images some of whose last rows or columns are in none. `stored` has what
    they are taken of among the outputs."""
    net = Net()
    for i, (high, wide) in enumerate([(2, 2), (3, 5), (4, 4), (6, 7), (9, 12), (13, 3), (14, 14)]):
        x = net.input(f"x{i}", image(lanes + i, high * stride, wide * stride))
        window = {"kernel": taps, "stride": stride, "pad": taps // 2}
        y = net.chain(x, stage("conv", channels=2 * lanes + i % 2, bias=i % 3 > 0, **window), *after)
        net.output(net.chain(y, stage("maxpool", kernel=2)), *[y] * stored)
    return net.graph


def assert_as_if_stored(native: Native, stored: Graph, cpu: str) -> None:
    """Maxima of tiles are those of the same convolution that stores all it computes, to the last bit."""
    made = native.program.schedule.choices
    pools = [name for name, choice in made.items() if choice.algorithm == POOLED]
    assert pools
    same = {name: choice for name, choice in made.items() if choice.algorithm in WINOGRAD}
    apart = compile_native(with_random_weights(stored), cpu, choices=same)
    assert POOLED not in {choice.algorithm for choice in apart.program.schedule.choices.values()}
    inputs = images_for(native.graph, 2)
    together, wanted = every_way(native, inputs), run(apart, inputs)
    for pool in pools:
        np.testing.assert_array_equal(together[pool], wanted[pool], pool)


@every_cpu
@pytest.mark.parametrize("algorithm", [name for name, f in WINOGRAD.items() if f.outputs % 2 == 0])
@pytest.mark.parametrize("k", range(4))
def test_maxima_are_taken_from_tiles(cpu: str, algorithm: str, k: int):
    lanes, (_, taps, stride) = target(cpu).lanes, WINOGRAD[algorithm]
    fold = 2 if k == 3 and stride == 1 else 1
    taps, stride = taps * fold, stride * fold
    graph = pooled(lanes, taps=taps, stride=stride)
    native = hold(graph, cpu, batch=2, choices=chosen(graph, algorithm, cpu, k))
    assert_as_if_stored(native, pooled(lanes, stored=True, taps=taps, stride=stride), cpu)


@every_cpu
def test_maxima_are_taken_from_what_activations_make(cpu: str):
    lanes, bend = target(cpu).lanes, stage("leaky_relu", a=0.5)
    assert_as_if_stored(hold(pooled(lanes, bend), cpu), pooled(lanes, bend, stored=True), cpu)


@pytest.mark.parametrize(
    ("conv", "pool", "more"),
    [
        ({}, {"kernel": 3, "stride": 2}, False), ({}, {"kernel": 2, "stride": 1}, False),
        ({}, {"kernel": 2, "pad": 1}, False), ({}, {"kernel": 2, "ceil": True}, False),
        ({"dilation": 2, "pad": 2}, {"kernel": 2}, False), ({}, {"kernel": 2}, True),
    ],
)  # fmt: skip
def test_other_maxima_have_a_step_of_their_own(conv: dict[str, Any], pool: dict[str, Any], more: bool):
    """Other windows, dilated tiles, and what somebody else reads too."""
    net = Net()
    y = net.chain(net.input("x", image(16, 9, 9)), stage("conv", **{"channels": 16, "kernel": 3, "pad": 1, **conv}))
    net.output(net.chain(y, stage("maxpool", **pool)), *[net.chain(y, stage("global_avgpool"))] * more)
    native = hold(net.graph, choices={"conv_1": Choice("winograd4", 4, 1)})
    assert native.program.schedule.choices["maxpool_1"].algorithm == "pool"


def test_maxima_lie_in_two_tiles_with_odd_sides():
    native = hold(pooled(16), choices=chosen(pooled(16), "winograd3", "native", 0))
    assert POOLED not in {choice.algorithm for choice in native.program.schedule.choices.values()}


def test_small_images_have_tiles_that_fill_them():
    """Interleaved ones of 3 x 3 and 2 x 2, for which F(4) takes half as many products again."""
    net = Net()
    x = net.input("x", image(512, 33, 33))
    net.output(net.chain(x, stage("conv", channels=256, kernel=3, pad=12, dilation=12)))
    assert compile_native(with_random_weights(net.graph)).program.schedule.choices["conv_1"].algorithm == "winograd3"


@pytest.mark.parametrize(
    ("channels", "out", "size", "whole"),
    [(16, 16, 128, True), (32, 64, 112, True), (32, 64, 28, False), (64, 64, 56, False)],
)
def test_few_channels_have_tiles_of_whole_columns(channels: int, out: int, size: int, whole: bool):
    net = Net()
    x = net.input("x", image(channels, size, size))
    net.output(net.chain(x, stage("conv", channels=out, kernel=3, pad=1)))
    assert compile_native(with_random_weights(net.graph), WIDE).program.schedule.choices["conv_1"].columns == whole


@every_cpu
@pytest.mark.parametrize(
    ("algorithm", "family"), [("winograd2", layers), ("winograd2stride2", layers), ("winograd2", folded)]
)
def test_two_by_two_is_exact_on_small_integers(cpu: str, algorithm: str, family):
    """Its transforms halve twice at most, so that nothing is rounded."""
    lanes = target(cpu).lanes
    graph = family(lanes, stride=WINOGRAD[algorithm].stride)
    random = np.random.default_rng(3)
    whole = graph.bind(
        {
            name: random.integers(-3, 4, param.type.shape).astype(np.float32)  # type: ignore[arg-type]
            for name, param in graph.params.items()
        }
    )
    native = compile_native(whole, cpu, {"fuse_epilogues"}, choices=chosen(whole, algorithm, cpu, 1))
    inputs = {name: np.rint(2 * array) for name, array in images_for(graph, 1).items()}
    results = every_way(native, inputs)
    for name, wanted in truth(native, inputs).items():
        np.testing.assert_array_equal(results[name], wanted.exact, name)


@pytest.mark.parametrize(
    ("algorithm", "window", "tile"),
    [
        ("winograd4", {"kernel": 3, "pad": 1}, 4),
        ("winograd4", {"kernel": 5, "pad": 2, "stride": 2}, 4),
        ("winograd5of4", {"kernel": 7, "pad": 3, "stride": 2}, 5),
        ("winograd4stride2", {"kernel": 3, "pad": 1, "stride": 2}, 4),
    ],
)
def test_a_large_number_costs_accuracy_in_its_tile_only(algorithm: str, window: dict[str, Any], tile: int):
    """A pixel of 1e6 among ordinary ones: the bound is wide beside it and as narrow as ever elsewhere."""
    net, side = Net(), 24 * window.get("stride", 1)
    graph = with_random_weights(
        net.output(net.chain(net.input("x", image(16, side, side)), stage("conv", channels=16, **window)))
    )
    native = compile_native(graph, choices={"conv_1": Choice(algorithm, 4, 1)})
    inputs = images_for(graph)
    inputs["x"][:, :, 0, 0] = 1e6
    wanted = truth(native, inputs)
    assert_right(every_way(native, inputs), wanted)
    bound = wanted["conv_1"].bound[0]
    assert bound[:, :tile, :tile].min() > 1e4 * bound[:, 2 * tile :, 2 * tile :].max()


def test_images_larger_than_caches_are_fetched_ahead():
    """Of the last block there is none to fetch, and nobody looks for it."""
    net = Net()
    x = net.input("x", image(16, 270, 262))
    net.output(net.chain(x, stage("conv", channels=16, kernel=3, pad=1)))
    native = hold(net.graph)
    assert any(isinstance(kernel, Winograd) and kernel.ahead.pixels for kernel in native.program.kernels)


@pytest.mark.parametrize(
    ("change", "channels"),
    [
        ({"stride": (1, 2)}, 16),
        ({"stride": 3}, 16),
        ({"stride": 2, "dilation": 2}, 16),
        ({"stride": 2}, 15),
        ({"dilation": (1, 2)}, 16),
        ({"kernel": (3, 5)}, 16),
        ({"kernel": 5, "stride": (1, 2)}, 16),
        ({"kernel": 5, "stride": 2, "dilation": 2}, 16),
        ({"kernel": 5, "stride": 2, "groups": 2}, 16),
        ({}, 15),
    ],
)
def test_what_no_tiles_fit(change: dict[str, Any], channels: int):
    assert filterings(stage("conv", channels=8, kernel=3), 16, 16)  # type: ignore[arg-type]
    assert not filterings(stage("conv", **{"channels": 8, "kernel": 3, **change}), channels, 16)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("taps", "stride", "names"),
    [
        (3, 1, OF_THREE), (3, 2, {"winograd2stride2", "winograd4stride2"}),
        (5, 1, {"winograd4of5"}), (4, 1, {"winograd5of4"}), (7, 1, set()), (2, 2, set()), (9, 4, OF_THREE),
        (5, 2, OF_THREE), (7, 2, {"winograd5of4"}), (9, 2, {"winograd4of5"}), (11, 2, set()), (11, 4, OF_THREE),
    ],
)  # fmt: skip
def test_each_window_has_its_own(taps: int, stride: int, names: set[str]):
    """With a stride those of what it leaves of the window."""
    conv = stage("conv", channels=8, kernel=taps, stride=stride)
    assert filterings(conv, 16, 16).keys() == names  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("channels", "size", "window", "wanted"),
    [
        (48, 27, {"kernel": 5, "pad": 2}, "winograd4of5"),
        (64, 56, {"kernel": 3, "pad": 1, "stride": 2}, "winograd4stride2"),
        (512, 14, {"kernel": 3, "pad": 1, "stride": 2}, "winograd2stride2"),
        (3, 224, {"kernel": 7, "pad": 3, "stride": 2}, "winograd5of4"),
        (3, 227, {"kernel": 11, "pad": 2, "stride": 4}, "winograd6"),
        (64, 56, {"kernel": 5, "pad": 2, "stride": 2}, "winograd6"),
        (3, 224, {"kernel": 3, "pad": 1, "stride": 2}, "direct"),
    ],
)
def test_the_schedule_takes_it(channels: int, size: int, window: dict[str, Any], wanted: str):
    """It needs a sixth of the products; with a stride of 2 two thirds, or little more than a half; where that is folded
    a fifth."""
    net = Net()
    net.output(net.chain(net.input("x", image(channels, size, size)), stage("conv", channels=128, **window)))
    native = compile_native(with_random_weights(net.graph), "x86-64-v3")
    assert native.program.schedule.choices["conv_1"].algorithm == wanted


@pytest.mark.parametrize(("channels", "size", "whole"), [(64, 56, False), (128, 28, True), (512, 28, True)])
def test_a_block_is_all_tiles_where_weights_would_come_too_late(channels: int, size: int, whole: bool):
    """A chunk of 5 tiles multiplies faster than the L3 cache gives 128 channels' weights, of which the L2 cache has
    too little room for all; 64 channels' it keeps."""
    net = Net()
    net.output(
        net.chain(net.input("x", image(channels, size, size)), stage("conv", channels=channels, kernel=3, pad=1))
    )
    native = compile_native(with_random_weights(net.graph), "x86-64-v3")
    choice = native.program.schedule.choices["conv_1"]
    assert (choice.block * choice.pixels >= (size / WINOGRAD[choice.algorithm].outputs) ** 2) == whole


@every_cpu
def test_an_image_stays_planar_for_a_stride_that_is_folded(cpu: str):
    """Of blocks most lanes would be empty, and each pixel of it would take a cache line."""
    net = Net()
    x = net.input("x", image(3, 30, 30))
    net.output(net.chain(x, stage("conv", channels=16, kernel=7, stride=2, pad=3)))
    native = hold(net.graph, cpu, choices={"conv_1": Choice("winograd5of4", 2, 1)})
    assert native.program.schedule.layouts["x"].block == 1


def test_exact_compilations_have_none():
    native = compile_native(with_random_weights(layers(16)), exact=True)
    assert not {c.algorithm for c in native.program.schedule.choices.values()} & set(WINOGRAD)
