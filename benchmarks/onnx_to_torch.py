"""An ONNX model, as `cnnc.onnx_export` writes it, as PyTorch modules in a `torch.fx` graph: straight-line PyTorch."""

from __future__ import annotations

import operator
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
    top, left, bottom, right = a["pads"]
    if (top, left) != (bottom, right):
        return nn.Sequential(nn.ZeroPad2d((left, right, top, bottom)), _conv(a | {"pads": (0, 0, 0, 0)}, weight, *bias))
    window = {"stride": a["strides"], "padding": _pad(a), "dilation": a["dilations"], "groups": a["group"]}
    return _filled(nn.Conv2d(inputs * a["group"], channels, (high, wide), bias=bool(bias), **window), weight, *bias)


def _conv_transpose(a: Attributes, weight: Tensor, *bias: Tensor) -> nn.Module:
    inputs, channels, high, wide = weight.shape
    window = {"stride": a["strides"], "padding": _pad(a), "dilation": a["dilations"], "groups": a["group"]}
    made = nn.ConvTranspose2d(
        inputs, channels * a["group"], (high, wide), output_padding=a["output_padding"], bias=bool(bias), **window
    )
    return _filled(made, weight, *bias)


def _mirrored(a: Attributes, sides: Tensor) -> nn.Module:
    _, _, top, left, _, _, bottom, right = sides.tolist()
    if a["mode"] != b"reflect":
        raise ValueError(f"no PyTorch for a pad of mode {a['mode']}")
    return nn.ReflectionPad2d((left, right, top, bottom))


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
    "ConvTranspose": _conv_transpose,
    "Pad": _mirrored,
    "InstanceNormalization": lambda a, scale, shift: _filled(
        nn.InstanceNorm2d(len(scale), a["epsilon"], affine=True), scale, shift
    ),
    "LayerNormalization": lambda a, scale, shift: _filled(nn.LayerNorm(len(scale), a["epsilon"]), scale, shift),
    "DepthToSpace": lambda a: nn.PixelShuffle(a["blocksize"]),
    "LRN": lambda a: nn.LocalResponseNorm(a["size"], a["alpha"], a["beta"], a["bias"]),
    "Relu": lambda a: nn.ReLU(),
    "Clip": lambda a, low, high: nn.Hardtanh(low.item(), high.item()),
    "LeakyRelu": lambda a: nn.LeakyReLU(a["alpha"]),
    "HardSigmoid": lambda a: nn.Hardsigmoid(),
    "HardSwish": lambda a: nn.Hardswish(),
    "Sigmoid": lambda a: nn.Sigmoid(),
    "Tanh": lambda a: nn.Tanh(),
    "Softmax": lambda a: nn.Softmax(a["axis"]),
    "Flatten": lambda a: nn.Flatten(a["axis"]),
    "Identity": lambda a: nn.Identity(),
}


_ARITHMETIC: dict[str, Callable[..., Tensor]] = {
    "Add": torch.add,
    "Sub": torch.sub,
    "Mul": torch.mul,
    "Div": torch.div,
    "Erf": torch.erf,
}
_RESIZE = {b"linear": {"mode": "bilinear", "align_corners": False}, b"nearest": {"mode": "nearest"}}


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
        if operands and node.input[0] in constants:
            raise ValueError(f"no PyTorch for {node.op_type} of a number before a tensor")
        if not operands:  # a learned tensor
            root.register_buffer(name := f"tensor_{len(values)}", weights[0])
            values[out] = graph.get_attr(name)
        elif whole := _whole(node.op_type, operands):
            values[out] = graph.call_function(*whole)
        elif node.op_type in _MODULES:
            name = f"{node.op_type.lower()}_{len(values)}"
            root.add_module(name, _MODULES[node.op_type](attributes, *weights))
            values[out] = graph.call_module(name, tuple(operands))
        else:
            values[out] = _call(graph, node.op_type, attributes, operands, weights)
    graph.output(values[model.output[0].name])
    made = fx.GraphModule(root, graph)
    made.graph.eliminate_dead_code()
    made.recompile()
    return made.eval()


def _whole(kind: str, operands: list[fx.Node]) -> tuple[Callable[..., Tensor], tuple[fx.Node]] | None:
    """PyTorch's own function for one that ONNX spells out, of which this is the last product, and its argument."""
    if kind != "Mul" or len(operands) != 2:
        return None
    first, second = operands
    if second.op == "call_module" and str(second.target).startswith("sigmoid") and second.args == (first,):
        return functional.silu, (first,)
    if second.target == torch.add and isinstance(erf := second.args[0], fx.Node) and erf.target == torch.erf:
        x = first.args[0]  # x / 2 times 1 + erf of x over the root of 2
        assert isinstance(x, fx.Node)
        return functional.gelu, (x,)
    return None


def _call(graph: fx.Graph, kind: str, a: Attributes, operands: list[fx.Node], weights: Weights) -> fx.Node:
    numbers = tuple(weight.item() for weight in weights if weight.ndim == 0)  # after the tensors
    if kind in _ARITHMETIC:
        return graph.call_function(_ARITHMETIC[kind], (*operands, *numbers))
    if kind == "Transpose":
        return graph.call_function(torch.permute, (*operands, a["perm"]))
    if kind == "Reshape":
        return graph.call_function(torch.reshape, (*operands, weights[0].tolist()))
    if kind == "Slice":
        start, stop, axis = (int(weight) for weight in weights)
        return graph.call_function(operator.getitem, (*operands, (slice(None),) * axis + (slice(start, stop),)))
    if kind == "Concat":
        return graph.call_function(torch.cat, (operands, a["axis"]))
    if kind == "Cast":
        return graph.call_method("float", tuple(operands))
    if kind == "Resize" and a["coordinate_transformation_mode"] == b"half_pixel":
        how = {"size": tuple(weights[0].tolist()[2:]), **_RESIZE[a["mode"]]}
        return graph.call_function(functional.interpolate, tuple(operands), how)
    raise ValueError(f"no PyTorch for {kind} {a}")
