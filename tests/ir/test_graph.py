"""The graph's own promises: order, copies, replacing, removing."""

import pytest

import cnnc.compiler.ops  # noqa: F401  fills the registry
from cnnc.compiler.ir.graph import Graph, Node, Param, Value
from cnnc.compiler.ir.operator import REGISTRY, bind
from cnnc.compiler.ir.structure import Input
from cnnc.compiler.ir.types import BATCH, Dim, Type

IMAGE = Type("f32", (Dim.letter(BATCH), 4, 6, 6))
RELU, ADD = bind(REGISTRY["relu"], {}), bind(REGISTRY["add"], {})


def node(name: str, op=RELU) -> Node:
    return Node(op, (Value(name, IMAGE),))


def diamond() -> tuple[Graph, dict[str, Value]]:
    """x -> a, x -> b, (a, b, a) -> c."""
    graph = Graph("Diamond")
    x = graph.add_input(Value("x", IMAGE), Input("f32"))
    a, b = graph.add(node("a"), [x]).output, graph.add(node("b"), [x]).output
    c = graph.add(node("c", ADD), [a, b, a]).output
    graph.outputs = {"c": c}
    return graph, {value.name: value for value in (x, a, b, c)}


def listed(graph: Graph) -> list[str]:
    return [n.name for n in graph.nodes()]


def test_nodes_are_listed_in_the_order_of_their_making_operands_first():
    graph, _ = diamond()
    assert listed(graph) == ["x", "a", "b", "c"]


def test_before_places_a_node():
    graph, values = diamond()
    for name in ("d", "e"):
        graph.add(node(name), [values["x"]], before=graph.producer(values["b"]))
    assert listed(graph) == ["x", "a", "d", "e", "b", "c"]


def test_one_value_may_be_several_operands():
    graph, values = diamond()
    assert [v.name for v in graph.operands(graph.producer(values["c"]))] == ["a", "b", "a"]
    assert sorted((n.name, i) for n, i in graph.readers(values["a"])) == [("c", 0), ("c", 2)]
    assert graph.sole_reader(values["a"]) is None


def test_uses_are_replaced_in_place():
    graph, values = diamond()
    graph.replace_uses(values["a"], values["b"])
    assert [v.name for v in graph.operands(graph.producer(values["c"]))] == ["b", "b", "b"]
    assert not graph.is_needed(graph.producer(values["a"]))


def test_an_output_may_be_replaced():
    graph, values = diamond()
    graph.replace_uses(values["c"], values["b"])
    assert graph.outputs == {"c": values["b"]}


@pytest.mark.parametrize(("name", "why"), [("a", "a is still read"), ("c", "c is an output")])
def test_what_is_needed_cannot_be_removed(name: str, why: str):
    graph, values = diamond()
    with pytest.raises(ValueError, match=why):
        graph.remove([graph.producer(values[name])])


def test_a_copy_is_its_own():
    graph, values = diamond()
    other = graph.copy()
    other.replace_uses(values["a"], values["b"])
    other.remove([other.producer(values["a"])])
    assert listed(graph) == ["x", "a", "b", "c"]
    assert listed(other) == ["x", "b", "c"]
    assert graph != other and graph == diamond()[0]


def test_names_and_prefixes_are_fresh():
    graph, _ = diamond()
    graph.params = {"conv.weight": Param(IMAGE), "gamma": Param(IMAGE)}
    assert (graph.fresh("a"), graph.fresh("z")) == ("a_2", "z")
    assert [graph.fresh_prefix(p) for p in ("conv", "gamma", "con")] == ["conv_2", "gamma_2", "con"]


def test_a_cycle_is_found():
    graph, values = diamond()
    assert graph.cycle() == []
    graph.swap(graph.producer(values["a"]), [values["c"]])
    assert sorted(n.name for n in graph.cycle()) == ["a", "c"]
