"""A graph as an ONNX model, for the engines that we measure against; needs the `onnx` package."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from cnnc.compiler.ir.graph import Graph, Node
from cnnc.compiler.ir.structure import Input
from cnnc.compiler.ir.types import Type
from cnnc.runtime.errors import CnncError

_OPSET, _IR = 17, 9
_TYPES = {"f32": TensorProto.FLOAT, "u8": TensorProto.UINT8}
_RESIZE = {"nearest": "nearest", "bilinear": "linear", "bicubic": "cubic"}
_PAD = {"zero": "constant", "reflect": "reflect", "edge": "edge"}
Attributes = dict[str, Any]


def _window(op: Any, x: Type) -> Attributes:
    window = op.window(x)
    return {"kernel_shape": window.kernel, "strides": window.stride, "pads": window.sides}


def _conv(op: Any, x: Type) -> Attributes:
    return _window(op, x) | {"dilations": op.dilation, "group": getattr(op, "groups", x.channels)}


def _maxpool(op: Any, x: Type) -> Attributes:
    return _window(op, x) | {"dilations": op.dilation, "ceil_mode": int(op.ceil)}


def _avgpool(op: Any, x: Type) -> Attributes:
    return _window(op, x) | {"ceil_mode": int(op.ceil), "count_include_pad": int(op.count_pad)}


def _transposed(op: Any, x: Type) -> Attributes:
    window = {"kernel_shape": op.kernel, "strides": op.stride, "pads": op.cut}
    return window | {"output_padding": op.output_pad, "dilations": op.dilation, "group": op.groups}


def _nothing(op: Any, x: Type) -> Attributes:
    return {}


# Operators that are one of ONNX's: which, and its attributes from ours.
_OPERATORS: dict[str, tuple[str, Callable[[Any, Type], Attributes]]] = {
    "conv": ("Conv", _conv),
    "depthwise": ("Conv", _conv),
    "conv_transpose": ("ConvTranspose", _transposed),
    "dense": ("Gemm", lambda op, x: {"transB": 1}),
    "maxpool": ("MaxPool", _maxpool),
    "avgpool": ("AveragePool", _avgpool),
    "global_avgpool": ("GlobalAveragePool", _nothing),
    "global_maxpool": ("GlobalMaxPool", _nothing),
    "batchnorm": ("BatchNormalization", lambda op, x: {"epsilon": op.eps}),
    "lrn": ("LRN", lambda op, x: {"size": op.size, "alpha": op.alpha, "beta": op.beta, "bias": op.k}),
    "relu": ("Relu", _nothing),
    "leaky_relu": ("LeakyRelu", lambda op, x: {"alpha": op.a}),
    "elu": ("Elu", _nothing),
    "selu": ("Selu", _nothing),
    "softplus": ("Softplus", _nothing),
    "hardsigmoid": ("HardSigmoid", lambda op, x: {"alpha": 1 / 6, "beta": 0.5}),
    "hardswish": ("HardSwish", _nothing),
    "sigmoid": ("Sigmoid", _nothing),
    "tanh": ("Tanh", _nothing),
    "sqrt": ("Sqrt", _nothing),
    "abs": ("Abs", _nothing),
    "exp": ("Exp", _nothing),
    "log": ("Log", _nothing),
    "softmax": ("Softmax", lambda op, x: {"axis": op.axis}),
    "log_softmax": ("LogSoftmax", lambda op, x: {"axis": op.axis}),
    "mean": ("ReduceMean", lambda op, x: {"axes": [op.axis], "keepdims": int(op.keep)}),
    "concat": ("Concat", lambda op, x: {"axis": op.axis}),
    "transpose": ("Transpose", lambda op, x: {"perm": [0, *op.order]}),
    "pixel_shuffle": ("DepthToSpace", lambda op, x: {"blocksize": op.n, "mode": "CRD"}),
    "flatten": ("Flatten", lambda op, x: {"axis": 1}),
    "identity": ("Identity", _nothing),
    "dropout": ("Identity", _nothing),
    "param": ("Identity", _nothing),
}


class _Emitter:
    """The nodes and constants of a model, for `batch` images."""

    def __init__(self, graph: Graph, batch: int):
        self.batch = batch
        self.nodes: list[onnx.NodeProto] = []
        self.constants = [numpy_helper.from_array(np.asarray(p.data), name) for name, p in graph.params.items()]

    def constant(self, value: Any, dtype: type = np.float32) -> str:
        name = f"constant {len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def sizes(self, *known: int) -> str:
        return self.constant([self.batch, *known], np.int64)

    def node(self, kind: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        """Add a node; its output, named by the emitter unless told."""
        out = out or f"step {len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [out], **attributes))
        return out


@dataclass(frozen=True)
class _Step:
    """A node on its way: where its last ONNX node writes, and what it reads, operands before weights."""

    emit: _Emitter
    op: Any
    x: Type
    y: Type
    inputs: Sequence[str]
    out: str

    def end(self, kind: str, *inputs: str, **attributes: Any) -> None:
        self.emit.node(kind, *inputs, out=self.out, **attributes)


def _scale(s: _Step) -> None:
    """The caller's bytes as floats, times a number."""
    s.end("Mul", s.emit.node("Cast", *s.inputs, to=TensorProto.FLOAT), s.emit.constant(s.op.k))


def _clip(s: _Step, low: float, high: float) -> None:
    s.end("Clip", *s.inputs, s.emit.constant(low), s.emit.constant(high))


def _arithmetic(s: _Step, kind: str) -> None:
    operands = list(s.inputs)
    if s.op.left is not None:
        operands.insert(0, s.emit.constant(s.op.left))
    if s.op.right is not None:
        operands.append(s.emit.constant(s.op.right))
    *most, last = operands
    s.end(kind, functools.reduce(lambda a, b: s.emit.node(kind, a, b), most), last) if most else s.end("Identity", last)


def _gelu(s: _Step) -> None:
    (x,) = s.inputs
    half = s.emit.node("Mul", x, s.emit.constant(0.5))
    erf = s.emit.node("Erf", s.emit.node("Mul", x, s.emit.constant(0.5**0.5)))
    s.end("Mul", half, s.emit.node("Add", erf, s.emit.constant(1)))


def _slice(s: _Step) -> None:
    ends = (s.emit.constant([value], np.int64) for value in (s.op.start, s.op.stop, s.op.axis))
    s.end("Slice", *s.inputs, *ends)


def _pad(s: _Step) -> None:
    top, left, bottom, right = s.op.size
    s.end("Pad", *s.inputs, s.emit.constant([0, 0, top, left, 0, 0, bottom, right], np.int64), mode=_PAD[s.op.mode])


def _channel_shuffle(s: _Step) -> None:
    channels, high, wide = s.x.known
    groups = s.emit.node("Reshape", *s.inputs, s.emit.sizes(s.op.n, channels // s.op.n, high, wide))
    s.end("Reshape", s.emit.node("Transpose", groups, perm=[0, 2, 1, 3, 4]), s.emit.sizes(*s.x.known))


def _layernorm(s: _Step) -> None:
    """ONNX's is over the last axis."""
    x, *weights = s.inputs
    if s.x.rank == 2:
        s.end("LayerNormalization", x, *weights, epsilon=s.op.eps)
        return
    last = s.emit.node("Transpose", x, perm=[0, *range(2, s.x.rank), 1])
    y = s.emit.node("LayerNormalization", last, *weights, epsilon=s.op.eps)
    s.end("Transpose", y, perm=[0, s.x.rank - 1, *range(1, s.x.rank - 1)])


def _instancenorm(s: _Step) -> None:
    plain = () if s.op.affine else (s.emit.constant(np.full(s.x.known[0], value)) for value in (1, 0))
    s.end("InstanceNormalization", *s.inputs, *plain, epsilon=s.op.eps)


def _resize(s: _Step, coords: str) -> None:
    rounding = "floor" if coords == "asymmetric" else "round_prefer_ceil"
    how = {"mode": _RESIZE[s.op.mode], "coordinate_transformation_mode": coords, "nearest_mode": rounding}
    s.end("Resize", *s.inputs, "", "", s.emit.sizes(*s.y.known), **how)


# Operators that are several, or one that wants more than attributes.
_OTHERS: dict[str, Callable[[_Step], None]] = {
    "scale": _scale,
    "relu6": lambda s: _clip(s, 0, 6),
    "clip": lambda s: _clip(s, s.op.low, s.op.high),
    "add": lambda s: _arithmetic(s, "Add"),
    "sub": lambda s: _arithmetic(s, "Sub"),
    "mul": lambda s: _arithmetic(s, "Mul"),
    "div": lambda s: _arithmetic(s, "Div"),
    "silu": lambda s: s.end("Mul", *s.inputs, s.emit.node("Sigmoid", *s.inputs)),
    "mish": lambda s: s.end("Mul", *s.inputs, s.emit.node("Tanh", s.emit.node("Softplus", *s.inputs))),
    "gelu": _gelu,
    "slice": _slice,
    "reshape": lambda s: s.end("Reshape", *s.inputs, s.emit.sizes(*s.y.known)),
    "pad": _pad,
    "channel_shuffle": _channel_shuffle,
    "layernorm": _layernorm,
    "instancenorm": _instancenorm,
    "resize": lambda s: _resize(s, s.op.coords),
    "upsample": lambda s: _resize(s, "half_pixel"),
    "sum": lambda s: s.end("ReduceSum", *s.inputs, s.emit.constant([s.op.axis], np.int64), keepdims=int(s.op.keep)),
}


def export(graph: Graph, batch: int) -> onnx.ModelProto:
    """The model with its weights inside, for `batch` images. Raises `CnncError` for what has no counterpart here."""
    emit = _Emitter(graph, batch)
    for node in graph.nodes():
        if not isinstance(node.op, Input):
            _emit(emit, graph, node)
    outputs = {f"output {name}": value for name, value in graph.outputs.items()}
    for name, value in outputs.items():
        emit.node("Identity", value.name, out=name)
    body = helper.make_graph(
        emit.nodes,
        graph.name,
        [_info(value.name, value.type, batch) for value in graph.inputs],
        [_info(name, value.type, batch) for name, value in outputs.items()],
        emit.constants,
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", _OPSET)])
    model.ir_version = _IR
    onnx.checker.check_model(model, full_check=True)
    return model


def _emit(emit: _Emitter, graph: Graph, node: Node) -> None:
    op, operands = node.op, graph.operands(node)
    inputs = [*(value.name for value in operands), *node.weights.values()]
    x = operands[0].type if operands else node.output.type
    if op.name in _OPERATORS:
        kind, attributes = _OPERATORS[op.name]
        emit.node(kind, *inputs, out=node.name, **attributes(op, x))
    elif op.name in _OTHERS:
        _OTHERS[op.name](_Step(emit, op, x, node.output.type, inputs, node.name))
    else:
        raise CnncError(f"there is no export to ONNX yet for {op.name}, at `{node.name}`", code="E0620")


def _info(name: str, type: Type, batch: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, _TYPES[type.dtype], [batch, *type.known])
