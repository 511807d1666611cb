"""No pass, in any company, changes a number, its argument, or what holds of every graph."""

import numpy as np
from cnnc.compiler.interpreter import interpret
from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.ir.operator import Array
from cnnc.compiler.ir.text import show
from cnnc.compiler.ir.verify import verify
from cnnc.compiler.passes.base import Pass
from cnnc.compiler.passes.fuse_siblings import FuseSiblings
from every_pass import PASSES
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from random_graphs import Net, networks, random_inputs


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
