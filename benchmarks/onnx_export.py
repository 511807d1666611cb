"""A graph as an ONNX model, for the engines that we measure against."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from cnnc.compiler.ir.graph import Graph, Node
from cnnc.compiler.ir.structure import Input

_OPSET = 17
_TYPES = {"f32": TensorProto.FLOAT, "u8": TensorProto.UINT8}
Attributes = dict[str, Any]


def _window(op: Any, x: Any) -> Attributes:
    window = op.window(x.type)
    return {"kernel_shape": window.kernel, "strides": window.stride, "pads": [int(side) for side in window.pad]}


def _conv(op: Any, x: Any) -> Attributes:
    return _window(op, x) | {"dilations": op.dilation, "group": getattr(op, "groups", x.type.channels)}


def _avgpool(op: Any, x: Any) -> Attributes:
    return _window(op, x) | {"ceil_mode": int(op.ceil), "count_include_pad": int(op.count_pad)}


# ONNX's operator, and its attributes from ours.
_OPERATORS: dict[str, tuple[str, Callable[[Any, Any], Attributes]]] = {
    "conv": ("Conv", _conv),
    "depthwise": ("Conv", _conv),
    "dense": ("Gemm", lambda op, x: {"transB": 1}),
    "maxpool": ("MaxPool", lambda op, x: _window(op, x) | {"ceil_mode": int(op.ceil)}),
    "avgpool": ("AveragePool", _avgpool),
    "global_avgpool": ("GlobalAveragePool", lambda op, x: {}),
    "batchnorm": ("BatchNormalization", lambda op, x: {"epsilon": op.eps}),
    "lrn": ("LRN", lambda op, x: {"size": op.size, "alpha": op.alpha, "beta": op.beta, "bias": op.k}),
    "relu": ("Relu", lambda op, x: {}),
    "relu6": ("Clip", lambda op, x: {}),
    "sigmoid": ("Sigmoid", lambda op, x: {}),
    "tanh": ("Tanh", lambda op, x: {}),
    "softmax": ("Softmax", lambda op, x: {"axis": op.axis}),
    "add": ("Sum", lambda op, x: {}),
    "mul": ("Mul", lambda op, x: {}),
    "concat": ("Concat", lambda op, x: {"axis": op.axis}),
    "flatten": ("Flatten", lambda op, x: {"axis": 1}),
    "identity": ("Identity", lambda op, x: {}),
    "dropout": ("Identity", lambda op, x: {}),
}
_NUMBERS = {"relu6": [np.float32(0), np.float32(6)]}


def export(graph: Graph) -> onnx.ModelProto:
    """The model with its weights inside. Raises `KeyError` for an operator that the table lacks."""
    nodes: list[onnx.NodeProto] = []
    constants = [numpy_helper.from_array(np.asarray(param.data), name) for name, param in graph.params.items()]
    for node in graph.nodes():
        if not isinstance(node.op, Input):
            nodes += _nodes(graph, node, constants)
    body = helper.make_graph(
        nodes + [helper.make_node("Identity", [v.name], [f"output {n}"]) for n, v in graph.outputs.items()],
        graph.name,
        [_info(value.name, value) for value in graph.inputs],
        [_info(f"output {name}", value) for name, value in graph.outputs.items()],
        constants,
    )
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", _OPSET)])
    model.ir_version = 9
    onnx.checker.check_model(model)
    return model


def _info(name: str, value: Any) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, _TYPES[value.type.dtype], ["N", *value.type.known])


def _nodes(graph: Graph, node: Node, constants: list[onnx.TensorProto]) -> list[onnx.NodeProto]:
    inputs, out = [value.name for value in graph.operands(node)], node.name
    if node.op.name == "scale":  # the caller's bytes as floats, times a number
        constants.append(numpy_helper.from_array(np.float32(getattr(node.op, "k")), f"{out} k"))  # noqa: B009
        cast = helper.make_node("Cast", inputs, [f"{out} float"], to=TensorProto.FLOAT)
        return [cast, helper.make_node("Mul", [f"{out} float", f"{out} k"], [out])]
    kind, attributes = _OPERATORS[node.op.name]
    inputs += node.weights.values()
    for i, number in enumerate(_NUMBERS.get(node.op.name, [])):
        constants.append(numpy_helper.from_array(np.asarray(number), f"{out} {i}"))
        inputs.append(f"{out} {i}")
    return [helper.make_node(kind, inputs, [out], **attributes(node.op, graph.operands(node)[0]))]
