"""Networks made at random, with weights and inputs: small, valid, and full of what the passes look for.

Weights are halves and quarters, and scales powers of two, so that products of weights are exact in float32: what a pass
folds is then right to the last bit, and the interpreter in float64 has only its own rounding to forgive.
"""

from collections.abc import Mapping
from typing import Any

import cnnc.compiler.ops  # noqa: F401  fills the registry
import numpy as np
from cnnc.compiler.diagnostics import Refusal
from cnnc.compiler.ir.graph import Graph, Node, Param, Value
from cnnc.compiler.ir.operator import REGISTRY, Array, Operator, bind
from cnnc.compiler.ir.structure import Input, Parameter
from cnnc.compiler.ir.types import BATCH, Dim, Type
from hypothesis import strategies as st

IMAGE = Type("f32", (Dim.letter(BATCH), 4, 6, 6))


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

    def _weights(self, op: Operator, types: list[Type]) -> Mapping[str, str]:
        specs = op.params(*types)
        prefix = self.graph.fresh_prefix(f"w.{op.name}") if specs else ""
        for role, spec in specs.items():
            param = self._param(spec.shape, role)
            given = {"data": spec.data} if spec.data is not None else {}
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
        data[name] = param.data if param.data is not None and not param.trained else data[name]
    return graph.bind(data)


def stage(name: str, **attributes: Any) -> Operator:
    """A stage of the language by name."""
    return bind(REGISTRY[name], attributes)


ONE = [
    stage("conv", channels=4, kernel=3, pad=1),
    stage("conv", channels=4, kernel=3),
    stage("conv", channels=4, kernel=1, bias=False),
    stage("conv", channels=8, kernel=1, groups=2),
    stage("conv", channels=16, kernel=1),
    stage("conv", channels=4, kernel=1, weight=[1, 2, 3, 4] * 4),
    stage("depthwise", kernel=3, pad=1),
    stage("depthwise", kernel=1, bias=False),
    stage("conv_transpose", channels=4, kernel=2, stride=2, groups=2),
    stage("batchnorm", eps=0),
    stage("relu"),
    stage("prelu"),
    stage("sigmoid"),
    stage("silu"),
    stage("scale", k=1),
    stage("scale", k=-0.5),
    stage("add", right=1.0),
    stage("mul", right=1.0),
    stage("sub", left=2.0),
    stage("div", right=-3.0),
    stage("dropout", p=0.5),
    stage("identity"),
    stage("pad", size=0),
    stage("pad", size=(1, 0, 2, 1)),
    stage("pad", size=1, mode="edge"),
    stage("conv", channels=4, kernel=3, pad="same"),
    stage("crop", h=4, w=4),
    stage("slice", start=0, stop=4),
    stage("split", parts=2),
    stage("maxpool", kernel=2),
    stage("maxpool", kernel=3, stride=1, pad=1),
    stage("avgpool", kernel=1),
    stage("global_avgpool"),
    stage("flatten"),
    stage("dense", units=8),
    stage("channel_shuffle", n=2),
    stage("transpose", order=[1, 3, 2]),
    stage("softmax"),
    stage("sum", axis=1, keep=True),
    stage("concat"),
    stage("add"),
]
AFTER_LAYERS = [stage("batchnorm", eps=0), stage("relu"), stage("silu")]
TWO = [stage("add"), stage("mul"), bind(REGISTRY["sub"], {}), stage("concat")]


@st.composite
def networks(draw: st.DrawFn) -> Net:
    """A network of up to 14 applications on inputs and parameters; the last value and some others are outputs."""
    net = Net(draw(st.integers(0, 999)))
    values = [net.input("x")]
    if draw(st.booleans()):
        pixels = net.input("pixels", Type("u8", IMAGE.shape))
        values += net.apply(stage("scale", k=1 / 255), pixels).outputs
    values += [net.param(4, 1, 1), net.param(1)] if draw(st.booleans()) else []
    used: list[Node] = []
    for _ in range(draw(st.integers(1, 14))):
        made = _applied(draw, net, values, used)
        values += made.outputs if made else ()
        used += [made] if made and made.weights else []
    net.graph.outputs = {f"out_{value.name}": value for value in draw(st.lists(st.sampled_from(values), max_size=2))}
    net.graph.outputs[values[-1].name] = values[-1]
    return net


def _applied(draw: st.DrawFn, net: Net, values: list[Value], used: list[Node]) -> Node | None:
    recent = st.just(values[-1]) | st.sampled_from(values[-3:]) | st.sampled_from(values)  # chains, mostly
    like = draw(st.sampled_from(used)) if used and draw(st.integers(0, 5)) == 0 else None
    if like is not None:
        op, operands = like.op, [draw(recent)]
    elif values[-1].name.startswith(("conv", "depthwise", "dense")) and draw(st.booleans()):
        op, operands = draw(st.sampled_from(AFTER_LAYERS)), [values[-1]]
    elif draw(st.integers(0, 2)):
        op, operands = draw(st.sampled_from(ONE)), [draw(recent)]
    else:
        op, operands = draw(st.sampled_from(TWO)), [draw(recent), draw(recent)]
    try:
        return net.apply(op, *operands, like=like)
    except (Refusal, IndexError):
        return None
