"""Pooling: windows that are cut off, padded, spread and counted, on vectors that are not full."""

from typing import Any

import numpy as np
import pytest
from builder import Net, image, stage, with_random_weights
from harness import EVERY_PASS, assert_right, compile_native, every_cpu, every_way, hold, images_for, run, truth

from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.schedule.schedule import POOLED, Choice
from cnnc.compiler.schedule.target import target

BOTH: list[tuple[dict[str, Any], tuple[int, int]]] = [
    ({"kernel": 2}, (6, 4)),
    ({"kernel": (1, 2)}, (1, 7)),
    ({"kernel": 1, "stride": 2}, (5, 3)),
    ({"kernel": 3, "stride": 2}, (9, 40)),
    ({"kernel": 3, "stride": 1, "pad": 1}, (1, 1)),
    ({"kernel": 3, "stride": 2, "pad": 1}, (7, 33)),
    ({"kernel": 3, "stride": 2, "ceil": True}, (6, 8)),
    ({"kernel": 2, "stride": 3, "pad": (1, 0, 0, 1), "ceil": True}, (7, 9)),
    ({"kernel": (3, 2), "stride": (1, 2), "pad": (2, 1, 0, 0)}, (4, 6)),
    ({"kernel": 3, "stride": 2, "pad": "same"}, (7, 6)),
    ({"kernel": 5, "stride": 1, "pad": 2}, (3, 29)),
    ({"kernel": 7, "stride": 1, "pad": 6}, (2, 3)),
]
ONLY: list[tuple[str, dict[str, Any], tuple[int, int]]] = [
    ("maxpool", {"kernel": 2, "stride": 1, "dilation": 2}, (5, 6)),
    ("maxpool", {"kernel": (3, 2), "stride": 2, "pad": (3, 4, 1, 0), "dilation": (2, 5)}, (6, 7)),
    ("maxpool", {"kernel": 2, "stride": 1, "pad": 4, "dilation": 5}, (3, 3)),  # windows that miss the image
    ("maxpool", {"kernel": 3, "stride": 1, "pad": 3, "dilation": 3}, (4, 20)),
    ("avgpool", {"kernel": 3, "stride": 2, "pad": 1, "count_pad": True}, (7, 20)),
    ("avgpool", {"kernel": 3, "stride": 2, "pad": 1, "ceil": True, "count_pad": True}, (6, 8)),
    ("avgpool", {"kernel": 2, "stride": 3, "pad": (0, 1, 1, 0), "ceil": True, "count_pad": True}, (7, 9)),
    ("adaptive_avgpool", {"h": 1, "w": 1}, (5, 4)),
    ("adaptive_avgpool", {"h": 3, "w": 5}, (7, 8)),
    ("adaptive_avgpool", {"h": 6, "w": 7}, (4, 3)),
    ("global_avgpool", {}, (7, 6)),
    ("global_avgpool", {}, (1, 1)),
    ("global_maxpool", {}, (5, 9)),
]


def pools(lanes: int) -> Graph:
    net = Net()
    for i, (name, attributes, size) in enumerate([(n, *b) for n in ("maxpool", "avgpool") for b in BOTH] + ONLY):
        x = net.input(f"x{i}", image([1, lanes - 1, lanes, lanes + 1, 2 * lanes + 1][i % 5], *size))
        net.output(net.chain(x, stage(name, **attributes), *[stage("tanh")] * (i % 4 == 1)))
    return net.graph


@every_cpu
@pytest.mark.parametrize("disabled", [frozenset(), EVERY_PASS], ids=["all passes", "no pass"])
def test_pools_stay_within_the_bound(cpu: str, disabled: frozenset[str]):
    hold(pools(target(cpu).lanes), cpu, disabled, batch=2)


def squares(lanes: int, pool: str, stored: bool = False) -> Graph:
    """Poolings of 2 x 2 behind convolutions that Winograd's algorithm is not for, of images some of whose last rows or
    columns are in no square. `stored` has what they are taken of among the outputs."""
    net = Net()
    for i, (size, conv) in enumerate([
        ((5, 6), {"kernel": (4, 5), "pad": 2}), ((9, 31), {"kernel": 3, "stride": 2, "pad": 1}),
        ((2, 2), {"kernel": 1}),
        ((7, 8), {"kernel": (4, 1)}), ((32, 32), {"kernel": (4, 5)}),
        ((6, 33), {"kernel": (4, 5), "pad": 4, "bias": False}),
    ]):  # fmt: skip
        for channels in (1, lanes + 1):
            for out in (lanes // 2 - 1, 2 * lanes + 1):
                x = net.input(f"x{len(net.graph.inputs)}", image(channels, *size))
                y = net.chain(x, stage("conv", channels=out, **conv), *[stage("tanh")] * (i % 2))
                net.output(net.chain(y, stage(pool, kernel=2)), *[y] * stored)
    x = net.input("grouped", image(2 * lanes, 6, 7))
    y = net.chain(x, stage("conv", channels=4 * lanes, kernel=7, pad=3, groups=2))
    net.output(net.chain(y, stage(pool, kernel=2)), *[y] * stored)
    return net.graph


@every_cpu
@pytest.mark.parametrize("pool", ["maxpool", "avgpool"])
def test_squares_are_pooled_as_a_convolution_stores(cpu: str, pool: str):
    """To the bits of a pooling of its own."""
    lanes = target(cpu).lanes
    native = hold(squares(lanes, pool), cpu, batch=2)
    pools = [name for name, choice in native.program.schedule.choices.items() if choice.algorithm == POOLED]
    assert len(pools) > 6
    apart = compile_native(with_random_weights(squares(lanes, pool, stored=True)), cpu)
    assert POOLED not in {choice.algorithm for choice in apart.program.schedule.choices.values()}
    inputs = images_for(native.graph, 2)
    together, wanted = every_way(native, inputs), run(apart, inputs)
    for name in pools:
        np.testing.assert_array_equal(together[name], wanted[name], name)


@every_cpu
def test_squares_lie_in_tiles_of_pairs_that_leave_room_for_the_line_above(cpu: str):
    net, registers = Net(), target(cpu).registers
    net.output(
        net.chain(net.input("x", image(1, 32, 32)), stage("conv", channels=6, kernel=5), stage("avgpool", kernel=2))
    )
    for pixels, algorithm in ((registers // 2 - 2, POOLED), (registers - 4, "pool"), (5, "pool")):
        native = hold(net.graph, cpu, choices={"conv_1": Choice("direct", pixels, 1)})
        assert native.program.schedule.choices["avgpool_1"].algorithm == algorithm, pixels


@every_cpu
def test_maxima_are_exact_and_nan_wins(cpu: str):
    """Also where a lane's only numbers are negative, infinite or NaN."""
    net = Net()
    x = net.input("x", image(5, 6, 21))
    net.output(net.chain(x, stage("maxpool", kernel=3, stride=1, pad=1)), net.chain(x, stage("global_maxpool")))
    native = compile_native(net.graph, cpu)
    array = -np.abs(np.random.default_rng(4).standard_normal((1, 5, 6, 21))).astype(np.float32)
    array[0, 1, 2, 3], array[0, 2, 5, 20], array[0, 3] = np.nan, np.inf, -np.inf
    results = every_way(native, {"x": array})
    padded = np.pad(array, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
    local, whole = results.values()
    np.testing.assert_array_equal(local, windows.max((-2, -1)))
    np.testing.assert_array_equal(whole, array.max((2, 3), keepdims=True))


@every_cpu
@pytest.mark.parametrize(
    ("name", "attributes"),
    [("global_avgpool", {}), ("avgpool", {"kernel": 28}), ("adaptive_avgpool", {"h": 2, "w": 2})],
)
def test_roundings_of_equal_numbers_do_not_add_up(cpu: str, name: str, attributes: dict[str, Any]):
    """As in a white picture, whose sums' roundings have one sign each."""
    net = Net()
    net.output(net.chain(net.input("x", image(17, 56, 56)), stage(name, **attributes)))
    native = compile_native(net.graph, cpu)
    for number in (0.7, 0.95):
        inputs = {"x": np.full((1, 17, 56, 56), number, np.float32)}
        assert_right(every_way(native, inputs), truth(native, inputs))
