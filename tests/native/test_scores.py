"""Dense layers, softmax and local response normalization."""

import numpy as np
import pytest
from builder import Net, features, image, stage
from harness import EVERY_PASS, assert_right, compile_native, every_cpu, every_way, hold, truth

from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.schedule.target import target


def dense(lanes: int) -> Graph:
    """Every rest of inputs by the round of four, every number of vectors of outputs that a kernel takes at once, and
    numbers of vectors whose last group overlaps the one before."""
    net = Net()
    for inputs in (1, 2, 3, 4, 5, 4 * lanes + 3):
        x = net.input(f"x{inputs}", features(inputs))
        for units in (1, lanes - 1, lanes, lanes + 1, *(v * lanes - v // 7 for v in (2, 3, 4, 5, 7, 11))):
            net.output(net.chain(x, stage("dense", units=units, bias=units % 2 == 0)))
    deep = net.chain(
        net.input("deep", features(1000)), stage("dense", units=30), stage("relu"), stage("dense", units=7)
    )
    net.output(deep)
    return net.graph


def softmax(lanes: int) -> Graph:
    net = Net()
    for name in ("softmax", "log_softmax"):
        for count in (1, 2, lanes - 1, lanes, lanes + 1, 5 * lanes + 2):
            x = net.input(f"{name}_{count}", features(count))
            net.output(net.chain(x, stage(name)), net.chain(x, stage("dense", units=count), stage(name)))
        for channels, high, wide in ((1, 1, 1), (3, 1, lanes + 1), (lanes + 1, 3, 5), (2 * lanes, 1, 1), (5, lanes, 1)):
            x = net.input(f"{name}_{channels}_{high}_{wide}", image(channels, high, wide))
            scores = net.chain(x, stage(name))
            net.output(scores, net.chain(scores, stage("conv", channels=3, kernel=3, pad=1), stage(name)))
    return net.graph


def lrn(lanes: int) -> Graph:
    net = Net()
    for channels in (1, 2, lanes - 1, lanes, lanes + 1, 2 * lanes, 3 * lanes + 2):
        x = net.input(f"x{channels}", image(channels, 2, 3))
        for size in (1, 2, 3, 5, 2 * lanes):
            net.output(net.chain(x, stage("lrn", size=size, alpha=0.5, k=2.0)))
        net.output(net.chain(x, stage("lrn", size=4, alpha=0.9, beta=0.6), stage("relu")))
        net.output(net.chain(x, stage("lrn", size=3, beta=1.0), stage("conv", channels=2, kernel=3, pad=1)))
    net.output(net.chain(net.input("row", features(lanes + 2)), stage("lrn", size=3, alpha=1.0)))
    return net.graph


@every_cpu
@pytest.mark.parametrize("family", [dense, softmax, lrn])
@pytest.mark.parametrize("disabled", [frozenset(), EVERY_PASS], ids=["all passes", "no pass"])
def test_scores_stay_within_the_bound(cpu: str, family, disabled: frozenset[str]):
    hold(family(target(cpu).lanes), cpu, disabled, batch=2)


@every_cpu
def test_softmax_of_large_and_endless_numbers(cpu: str):
    net = Net()
    x, y = net.input("x", features(21)), net.input("y", image(21, 1, 3))
    net.output(*(net.chain(value, stage(name)) for value in (x, y) for name in ("softmax", "log_softmax")))
    native = compile_native(net.graph, cpu)
    rows = np.random.default_rng(5).standard_normal((4, 21)).astype(np.float32)
    rows[0], rows[1, 3], rows[2, 20], rows[3] = rows[0] * 300, -np.inf, np.nan, rows[3] - 300
    inputs = {"x": rows, "y": np.repeat(rows[:, :, None, None], 3, 3)}
    assert_right(every_way(native, inputs), truth(native, inputs))


@every_cpu
def test_dense_layers_of_small_whole_numbers_are_exact(cpu: str):
    graph = dense(target(cpu).lanes)
    random = np.random.default_rng(6)
    whole = graph.bind(
        {
            name: random.integers(-3, 4, param.type.shape).astype(np.float32)  # type: ignore[arg-type]
            for name, param in graph.params.items()
        }
    )
    native = compile_native(whole, cpu)
    inputs = {v.name: random.integers(-3, 4, (2, *v.type.known)).astype(np.float32) for v in whole.inputs}
    results = every_way(native, inputs)
    for name, wanted in truth(native, inputs).items():
        np.testing.assert_array_equal(results[name], wanted.exact, name)
