"""What depends on no input is computed once, whatever it is and whoever reads it."""

import numpy as np
from builder import IMAGE, Net, random_inputs, stage

from cnnc.compiler.interpreter import interpret
from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.ir.verify import verify
from cnnc.compiler.passes.fold_constants import FoldConstants
from cnnc.compiler.passes.fuse_epilogues import FuseEpilogues


def folded(graph: Graph) -> Graph:
    """Nothing but parameters is left of what depends on no input; all outputs are what they were."""
    result = FoldConstants().run(graph)
    verify(result)
    inputs = random_inputs(graph)
    before, after = interpret(graph, inputs, np.float64), interpret(result, inputs, np.float64)
    assert list(before) == list(after)
    for name, array in before.items():
        assert array.dtype == after[name].dtype
        np.testing.assert_allclose(after[name], array, rtol=0, atol=2**-24 * np.abs(array).max(), err_msg=name)
    left = [node for node in result.nodes() if not node.output.type.batched]
    assert {node.op.name for node in left} <= {"param"}
    return result


def test_outputs_stay_beside_their_readers():
    net = Net()
    g = net.param(4, 1, 1)
    doubled = net.chain(g, stage("scale", k=2))
    quadrupled = net.chain(doubled, stage("scale", k=2))
    net.output(doubled, quadrupled, net.apply(stage("mul"), net.input("x", IMAGE), doubled).output)
    result = folded(net.graph)
    assert [node.name for node in result.nodes() if node.op.name != "param"][-1] == "mul_1"


def test_parts_places_and_bytes():
    net = Net()
    g = net.param(1, 4, 6, 6)
    first, second = net.apply(stage("split", parts=2), g).outputs
    joined = net.apply(stage("concat"), second, first).output
    summed = net.apply(stage("add"), net.input("x", IMAGE), joined).output
    net.output(first, net.chain(second, stage("argmax")), net.chain(g, stage("scale", k=9), stage("to_u8")), summed)
    folded(net.graph)


def test_regions():
    net = Net()
    g = net.chain(net.param(1, 4, 8, 8), stage("conv", channels=4, kernel=3), stage("relu"))
    net.output(net.apply(stage("add"), net.input("x", IMAGE), net.chain(g, stage("tanh"))).output)
    fused = FuseEpilogues().run(net.graph)
    assert any(node.body is not None and not node.output.type.batched for node in fused.nodes())
    folded(fused)
