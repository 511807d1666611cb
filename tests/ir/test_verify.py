"""Every rule of the verifier, broken on purpose."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import cnnc.compiler.ops  # noqa: F401  fills the registry
from cnnc.compiler.diagnostics import Source, Span
from cnnc.compiler.ir.graph import Graph, Node, Param, Value
from cnnc.compiler.ir.structure import Fused, Input
from cnnc.compiler.ir.types import BATCH, Dim, Type
from cnnc.compiler.ir.verify import RULES, verify
from cnnc.compiler.ops.activation import Relu
from cnnc.compiler.ops.conv import Conv
from cnnc.runtime.errors import InternalError

N = Dim.letter(BATCH)
IMAGE = Type("f32", (N, 3, 8, 8))
RESULT = Type("f32", (N, 4, 6, 6))
PLACE = Span(Source("net.cnn", "y = x -> conv(4, 3)"), 4, 19)


def sound() -> Graph:
    """x -> conv -> relu, the relu a region of its own."""
    graph = Graph("Net")
    x = graph.add_input(Value("x", IMAGE), Input("f32"))
    conv = Node(Conv(4, (3, 3), bias=True), (Value("c", RESULT),), {"weight": "c.weight", "bias": "c.bias"})
    graph.add(replace(conv, spans=(PLACE,)), [x])
    graph.params = {"c.weight": Param(Type("f32", (4, 3, 3, 3))), "c.bias": Param(Type("f32", (4,)))}
    body = Graph("r_region")
    inside = body.add_input(conv.output, Input("f32"))
    relu = body.add(Node(Relu(), (Value("r", RESULT),)), [inside])
    body.outputs = {"r": relu.output}
    graph.add(Node(Fused(), (relu.output,), body=body), [conv.output])
    graph.outputs = {"y": relu.output}
    return graph


def node(graph: Graph, name: str) -> Node:
    return next(n for n in graph.nodes() if n.name == name)


def region(graph: Graph) -> Graph:
    body = node(graph, "r").body
    assert body is not None
    return body


def cyclic(graph: Graph) -> None:
    graph.swap(node(graph, "c"), [node(graph, "r").output])


def reserved_name(graph: Graph) -> None:
    graph.add(Node(Relu(), (Value("output", RESULT),)), [node(graph, "c").output])


def operator_name(graph: Graph) -> None:
    graph.add(Node(Relu(), (Value("relu", RESULT),)), [node(graph, "c").output])


def dotted_name(graph: Graph) -> None:
    graph.add(Node(Relu(), (Value("block.relu", RESULT),)), [node(graph, "c").output])


def stale_edge(graph: Graph) -> None:
    graph.swap(node(graph, "r"), [Value("c", IMAGE)])


def missing_operand(graph: Graph) -> None:
    graph.nx.remove_edge("c", "r", key=0)
    graph.nx.add_edge("c", "r", key=1, value=node(graph, "c").output)


def too_many_operands(graph: Graph) -> None:
    graph.swap(node(graph, "c"), [graph.inputs[0], graph.inputs[0]])


def too_many_outputs(graph: Graph) -> None:
    graph.add(Node(Relu(), (Value("a", RESULT), Value("b", RESULT))), [node(graph, "c").output])


def batch_among_the_sizes(graph: Graph) -> None:
    graph.add_input(Value("z", Type("f32", (1, N))), Input("f32"))


def free_height(graph: Graph) -> None:
    graph.add_input(Value("z", Type("f32", (N, 3, Dim.letter("H"), 8))), Input("f32"))


def forgotten_input(graph: Graph) -> None:
    graph.inputs = ()


def input_of_another_type(graph: Graph) -> None:
    graph.add_input(Value("z", IMAGE), Input("u8"))


def no_output(graph: Graph) -> None:
    graph.outputs = {}


def foreign_output(graph: Graph) -> None:
    graph.outputs["other"] = Value("other", RESULT)


def wrong_type(graph: Graph) -> None:
    graph.add(Node(Relu(), (Value("a", IMAGE),)), [node(graph, "c").output])


def refused_operand(graph: Graph) -> None:
    graph.add(Node(Conv(4, (9, 9)), (Value("a", RESULT),)), [graph.inputs[0]])


def role_without_weight(graph: Graph) -> None:
    graph.swap(node(graph, "c"), weights={"weight": "c.weight"})


def weight_without_parameter(graph: Graph) -> None:
    del graph.params["c.bias"]


def misshaped_weight(graph: Graph) -> None:
    graph.params["c.weight"] = Param(Type("f32", (4, 3, 5, 5)))


def weights_of_two_prefixes(graph: Graph) -> None:
    graph.params["d.bias"] = graph.params["c.bias"]
    graph.swap(node(graph, "c"), weights={"weight": "c.weight", "bias": "d.bias"})


def misshaped_data(graph: Graph) -> None:
    graph.params["c.bias"] = Param(Type("f32", (4,)), data=np.zeros((5,), np.float32))


def region_without_body(graph: Graph) -> None:
    graph.swap(node(graph, "r"), body=None)


def body_of_other_operands(graph: Graph) -> None:
    graph.swap(node(graph, "r"), [graph.inputs[0]])


def body_of_another_value(graph: Graph) -> None:
    region(graph).outputs = {"c": region(graph).inputs[0]}


def unsound_body(graph: Graph) -> None:
    body = region(graph)
    body.add(Node(Relu(), (Value("a", IMAGE),)), body.inputs)


BREAKERS: dict[str, list[Callable[[Graph], None]]] = {
    "acyclic": [cyclic],
    "names": [reserved_name, operator_name, dotted_name],
    "edges": [stale_edge],
    "operands": [missing_operand],
    "arity": [too_many_operands, too_many_outputs],
    "sizes": [batch_among_the_sizes, free_height],
    "inputs": [forgotten_input, input_of_another_type],
    "outputs": [no_output, foreign_output],
    "types": [wrong_type, refused_operand, unsound_body],
    "weights": [role_without_weight, weight_without_parameter, misshaped_weight, weights_of_two_prefixes],
    "data": [misshaped_data],
    "regions": [region_without_body, body_of_other_operands, body_of_another_value],
}


@pytest.mark.parametrize(("rule", "breaker"), [(rule, b) for rule, breakers in BREAKERS.items() for b in breakers])
def test_a_broken_rule_is_named(rule: str, breaker: Callable[[Graph], None]):
    graph = sound()
    verify(graph)
    breaker(graph)
    with pytest.raises(InternalError, match=f"breaks the rule {rule} "):
        verify(graph)


def test_every_rule_is_broken_once():
    assert [rule.__name__ for rule in RULES] == list(BREAKERS)


def test_the_message_names_node_rule_and_place():
    graph = sound()
    role_without_weight(graph)
    with pytest.raises(InternalError) as error:
        verify(graph)
    assert str(error.value) == (
        "`c` in `Net` breaks the rule weights (A node names a weight for each role of its record, `prefix.role`, "
        "of the shape that the record asks for): it has the weights ['weight'], the record ['bias', 'weight'], "
        "made from net.cnn:1:5"
    )


def test_sizes_may_be_free_before_they_are_bound():
    graph = sound()
    free_height(graph)
    verify(graph, free=True)
