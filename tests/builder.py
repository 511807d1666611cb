"""Graphs built by hand, with weights and inputs made at random."""

from collections.abc import Mapping
from typing import Any

import numpy as np

import cnnc.compiler.ops  # noqa: F401  fills the registry
from cnnc.compiler.diagnostics import Refusal
from cnnc.compiler.ir.graph import Graph, Node, Param, Value
from cnnc.compiler.ir.operator import REGISTRY, Array, Operator, bind
from cnnc.compiler.ir.structure import Input, Parameter
from cnnc.compiler.ir.types import BATCH, Dim, DType, Type


def features(channels: int, dtype: DType = "f32") -> Type:
    """A row of numbers for each image."""
    return Type(dtype, (Dim.letter(BATCH), channels))


def image(channels: int, height: int, width: int, dtype: DType = "f32") -> Type:
    return Type(dtype, (Dim.letter(BATCH), channels, height, width))


IMAGE = image(4, 6, 6)


class Net:
    """A graph under construction; every application gets fresh random weights, or those of `like`."""

    def __init__(self, seed: int = 0):
        self.graph = Graph("Net")
        self.random = np.random.default_rng(seed)

    def input(self, name: str, type: Type = IMAGE) -> Value:
        return self.graph.add_input(Value(name, type), Input(type.dtype))

    def param(self, *shape: int) -> Value:
        name = self.graph.fresh("param_1")
        self.graph.params[f"p.{name}"] = self._param(shape, "value")
        type = Type("f32", shape)
        return self.graph.add(Node(Parameter(shape), (Value(name, type),), {"value": f"p.{name}"})).output

    def apply(self, op: Operator, *operands: Value, like: Node | None = None) -> Node:
        """Raises `Refusal` where the operator does not take these operands."""
        types = [value.type for value in operands]
        inferred = op.infer(*types)
        every = inferred if isinstance(inferred, tuple) else (inferred,)
        weights = self._weights(op, types) if like is None else self._shared(op, types, like)
        outputs = tuple(Value(self.graph.fresh(f"{op.name}_{i}"), t) for i, t in enumerate(every, 1))
        return self.graph.add(Node(op, outputs, weights), operands)

    def chain(self, value: Value, *stages: Operator) -> Value:
        """One stage after the other; the last one's value."""
        for op in stages:
            value = self.apply(op, value).output
        return value

    def output(self, *values: Value) -> Graph:
        """Make values outputs, each under its name; the graph so far."""
        self.graph.outputs |= {value.name: value for value in values}
        return self.graph

    def _weights(self, op: Operator, types: list[Type]) -> Mapping[str, str]:
        specs = op.params(*types)
        prefix = self.graph.fresh_prefix(f"w.{op.name}") if specs else ""
        for role, spec in specs.items():
            param = self._param(spec.shape, role)
            given = {"data": spec.data()} if spec.data else {}
            self.graph.params[f"{prefix}.{role}"] = Param(param.type, **{"data": param.data, **given})  # type: ignore[arg-type]
        return {role: f"{prefix}.{role}" for role in specs}

    def _shared(self, op: Operator, types: list[Type], like: Node) -> Mapping[str, str]:
        have = {role: self.graph.params[name].type.shape for role, name in like.weights.items()}
        if {role: spec.shape for role, spec in op.params(*types).items()} != have:
            raise Refusal("", "these weights are for other operands")
        return like.weights

    def _param(self, shape: Any, role: str) -> Param:
        few = [0.25, 1.0, 4.0] if role == "running_var" else [-1.0, -0.5, 0.0, 0.5, 1.0]
        return Param(Type("f32", shape), data=self.random.choice(few, shape).astype(np.float32))


def random_inputs(graph: Graph, batch: int = 2) -> dict[str, Array]:
    """Arrays for a graph's inputs: bytes, or numbers from -1 to 1."""
    random = np.random.default_rng(1)
    shapes = {value: (batch, *value.type.known) for value in graph.inputs}
    return {
        value.name: random.integers(0, 256, shape) if value.type.dtype == "u8" else random.uniform(-1, 1, shape)
        for value, shape in shapes.items()
    }


def with_random_weights(graph: Graph) -> Graph:
    """The graph with normal numbers, of which float32 holds no product; variances are positive, literals stay."""
    random = np.random.default_rng(2)
    data: dict[str, Array] = {}
    for name, param in graph.params.items():
        numbers = random.standard_normal(param.type.shape).astype(np.float32)  # type: ignore[arg-type]
        data[name] = np.abs(numbers) if name.endswith("running_var") else numbers
        data[name] = np.asarray(param.data) if param.data is not None and not param.trained else data[name]
    return graph.bind(data)


def stage(name: str, **attributes: Any) -> Operator:
    """A stage of the language by name."""
    return bind(REGISTRY[name], attributes)
