"""Programs made at random, through the whole pipeline, with passes left out at random."""

import pytest
from builder import Net, random_inputs, with_random_weights
from harness import assert_right, compile_native, every_way, truth
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from random_graphs import networks
from random_programs import Way, cpus, hold_program, passes, programs, ways

from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.ir.operator import REGISTRY, Array

SOME = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
MANY = settings(SOME, max_examples=200)


def hold_network(net: Net, cpu: str, disabled: frozenset[str], exact_weights: bool) -> None:
    """Weights of few bits, whose products are exact, or normal ones."""
    graph = net.graph if exact_weights else with_random_weights(net.graph)
    inputs: dict[str, Array] = {
        value.name: random_inputs(graph)[value.name].astype("u1" if value.type.dtype == "u8" else "f4")
        for value in graph.inputs
    }
    native = compile_native(graph, cpu, disabled)
    assert_right(every_way(native, inputs), truth(native, inputs))


@SOME
@given(programs(), ways)
def test_programs(graph: Graph, way: Way):
    hold_program(graph, way)


@SOME
@given(networks(), cpus, passes, st.booleans())
def test_networks(net: Net, cpu: str, disabled: frozenset[str], exact_weights: bool):
    hold_network(net, cpu, disabled, exact_weights)


@pytest.mark.slow
@MANY
@given(programs(), ways)
def test_many_programs(graph: Graph, way: Way):
    hold_program(graph, way)


@pytest.mark.slow
@MANY
@given(networks(), cpus, passes, st.booleans())
def test_many_networks(net: Net, cpu: str, disabled: frozenset[str], exact_weights: bool):
    hold_network(net, cpu, disabled, exact_weights)


@pytest.mark.slow
def test_every_operator_is_drawn():
    """In programs of every length, on tensors of up to six axes, of every type."""
    drawn: list[Graph] = []

    @settings(SOME, max_examples=1500, derandomize=True, database=None, phases=[Phase.generate])
    @given(programs())
    def draw(graph: Graph) -> None:
        drawn.append(graph)

    draw()
    nodes = [node for graph in drawn for node in graph.nodes()]
    assert {node.op.name for node in nodes} == REGISTRY.keys() - {"fused"}
    assert {(value.type.dtype, value.type.rank) for node in nodes for value in node.outputs} >= {
        *(("f32", rank) for rank in range(7)), *(("i64", rank) for rank in range(1, 7)), ("u8", 2), ("u8", 4),
    }  # fmt: skip
    assert {len([node for node in graph.nodes() if graph.operands(node)]) for graph in drawn} == set(range(21))
