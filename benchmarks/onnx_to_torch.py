"""An ONNX model, as `cnnc.onnx_export` writes it, as PyTorch modules in a `torch.fx` graph: straight-line PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, fx, nn
from torch.nn import functional

Attributes = dict[str, Any]
Weights = list[Tensor]


def _pad(a: Attributes) -> tuple[int, int]:
    top, left, bottom, right = a["pads"]
    if (top, left) != (bottom, right):
        raise ValueError(f"PyTorch pads opposite sides alike, the model wants {a['pads']}")
    return top, left


def _filled(module: nn.Module, *weights: Tensor) -> nn.Module:
    """The module with these tensors for its own, in PyTorch's order: the parameters, then the statistics."""
    module.load_state_dict(dict(zip(module.state_dict(), weights, strict=False)), strict=False)
    return module


def _conv(a: Attributes, weight: Tensor, *bias: Tensor) -> nn.Module:
    channels, inputs, high, wide = weight.shape
    window = {"stride": a["strides"], "padding": _pad(a), "dilation": a["dilations"], "groups": a["group"]}
    return _filled(nn.Conv2d(inputs * a["group"], channels, (high, wide), bias=bool(bias), **window), weight, *bias)


def _dense(a: Attributes, weight: Tensor, *bias: Tensor) -> nn.Module:
    units, inputs = weight.shape
    return _filled(nn.Linear(inputs, units, bias=bool(bias)), weight, *bias)


def _batchnorm(a: Attributes, *weights: Tensor) -> nn.Module:
    return _filled(nn.BatchNorm2d(len(weights[0]), a["epsilon"]), *weights)


def _maxpool(a: Attributes) -> nn.Module:
    return nn.MaxPool2d(a["kernel_shape"], a["strides"], _pad(a), a["dilations"], ceil_mode=bool(a["ceil_mode"]))


def _avgpool(a: Attributes) -> nn.Module:
    return nn.AvgPool2d(a["kernel_shape"], a["strides"], _pad(a), bool(a["ceil_mode"]), bool(a["count_include_pad"]))


# Modules, made from the attributes and weights of a node.
_MODULES: dict[str, Callable[..., nn.Module]] = {
    "Conv": _conv,
    "Gemm": _dense,
    "BatchNormalization": _batchnorm,
    "MaxPool": _maxpool,
    "AveragePool": _avgpool,
    "GlobalAveragePool": lambda a: nn.AdaptiveAvgPool2d(1),
    "LRN": lambda a: nn.LocalResponseNorm(a["size"], a["alpha"], a["beta"], a["bias"]),
    "Relu": lambda a: nn.ReLU(),
    "Clip": lambda a, low, high: nn.Hardtanh(low.item(), high.item()),
    "Sigmoid": lambda a: nn.Sigmoid(),
    "Tanh": lambda a: nn.Tanh(),
    "Softmax": lambda a: nn.Softmax(a["axis"]),
    "Flatten": lambda a: nn.Flatten(a["axis"]),
    "Identity": lambda a: nn.Identity(),
}


def load(path: Path) -> fx.GraphModule:
    """The module; raises `ValueError` for what it does not know."""
    model = onnx.load(path).graph
    constants = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in model.initializer}
    graph, root = fx.Graph(), nn.Module()
    values = {value.name: graph.placeholder(f"input_{i}") for i, value in enumerate(model.input)}
    for node in model.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        operands = [values[name] for name in node.input if name in values]
        weights = [constants[name] for name in node.input if name in constants]
        (out,) = node.output
        if node.op_type in _MODULES:
            name = f"{node.op_type.lower()}_{len(values)}"
            root.add_module(name, _MODULES[node.op_type](attributes, *weights))
            values[out] = graph.call_module(name, tuple(operands))
        else:
            values[out] = _call(graph, node.op_type, attributes, operands, weights)
    graph.output(values[model.output[0].name])
    return fx.GraphModule(root, graph).eval()


def _call(graph: fx.Graph, kind: str, a: Attributes, operands: list[fx.Node], weights: Weights) -> fx.Node:
    if kind == "Add":
        return graph.call_function(torch.add, tuple(operands))
    if kind == "Mul" and len(weights) == 1 and weights[0].ndim == 0:
        return graph.call_function(torch.mul, (*operands, weights[0].item()))
    if kind == "Concat":
        return graph.call_function(torch.cat, (operands, a["axis"]))
    if kind == "Cast":
        return graph.call_method("float", tuple(operands))
    if kind == "Resize" and (a["mode"], a["coordinate_transformation_mode"]) == (b"linear", b"half_pixel"):
        how = {"size": tuple(weights[0].tolist()[2:]), "mode": "bilinear", "align_corners": False}
        return graph.call_function(functional.interpolate, tuple(operands), how)
    raise ValueError(f"no PyTorch for {kind} {a}")
