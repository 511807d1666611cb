"""Batchnorm in the weights of every layer: after it, before it, in groups, with weights that others use."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from builder import IMAGE, Net, random_inputs, stage, with_random_weights

from cnnc.compiler.interpreter import interpret
from cnnc.compiler.ir.deferred import Deferred
from cnnc.compiler.ir.graph import Graph, Value
from cnnc.compiler.ir.operator import Array
from cnnc.compiler.ir.types import BATCH, Dim, Type
from cnnc.compiler.passes.fold_batchnorm import FoldBatchnorm

FEATURES = Type("f32", (Dim.letter(BATCH), 4))
LAYERS = {
    "conv": (IMAGE, {"channels": 6, "kernel": 3}),
    "conv without bias": (IMAGE, {"channels": 6, "kernel": 3, "bias": False}),
    "conv in groups": (IMAGE, {"channels": 6, "kernel": 3, "stride": 2, "groups": 2}),
    "conv of literals": (IMAGE, {"channels": 2, "kernel": 3, "weight": [[1, 2, 3], [4, 5, 6], [7, 8, 9]]}),
    "depthwise": (IMAGE, {"kernel": 3, "dilation": 2}),
    "depthwise without bias": (IMAGE, {"kernel": 3, "bias": False}),
    "conv_transpose": (IMAGE, {"channels": 6, "kernel": 3, "stride": 2}),
    "conv_transpose in groups": (IMAGE, {"channels": 6, "kernel": 2, "groups": 2, "bias": False}),
    "dense": (FEATURES, {"units": 5}),
}


def norm_after(kind: str) -> tuple[Net, Value]:
    net, (type, attributes) = Net(), LAYERS[kind]
    layer = net.apply(stage(kind.split()[0], **attributes), net.input("x", type))
    return net, net.apply(stage("batchnorm"), layer.output).output


def norm_before(kind: str) -> tuple[Net, Value]:
    net, (type, attributes) = Net(), LAYERS[kind]
    norm = net.apply(stage("batchnorm"), net.input("x", type))
    return net, net.apply(stage(kind.split()[0], **attributes), norm.output).output


def magnitudes(graph: Graph, inputs: dict[str, Array]) -> Array:
    """The sum of |x||w| and |b| for each output of a graph of one layer."""
    absolute = graph.copy()
    absolute.params = {name: replace(p, data=np.abs(np.asarray(p.data))) for name, p in graph.params.items()}
    return interpret(absolute, {name: np.abs(x) for name, x in inputs.items()}, np.float64)["y"]


# Not before a transposed convolution: its border pixels take fewer taps, so a shift before it is no constant after it.
CASES = [(norm_after, kind) for kind in LAYERS] + [(norm_before, k) for k in LAYERS if "transpose" not in k]


@pytest.mark.parametrize(("order", "kind"), CASES)
def test_the_folded_layer_is_right_to_half_a_bit_of_its_weights(order: Any, kind: str):
    net, y = order(kind)
    net.graph.outputs = {"y": y}
    graph, inputs = with_random_weights(net.graph), random_inputs(net.graph)
    folded = FoldBatchnorm().run(graph)
    assert len(folded.nodes()) == 2
    before, after = (interpret(g, inputs, np.float64)["y"] for g in (graph, folded))
    # Storing w and b as float32 changes each by at most 2**-24 of itself; the last term is for float64's own rounding.
    assert np.all(
        np.abs(after - before) <= (2**-24 + 1e-14) * magnitudes(folded, inputs) + 1e-14 * np.abs(before).max()
    )


@pytest.mark.parametrize(("order", "kind"), CASES)
def test_rows_are_the_whole_weights(order: Any, kind: str):
    net, y = order(kind)
    net.graph.outputs = {"y": y}
    folded = FoldBatchnorm().run(with_random_weights(net.graph))
    (weight,) = (param.data for param in folded.params.values() if isinstance(param.data, Deferred))
    whole = np.asarray(weight)
    for start in range(len(whole)):
        for stop in range(start + 1, len(whole) + 1):
            np.testing.assert_array_equal(weight[start:stop], whole[start:stop], strict=True)
    np.testing.assert_array_equal(weight[1 : len(whole) + 5], whole[1:], strict=True)  # as a slice of an array ends


def kept(net: Net) -> bool:
    return len(FoldBatchnorm().run(net.graph).nodes("batchnorm")) == 1


def test_not_before_a_padded_convolution():
    """The rim of zeros comes after the batchnorm."""
    net = Net()
    norm = net.apply(stage("batchnorm"), net.input("x"))
    net.graph.outputs = {"y": net.apply(stage("conv", channels=4, kernel=3, pad=1), norm.output).output}
    assert kept(net)


def test_not_where_the_layer_has_another_reader():
    net = Net()
    conv = net.apply(stage("conv", channels=4, kernel=1), net.input("x"))
    norm = net.apply(stage("batchnorm"), conv.output)
    net.graph.outputs = {"y": net.apply(stage("add"), conv.output, norm.output).output}
    assert kept(net)


def test_not_where_the_layer_is_an_output():
    net = Net()
    conv = net.apply(stage("conv", channels=4, kernel=1), net.input("x"))
    net.graph.outputs = {"y": net.apply(stage("batchnorm"), conv.output).output, "z": conv.output}
    assert kept(net)


def test_not_without_numbers():
    net, y = norm_after("conv")
    net.graph.outputs = {"y": y}
    net.graph.params = {name: replace(param, data=None) for name, param in net.graph.params.items()}
    assert kept(net)


def test_not_where_a_weight_would_overflow():
    net, y = norm_after("conv")
    net.graph.outputs = {"y": y}
    for role, number in (("weight", 3e38), ("running_var", 1e-30)):
        name = f"w.batchnorm.{role}"
        net.graph.params[name] = replace(net.graph.params[name], data=np.full((6,), number, np.float32))
    assert kept(net)


@pytest.mark.parametrize("number", [3e38, -3e38, np.inf, np.nan])
@pytest.mark.parametrize("order", [norm_after, norm_before])
def test_not_where_a_single_number_would_overflow(order: Any, number: float):
    net, y = order("conv in groups")
    net.graph.outputs = {"y": y}
    numbers = {role: np.ones_like(net.graph.params[f"w.{role}"].data) for role in ("conv.weight", "batchnorm.weight")}
    numbers["batchnorm.weight"] *= 4
    net.graph = net.graph.bind({f"w.{role}": data for role, data in numbers.items()})
    assert not kept(net)
    numbers["conv.weight"][4, 0, 1, 2] = number
    assert kept(net)


def test_shared_weights_stay_as_they_were():
    net = Net()
    x, z = net.input("x"), net.input("z")
    first = net.apply(stage("conv", channels=4, kernel=1), x)
    second = net.apply(first.op, z, like=first)
    net.graph.outputs = {"a": net.apply(stage("batchnorm"), first.output).output, "b": second.output}
    folded = FoldBatchnorm().run(net.graph)
    mine, theirs = folded.nodes("conv")
    assert dict(theirs.weights) == dict(second.weights)
    assert dict(mine.weights) == {"weight": "w.conv_2.weight", "bias": "w.conv_2.bias"}
    assert folded.params["w.conv.weight"].data is net.graph.params["w.conv.weight"].data
