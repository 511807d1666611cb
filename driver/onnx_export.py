"""A graph as an ONNX model, for the engines that we measure against; needs the `onnx` package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from cnnc.compiler.ir.graph import Graph, Node, Value
from cnnc.compiler.ir.operator import Array
from cnnc.compiler.ir.structure import Input
from cnnc.runtime.errors import CnncError

_OPSET, _IR = 17, 9
_TYPES = {"f32": TensorProto.FLOAT, "u8": TensorProto.UINT8}
_MODES = {"nearest": "nearest", "bilinear": "linear", "bicubic": "cubic"}
Attributes = dict[str, Any]


def _window(op: Any, x: Any) -> Attributes:
    window = op.window(x.type)
    return {"kernel_shape": window.kernel, "strides": window.stride, "pads": window.sides}


def _conv(op: Any, x: Any) -> Attributes:
    return _window(op, x) | {"dilations": op.dilation, "group": getattr(op, "groups", x.type.channels)}


def _maxpool(op: Any, x: Any) -> Attributes:
    return _window(op, x) | {"dilations": op.dilation, "ceil_mode": int(op.ceil)}


def _avgpool(op: Any, x: Any) -> Attributes:
    return _window(op, x) | {"ceil_mode": int(op.ceil), "count_include_pad": int(op.count_pad)}


def _resize(op: Any, x: Any) -> Attributes:
    rounding = "floor" if op.coords == "asymmetric" else "round_prefer_ceil"
    return {"mode": _MODES[op.mode], "coordinate_transformation_mode": op.coords, "nearest_mode": rounding}


# ONNX's operator, and its attributes from ours.
_OPERATORS: dict[str, tuple[str, Callable[[Any, Any], Attributes]]] = {
    "conv": ("Conv", _conv),
    "depthwise": ("Conv", _conv),
    "dense": ("Gemm", lambda op, x: {"transB": 1}),
    "maxpool": ("MaxPool", _maxpool),
    "avgpool": ("AveragePool", _avgpool),
    "global_avgpool": ("GlobalAveragePool", lambda op, x: {}),
    "batchnorm": ("BatchNormalization", lambda op, x: {"epsilon": op.eps}),
    "lrn": ("LRN", lambda op, x: {"size": op.size, "alpha": op.alpha, "beta": op.beta, "bias": op.k}),
    "resize": ("Resize", _resize),
    "relu": ("Relu", lambda op, x: {}),
    "relu6": ("Clip", lambda op, x: {}),
    "sigmoid": ("Sigmoid", lambda op, x: {}),
    "tanh": ("Tanh", lambda op, x: {}),
    "softmax": ("Softmax", lambda op, x: {"axis": op.axis}),
    "add": ("Add", lambda op, x: {}),
    "mul": ("Mul", lambda op, x: {}),
    "concat": ("Concat", lambda op, x: {"axis": op.axis}),
    "flatten": ("Flatten", lambda op, x: {"axis": 1}),
    "identity": ("Identity", lambda op, x: {}),
    "dropout": ("Identity", lambda op, x: {}),
}


def export(graph: Graph, batch: int) -> onnx.ModelProto:
    """The model with its weights inside, for `batch` images. Raises `CnncError` for what has no counterpart here."""
    for node in graph.nodes():
        if not isinstance(node.op, Input) and node.op.name not in {*_OPERATORS, "scale"}:
            raise CnncError(f"there is no export to ONNX yet for {node.op.name}, at `{node.name}`", code="E0620")
    return _Export(graph, batch).model()


class _Export:
    def __init__(self, graph: Graph, batch: int):
        self._graph, self._batch = graph, batch
        self._constants = [numpy_helper.from_array(np.asarray(p.data), name) for name, p in graph.params.items()]

    def model(self) -> onnx.ModelProto:
        graph = self._graph
        nodes = [made for node in graph.nodes() if not isinstance(node.op, Input) for made in self._nodes(node)]
        body = helper.make_graph(
            nodes + [helper.make_node("Identity", [v.name], [f"output {n}"]) for n, v in graph.outputs.items()],
            graph.name,
            [self._info(value.name, value) for value in graph.inputs],
            [self._info(f"output {name}", value) for name, value in graph.outputs.items()],
            self._constants,
        )
        model = helper.make_model(body, opset_imports=[helper.make_opsetid("", _OPSET)])
        model.ir_version = _IR
        onnx.checker.check_model(model, full_check=True)
        return model

    def _info(self, name: str, value: Value) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, _TYPES[value.type.dtype], [self._batch, *value.type.known])

    def _constant(self, name: str, data: Array | np.float32) -> str:
        self._constants.append(numpy_helper.from_array(np.asarray(data), name))
        return name

    def _nodes(self, node: Node) -> list[onnx.NodeProto]:
        operands, out = self._graph.operands(node), node.name
        inputs = [*(value.name for value in operands), *node.weights.values()]
        if node.op.name == "scale":  # the caller's bytes as floats, times a number
            k = self._constant(f"{out} k", np.float32(getattr(node.op, "k")))  # noqa: B009
            cast = helper.make_node("Cast", inputs, [f"{out} float"], to=TensorProto.FLOAT)
            return [cast, helper.make_node("Mul", [f"{out} float", k], [out])]
        if node.op.name == "relu6":
            inputs += [self._constant(f"{out} {bound}", np.float32(bound)) for bound in (0, 6)]
        if node.op.name == "resize":
            sizes = np.array([self._batch, *node.output.type.known], np.int64)
            inputs += ["", "", self._constant(f"{out} sizes", sizes)]
        kind, attributes = _OPERATORS[node.op.name]
        if kind == "Add" and len(inputs) != 2:
            kind = "Sum"
        return [helper.make_node(kind, inputs, [out], **attributes(node.op, operands[0]))]
