"""The error policy: wide enough for float32 in any order, narrow enough that a single fault shows."""

import numpy as np
import pytest
from builder import Net, features, image, stage, with_random_weights
from harness import images_for

from cnnc.compiler.codegen.lowering import LOWERINGS
from cnnc.compiler.interpreter import interpret
from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.ir.operator import REGISTRY, bind
from cnnc.compiler.ir.types import BATCH, Dim, Type
from cnnc.compiler.schedule.choose import ANCHORS
from cnnc.compiler.tolerance import ALGORITHMS, RULES, Expected, U, expected, expected_of, received


def layer(name: str) -> Graph:
    """Sums of 1152 products, 9 products and 200 products."""
    net = Net()
    x = net.input("x", features(200) if name == "dense" else image(128, 9, 8))
    attributes = {"conv": {"channels": 6, "kernel": 3, "pad": 1}, "depthwise": {"kernel": 3}, "dense": {"units": 10}}
    return with_random_weights(net.output(net.chain(x, stage(name, **attributes[name]))))


def answer(graph: Graph, **changed: np.ndarray) -> np.ndarray:
    """The exact output with some weights changed, rounded once: the best kernel for those weights."""
    graph = graph.bind({name: changed[role] for name in graph.params if (role := name.split(".")[-1]) in changed})
    (result,) = interpret(graph, images_for(graph), np.float64).values()
    return result.astype(np.float32)


def weight_of(graph: Graph, role: str = "weight") -> np.ndarray:
    (data,) = (param.data for name, param in graph.params.items() if name.endswith(role) and param.data is not None)
    return np.array(data)


LAYERS = pytest.mark.parametrize("name", ["conv", "depthwise", "dense"])


@LAYERS
def test_float32_in_the_interpreters_order_is_within(name: str):
    graph = layer(name)
    (wanted,) = expected(graph, images_for(graph)).values()
    (single,) = interpret(graph, images_for(graph), np.float32).values()
    assert not wanted.misses(single).any()
    assert not wanted.misses(answer(graph)).any()


@LAYERS
def test_one_missing_tap_is_caught(name: str):
    graph = layer(name)
    weight = weight_of(graph)
    (wanted,) = expected(graph, images_for(graph)).values()
    for tap in range(weight[0].size):
        faulty = weight.copy()
        faulty[0].flat[tap] = 0
        assert wanted.misses(answer(graph, weight=faulty)).any(), f"tap {tap}"


@LAYERS
def test_a_forgotten_bias_is_caught(name: str):
    graph = layer(name)
    (wanted,) = expected(graph, images_for(graph)).values()
    assert wanted.misses(answer(graph, bias=np.zeros_like(weight_of(graph, "bias")))).any()


@LAYERS
@pytest.mark.parametrize("bits", [8, 11])
def test_weights_of_fewer_bits_are_caught(name: str, bits: int):
    """As bfloat16 and half precision have."""
    graph = layer(name)
    (wanted,) = expected(graph, images_for(graph)).values()
    mantissa, exponent = np.frexp(weight_of(graph))
    rounded = np.ldexp(np.rint(mantissa * 2**bits) / 2**bits, exponent).astype(np.float32)
    assert wanted.misses(answer(graph, weight=rounded)).any()


def test_a_neighbours_number_is_caught():
    """Rows swapped, channels swapped, a window one pixel off."""
    graph = layer("conv")
    (wanted,) = expected(graph, images_for(graph)).values()
    right = answer(graph)
    for axis in (1, 2, 3):
        assert wanted.misses(np.roll(right, 1, axis)).mean() > 0.99


def test_a_bound_follows_the_sum_of_absolute_products():
    """(2 + sqrt(n)) u (sum |x||w| + |b|), spelled out for one dense unit."""
    graph = layer("dense")
    (wanted,) = expected(graph, images_for(graph)).values()
    x, weight, bias = images_for(graph)["x"][0], weight_of(graph), weight_of(graph, "bias")
    size = np.abs(x * weight[3]).sum(dtype=np.float64) + abs(bias[3])
    np.testing.assert_allclose(wanted.bound[0, 3], (2 + 200**0.5) * U * size, rtol=1e-6)


def test_errors_of_operands_are_carried_along():
    """What a layer may add, the next may multiply: bounds of a chain cover float32 and grow."""
    net = Net()
    x = net.input("x", image(5, 8, 8))
    names = ["relu", "silu", "batchnorm", "softplus"]
    stages = [op for name in names for op in (stage("conv", channels=5, kernel=3, pad=1), stage(name))]
    graph = with_random_weights(net.output(net.chain(x, *stages, stage("lrn", size=3), stage("softmax"))))
    values = expected(graph, images_for(graph), keep=True)
    single = interpret(graph, images_for(graph), np.float32, keep=True)
    for name, wanted in values.items():
        assert not wanted.misses(single[name]).any(), name
    bounds = [values[node.name].bound.mean() for node in graph.nodes("conv")]
    assert bounds == sorted(bounds)


def test_one_node_on_what_its_kernel_received():
    """The error of the layer before does not excuse this one's."""
    net = Net()
    x = net.input("x", image(5, 8, 8))
    y = net.chain(x, stage("conv", channels=5, kernel=3))
    graph = with_random_weights(net.output(net.chain(y, stage("relu"))))
    values = interpret(graph, images_for(graph), np.float32, keep=True)
    (wanted,) = expected_of(graph.nodes("relu")[0], [received(values[y.name])], graph.params)
    np.testing.assert_array_equal(wanted.exact, np.maximum(values[y.name], 0))
    assert not wanted.bound.any()


@pytest.mark.parametrize("name", ["mse", "cross_entropy"])
def test_a_loss_of_one_number_less_or_another_mean_is_caught(name: str):
    net, shape = Net(), Type("i64", (Dim.letter(BATCH), 9, 8))
    x = net.input("x", image(5, 9, 8))
    other = net.input("y", image(5, 9, 8) if name == "mse" else shape)
    graph = net.output(net.apply(stage(name), x, other).output)
    feeds = images_for(graph, 3)
    feeds["y"] = feeds["y"] if name == "mse" else feeds["y"] % 5
    (wanted,) = expected(graph, feeds).values()
    (single,) = interpret(graph, feeds, np.float64).values()
    assert not wanted.misses(single.astype(np.float32))
    count = feeds["y"].size
    assert wanted.misses(single * (count - 1) / count)
    one = {key: array[:2] for key, array in feeds.items()}
    assert wanted.misses(interpret(graph, one, np.float64)[name + "_1"])
    feeds["y"].flat[7] = 4 - feeds["y"].flat[7]
    assert wanted.misses(interpret(graph, feeds, np.float64)[name + "_1"])


def test_infinities_and_nan_must_be_met():
    wanted = Expected(np.array([np.nan, np.inf, -np.inf, 1e39, 1.0]), np.full(5, 1e-7))
    assert not wanted.misses(np.array([np.nan, np.inf, -np.inf, np.inf, 1.0], np.float32)).any()
    assert wanted.misses(np.array([0.0, np.nan, np.inf, -np.inf, np.nan], np.float32)).all()


def test_every_operator_with_native_code_has_a_bound():
    native = {name for name, record in REGISTRY.items() if record.scalar is not None} | ANCHORS
    assert native - {"input", "fused"} <= RULES.keys()
    assert set(ALGORITHMS) <= set(LOWERINGS)


def test_what_float32_cannot_hold_may_be_nothing():
    """Even where a share of it is nothing in float64 too."""
    net = Net()
    graph = net.output(net.chain(net.input("x", features(3)), stage("softmax")))
    far = np.array([[0, -735, -60]], np.float32)
    (wanted,) = expected(graph, {"x": far}).values()
    assert 0 < wanted.exact[0, 1] < 1e-318
    assert not wanted.misses(np.array([[1, 0, np.exp(-60)]], np.float32)).any()
    assert wanted.misses(np.array([[1, 1e-30, 0]], np.float32)).tolist() == [[False, True, True]]


def test_a_divisor_that_may_be_nothing():
    """gelu far below zero is nothing in float32, and not quite in float64."""
    net = Net()
    y = net.chain(net.input("x", features(2)), stage("gelu"))
    graph = net.output(net.apply(bind(REGISTRY["div"], {"left": -2.0}), y).output)
    (wanted,) = expected(graph, {"x": np.array([[-6, 1]], np.float32)}).values()
    assert not wanted.misses(np.array([[np.inf, -2 / 0.8413447]], np.float32)).any()
    assert wanted.misses(np.array([[np.nan, np.inf]], np.float32)).tolist() == [[False, True]]


def test_doubt_about_a_divisor_is_handed_on():
    net = Net()
    y = net.chain(net.input("x", features(2)), stage("gelu"))
    graph = net.output(net.chain(net.apply(bind(REGISTRY["div"], {}), y, y).output, stage("abs")))
    (wanted,) = expected(graph, {"x": np.array([[-6, 1]], np.float32)}).values()
    assert not wanted.misses(np.array([[np.nan, 1]], np.float32)).any()
    assert wanted.misses(np.array([[np.nan, np.nan]], np.float32)).tolist() == [[False, True]]


def test_numbers_past_float32_are_alike_to_argmax():
    net = Net()
    graph = net.output(net.chain(net.input("x", features(4)), stage("exp"), stage("argmax")))
    (wanted,) = expected(graph, {"x": np.array([[1, 100, 200, 0], [1, 80, 60, 0]], np.float32)}).values()
    assert wanted.exact.tolist() == [2, 1]
    assert not wanted.misses(np.array([1, 1])).any()
    assert wanted.misses(np.array([1, 0])).tolist() == [False, True]


@pytest.mark.parametrize(
    ("weights", "allowed"),
    [
        ([1, 1, 1], [np.inf]),
        ([1, -1, 0], [np.inf, -np.inf, np.nan, 0]),  # infinity less infinity
        ([0, 0, 1], [np.inf, np.nan, 1]),  # infinity times nothing
        ([0, 1e-30, 1], [np.inf, np.nan, 1]),  # a product of float32, were its factor one
        ([-1, 0.5, -1e-3], [-np.inf, np.nan]),
    ],
)
def test_sums_of_what_float32_does_not_hold(weights: list[float], allowed: list[float]):
    net = Net()
    graph = net.output(net.chain(net.input("x", features(3)), stage("exp"), stage("dense", units=1, bias=False)))
    graph = graph.bind(dict.fromkeys(graph.params, np.array([weights], np.float32)))
    (wanted,) = expected(graph, {"x": np.array([[200, 100, 0]], np.float32)}).values()
    for number in allowed:
        assert not wanted.misses(np.array([[number]], np.float32)).any(), number


def test_infinities_of_one_sign_stay_infinite():
    """Nothing is let through that IEEE does not make."""
    net = Net()
    graph = net.output(net.chain(net.input("x", features(3)), stage("exp"), stage("dense", units=1, bias=False)))
    graph = graph.bind(dict.fromkeys(graph.params, np.array([[1, 2, -1]], np.float32)))
    (wanted,) = expected(graph, {"x": np.array([[200, 100, 0]], np.float32)}).values()
    assert not wanted.misses(np.array([[np.inf]], np.float32)).any()
    for number in (-np.inf, np.nan, 1e38):
        assert wanted.misses(np.array([[number]], np.float32)).all(), number


def test_infinities_of_the_input_leave_no_doubt():
    net = Net()
    graph = net.output(net.chain(net.input("x", features(3)), stage("dense", units=1, bias=False)))
    graph = graph.bind(dict.fromkeys(graph.params, np.array([[1, 1, 0]], np.float32)))
    for x, right in ([np.inf, -np.inf, 1], np.nan), ([np.inf, 1, 1], np.inf), ([1, 1, np.inf], np.nan):
        (wanted,) = expected(graph, {"x": np.array([x], np.float32)}).values()
        for number in (np.nan, np.inf, -np.inf, 0.0):
            same = number == right or (np.isnan(number) and np.isnan(right))
            assert wanted.misses(np.array([[number]], np.float32)).item() != same, (x, number)


@pytest.mark.parametrize("name", ["mul", "div"])
def test_errors_of_both_operands_meet(name: str):
    """A sum that cancels to 0 but for its error, times another such, or over a number that has an error too."""
    error = np.array([1e-7])
    second = Expected(np.array([0.0 if name == "mul" else 2e-7]), error)
    net = Net()
    a, b = net.input("a", features(1)), net.input("b", features(1))
    node = net.apply(stage(name), a, b)
    (wanted,) = expected_of(node, [Expected(np.array([0.0]), error), second], {})
    ends = [(0 + s * error) / (2e-7 + t * error) if name == "div" else error * error for s in (1, -1) for t in (1, -1)]
    assert not wanted.misses(np.array(ends)).any()
    assert wanted.misses(3 * np.abs(ends).max(initial=0, keepdims=True)).all()
