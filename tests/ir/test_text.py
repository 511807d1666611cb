"""How a graph prints."""

import cnnc.compiler.ops  # noqa: F401  fills the registry
from cnnc.compiler.frontend.read import read
from cnnc.compiler.ir.graph import Graph, Node, Param, Value
from cnnc.compiler.ir.operator import REGISTRY, Operator, bind
from cnnc.compiler.ir.structure import Fused, Input, Parameter
from cnnc.compiler.ir.text import show
from cnnc.compiler.ir.types import BATCH, Dim, Type
from cnnc.compiler.ir.verify import verify

IMAGE = Type("f32", (Dim.letter(BATCH), 4, 6, 6))


def stage(name: str, **attributes: object) -> Operator:
    return bind(REGISTRY[name], attributes)


def apply(graph: Graph, name: str, op: Operator, *operands: Value, prefix: str = "") -> Value:
    """Add a node of one output, with weights of its own under a prefix."""
    types = [value.type for value in operands]
    specs = op.params(*types)
    graph.params.update({f"{prefix}.{role}": Param(Type("f32", spec.shape)) for role, spec in specs.items()})
    type = op.infer(*types)
    assert isinstance(type, Type)
    weights = {role: f"{prefix}.{role}" for role in specs}
    return graph.add(Node(op, (Value(name, type),), weights), operands).output


def every_form() -> Graph:
    """One node of each kind that the text tells apart."""
    graph = Graph("Forms")
    pixels = graph.add_input(Value("pixels", IMAGE.with_dtype("u8")), Input("u8"))
    graph.params["block_1.gamma"] = Param(Type("f32", (4, 1, 1)))
    gamma = Value("gamma", Type("f32", (4, 1, 1)))
    graph.add(Node(Parameter((4, 1, 1), 1e-6), (gamma,), {"value": "block_1.gamma"}))
    x = apply(graph, "x", stage("scale", k=1 / 255), pixels)
    conv = apply(graph, "c", stage("conv", channels=4, kernel=(3, 1), pad=(1, 0), groups=2), x, prefix="block_1.c")
    sides = Value("p", IMAGE.with_shape(2, 6, 6)), Value("q", IMAGE.with_shape(2, 6, 6))
    graph.add(Node(stage("split", parts=2), sides), [conv])
    joined = apply(graph, "joined", stage("concat"), *sides)
    less = apply(graph, "less", stage("sub", right=1.0), joined)
    more = apply(graph, "more", stage("div", left=-2.0), less)
    scaled = apply(graph, "scaled", bind(REGISTRY["sub"], {}), more, gamma)
    total = apply(graph, "total", stage("add"), scaled, x)
    alone = apply(graph, "alone", stage("concat"), total)
    body = Graph("act_region")
    inside = body.add_input(alone, Input("f32"))
    act = apply(body, "act", stage("prelu"), inside, prefix="act")
    graph.params |= body.params
    body.params, body.outputs = {}, {"act": act}
    graph.add(Node(Fused(), (act,), body=body), [alone])
    graph.outputs = {"act": act, "also": conv}
    return graph


def test_every_form_of_the_text():
    graph = every_form()
    verify(graph)
    assert read(show(graph), graph.params) == graph
    assert show(graph) == (
        """\
block act_region {
  input alone: f32[N, 4, 6, 6]
  act: f32[N, 4, 6, 6] = alone -> prelu as "act"
  output act
}

model Forms {
  input pixels: u8[N, 4, 6, 6]
  param gamma: f32[4, 1, 1] = 1e-6 as "block_1.gamma"
  x: f32[N, 4, 6, 6] = pixels -> scale(0.00392156862745098)
  c: f32[N, 4, 6, 6] = x -> conv(4, (3, 1), pad=(1, 0), groups=2) as "block_1.c"
  p, q = c -> split(2)
  joined: f32[N, 4, 6, 6] = (p, q) -> concat
  less: f32[N, 4, 6, 6] = joined - 1.0
  more: f32[N, 4, 6, 6] = -2.0 / less
  scaled: f32[N, 4, 6, 6] = more - gamma
  total: f32[N, 4, 6, 6] = (scaled, x) -> add
  alone: f32[N, 4, 6, 6] = total -> concat
  act: f32[N, 4, 6, 6] = alone -> act_region
  output act
  output also = c
}
"""
    )
