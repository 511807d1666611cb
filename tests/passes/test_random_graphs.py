"""No pass, in any company, changes a number, its argument, or what holds of every graph."""

import numpy as np
import pytest
from builder import Net, image, random_inputs, stage
from every_pass import PASSES
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from random_graphs import networks

from cnnc.compiler.frontend.read import read
from cnnc.compiler.interpreter import interpret
from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.ir.operator import Array
from cnnc.compiler.ir.text import show
from cnnc.compiler.ir.verify import verify
from cnnc.compiler.passes.base import Pass
from cnnc.compiler.passes.fuse_epilogues import ANCHORS, FuseEpilogues
from cnnc.compiler.passes.fuse_siblings import FuseSiblings


@given(networks(), st.lists(st.sampled_from([*PASSES, FuseSiblings(block=4)]), min_size=1, max_size=8))
@settings(deadline=None)
def test_passes_in_any_order_keep_the_numbers(net: Net, passes: list[Pass]):
    graph, inputs = net.graph, random_inputs(net.graph)
    verify(graph)
    values = interpret(graph, inputs, np.float64, keep=True)
    assume(_folds_exactly(graph, values))
    # A few dozen roundings, each of 2**-53 of the largest number met, which later layers may enlarge a thousand times.
    allowed = 1e-12 * max(1.0, *(float(np.abs(array).max()) for array in values.values()))
    before = interpret(graph, inputs, np.float64)
    for step in passes:
        text, given_params = show(graph), dict(graph.params)
        result = step.run(graph)
        verify(result)
        assert (show(graph), graph.params) == (text, given_params), f"{step.name} changed its argument"
        after = interpret(result, inputs, np.float64)
        assert after.keys() == before.keys()
        for name, array in before.items():
            assert_allclose(after[name], array, rtol=0, atol=allowed, err_msg=f"{step.name}: {name}")
        graph = result


def _folds_exactly(graph: Graph, values: dict[str, Array]) -> bool:
    """Whether float32 holds what is made of parameters alone; what it cannot hold, `fold_constants` would round."""
    constants = [
        value.name
        for node in graph.nodes()
        for value in node.outputs
        if all(isinstance(size, int) for size in value.type.shape)
    ]
    return all(np.array_equal(values[name], values[name].astype(np.float32)) for name in constants)


@given(networks())
@settings(deadline=None)
def test_a_second_run_finds_nothing(net: Net):
    """Each pass does all its work at once."""
    graph = net.graph
    for step in PASSES:
        graph = step.run(graph)
        assert show(step.run(graph)) == show(graph), step.name


@given(networks())
@settings(deadline=None)
def test_a_region_is_an_anchor_and_elementwise_operators_of_one_shape(net: Net):
    for node in FuseEpilogues().run(net.graph).nodes("fused"):
        assert node.body is not None
        first, *rest = (inner for inner in node.body.nodes() if inner.op.name != "input")
        assert rest and (first.op.scalar is not None or first.op.name in ANCHORS)
        assert all(inner.op.scalar is not None for inner in rest)
        assert {inner.output.type.shape for inner in (first, *rest)} == {node.output.type.shape}
        assert all(inner.output.type.dtype == "f32" for inner in (first, *rest[:-1]))


@pytest.mark.parametrize(
    ("sizes", "fused"),
    [((4, 6, 6), True), ((4, 1, 1), True), ((1, 1, 1), False), ((4, 1, 6), False), ((1, 6, 6), False)],
)
def test_regions_read_tensors_of_their_shape_or_a_number_a_channel_or_one(sizes: tuple[int, ...], fused: bool):
    net = Net()
    x, other = net.input("x", image(4, 6, 6)), net.input("other", image(*sizes))  # type: ignore[arg-type]
    net.output(net.apply(stage("add"), net.chain(x, stage("maxpool", kernel=1)), other).output)
    assert any(node.body is not None for node in FuseEpilogues().run(net.graph).nodes()) == fused


def test_regions_end_and_others_go_on():
    """Of 200 operators in a row no kernel has more than 64."""
    net = Net()
    net.output(net.chain(net.input("x", image(4, 6, 6)), stage("conv", channels=4, kernel=3), *[stage("tanh")] * 200))
    graph = FuseEpilogues().run(net.graph)
    regions = [[n.op.name for n in node.body.nodes() if n.op.name != "input"] for node in graph.nodes() if node.body]
    assert [len(region) for region in regions] == [9, 64, 64, 64]
    assert regions[0][0] == "conv"


@given(networks())
@settings(deadline=None)
def test_the_text_reads_back_to_the_same_graph(net: Net):
    graph = net.graph
    for step in PASSES:
        graph = step.run(graph)
        graph.drop_unused_params()  # the text knows only the weights that nodes name
        again = read(show(graph), graph.params)
        assert again == graph
        verify(again)
