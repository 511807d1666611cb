"""The interpreter on small graphs built by hand."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import cnnc.compiler.ops  # noqa: F401  fills the registry
from cnnc.compiler.interpreter import interpret
from cnnc.compiler.ir.graph import Graph, Node, Param, Value
from cnnc.compiler.ir.operator import REGISTRY, bind
from cnnc.compiler.ir.structure import Fused, Input, Parameter
from cnnc.compiler.ir.types import Dim, DType, Type
from cnnc.runtime.errors import InputError, WeightsError

N = Dim.letter("N")


class Sketch:
    """A graph under construction: `sketch("relu", x)` adds a node and gives its value."""

    def __init__(self, name: str = "M"):
        self.graph = Graph(name)

    def input(self, name: str, *shape: int, dtype: DType = "f32") -> Value:
        return self.graph.add_input(Value(name, Type(dtype, (N, *shape))), Input(dtype))

    def __call__(self, name: str, *operands: Value, called: str = "", weights=(), **attributes) -> Any:
        op = bind(REGISTRY[name], attributes)
        types = op.infer(*(value.type for value in operands))
        called = called or self.graph.fresh(f"{name}_1")
        if isinstance(types, tuple):
            values = tuple(Value(f"{called}_{k}", t) for k, t in enumerate(types))
            return self.graph.add(Node(op, values), operands).outputs
        roles = zip(op.params(*(value.type for value in operands)), weights, strict=True)
        node = Node(op, (Value(called, types),), dict(roles))
        return self.graph.add(node, operands).output

    def param(self, name: str, data) -> str:
        data = np.asarray(data, np.float32)
        self.graph.params[name] = Param(Type("f32", data.shape), data=data)
        return name

    def output(self, **values: Value) -> Graph:
        self.graph.outputs.update(values)
        return self.graph


def test_values_flow_from_inputs_to_outputs():
    s = Sketch()
    x = s.input("x", 2)
    weight, bias = s.param("w", [[1, 2], [3, 4], [5, 6]]), s.param("b", [1, 0, -100])
    graph = s.output(y=s("relu", s("dense", x, units=3, weights=[weight, bias])))
    got = interpret(graph, {"x": np.array([[1, 1], [2, 0]])})
    assert_array_equal(got["y"], [[4, 7, 0], [3, 6, 0]])
    assert got["y"].dtype == np.float32


def test_bytes_are_worked_on_as_numbers_and_come_out_as_declared():
    s = Sketch()
    photo = s.input("photo", 1, 1, 2, dtype="u8")
    bright = s("scale", photo, k=2)
    back = s("to_u8", bright)
    best = s("argmax", s("flatten", bright))
    graph = s.output(bright=bright, back=back, best=best)
    got = interpret(graph, {"photo": np.array([[[[100, 200]]]], np.uint8)}, np.float64)
    assert_array_equal(got["bright"].ravel(), [200, 400])
    assert_array_equal(got["back"].ravel(), [200, 255])
    assert [got[name].dtype for name in ("bright", "back", "best")] == [np.float64, np.uint8, np.int64]


def test_operands_keep_their_order_and_may_be_the_same():
    s = Sketch()
    x, y = s.input("x", 2), s.input("y", 2)
    graph = s.output(gap=s("sub", y, x), square=s("mul", x, x))
    got = interpret(graph, {"x": np.array([[1.0, 2.0]]), "y": np.array([[5.0, 5.0]])})
    assert_array_equal(got["gap"], [[4, 3]])
    assert_array_equal(got["square"], [[1, 4]])


def test_several_outputs_of_a_node_and_an_output_that_is_read_again():
    s = Sketch()
    x = s.input("x", 4)
    a, b = s("split", x, parts=[1, 3])
    total = s("sum", b, axis=1, keep=True)
    graph = s.output(b=b, y=s("add", a, total), x=x)
    got = interpret(graph, {"x": np.array([[1.0, 2.0, 3.0, 4.0]])})
    assert_array_equal(got["b"], [[2, 3, 4]])
    assert_array_equal(got["y"], [[10]])
    assert_array_equal(got["x"], [[1, 2, 3, 4]])


def test_a_param_has_no_batch_and_broadcasts():
    s = Sketch()
    x = s.input("x", 2, 1, 1)
    s.param("gamma", np.reshape([10, 20], (2, 1, 1)))
    gamma = s.graph.add(Node(Parameter((2, 1, 1)), (Value("g", Type("f32", (2, 1, 1))),), {"value": "gamma"})).output
    graph = s.output(y=s("mul", gamma, x))
    got = interpret(graph, {"x": np.arange(6.0).reshape(3, 2, 1, 1)})
    assert_array_equal(got["y"].reshape(3, 2), [[0, 20], [20, 60], [40, 100]])


def region() -> Graph:
    """x -> fused { dense -> relu }, its weights in the outer graph."""
    body = Sketch("body")
    inner = body("dense", body.input("x", 2), called="inner", units=1, weights=["w", "b"])
    body.output(y=body("relu", inner, called="y"))
    s = Sketch()
    x = s.input("x", 2)
    s.param("w", [[1, -1]])
    s.param("b", [0.5])
    y = s.graph.add(Node(Fused(), (Value("y", Type("f32", (N, 1))),), body=body.graph), [x]).output
    return s.output(out=y)


def test_a_fused_region_runs_its_body_with_the_outer_weights():
    assert_array_equal(interpret(region(), {"x": np.array([[3, 1], [1, 3]])})["out"], [[2.5], [0]])


def test_keep_gives_every_value_by_name_also_inside_regions():
    kept = interpret(region(), {"x": np.array([[1, 3]])}, keep=True)
    assert {name: array.tolist() for name, array in kept.items()} == {"x": [[1, 3]], "inner": [[-1.5]], "y": [[0]]}


@pytest.mark.parametrize("batch", [0, 1, 5])
def test_any_batch(batch):
    s = Sketch()
    x = s.input("x", 3, 6, 6)
    weight = s.param("w", np.random.default_rng(0).normal(size=(4, 3, 3, 3)))
    y = s("conv", x, channels=4, kernel=3, bias=False, weights=[weight])
    y = s("flatten", s("avgpool", s("maxpool", y, kernel=2), kernel=2))
    graph = s.output(y=y)
    images = np.random.default_rng(1).normal(size=(batch, 3, 6, 6))
    got = interpret(graph, {"x": images}, np.float64)["y"]
    assert got.shape == (batch, 4)
    for n in range(batch):
        assert_allclose(got[n : n + 1], interpret(graph, {"x": images[n : n + 1]}, np.float64)["y"], atol=1e-12)


def test_precision_is_the_callers():
    s = Sketch()
    graph = s.output(y=s("add", s.input("x", 1), right=1.0))
    tiny = np.array([[1e-9]])
    assert interpret(graph, {"x": tiny}, np.float32)["y"] == 1
    assert interpret(graph, {"x": tiny}, np.float64)["y"] == 1 + 1e-9


def test_what_is_missing_is_named():
    s = Sketch()
    s.graph.params["fc.weight"] = Param(Type("f32", (1, 2)))
    graph = s.output(y=s("dense", s.input("x", 2), units=1, bias=False, weights=["fc.weight"]))
    with pytest.raises(InputError, match="no array for the input `x`"):
        interpret(graph, {})
    with pytest.raises(WeightsError, match=r"`fc\.weight` has no numbers yet"):
        interpret(graph, {"x": np.zeros((1, 2))})
