"""The graph as text: a flat `.cnn` file, one binding a node, that `frontend.read` parses back to the same graph.

    block conv_2_region {
      input pool_1: f32[N, 32, 13, 13]
      conv_2: f32[N, 64, 11, 11] = pool_1 -> conv(64, 3) as "conv2"
      relu_2: f32[N, 64, 11, 11] = conv_2 -> relu
      output relu_2
    }

    model Digits {
      …
      relu_2: f32[N, 64, 11, 11] = pool_1 -> conv_2_region
      output probs
    }

Weights are named by prefix: `as "conv2"` stands for `conv2.weight` and `conv2.bias`. Their data is stored beside.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from . import kinds
from .graph import Graph, Node
from .operator import Operator
from .structure import Input, Parameter

_SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "div": "/"}


def show(graph: Graph) -> str:
    """The text of a graph; fused regions come first, as blocks of their own."""
    regions = [_braces("block", node.body) for node in graph.nodes() if node.body is not None]
    return "\n".join([*regions, _braces("model", graph)])


def line(graph: Graph, node: Node) -> str:
    """One node as its line of the text."""
    if isinstance(node.op, Input):
        return f"input {_typed(node)}"
    if isinstance(node.op, Parameter):
        return f'param {_typed(node)} = {kinds.show(node.op.start)} as "{node.weights["value"]}"'
    names = ", ".join(value.name for value in node.outputs)
    target = _typed(node) if len(node.outputs) == 1 else names
    return f"{target} = {_expression(graph, node)}"


def prefix_of(node: Node) -> str:
    """What the names of a node's weights begin with: `conv1` for `conv1.weight` and `conv1.bias`."""
    role, name = next(iter(node.weights.items()))
    return name.removesuffix(f".{role}")


def _braces(keyword: Literal["block", "model"], graph: Graph) -> str:
    return "\n".join([f"{keyword} {graph.name} {{", *(f"  {text}" for text in _lines(graph)), "}\n"])


def _lines(graph: Graph) -> Iterator[str]:
    for node in graph.nodes():
        yield line(graph, node)
    for name, value in graph.outputs.items():
        yield f"output {name}" if name == value.name else f"output {name} = {value.name}"


def _typed(node: Node) -> str:
    return f"{node.name}: {node.output.type}"


def _expression(graph: Graph, node: Node) -> str:
    names = [value.name for value in graph.operands(node)]
    if node.op.name in _SYMBOLS and (sides := _sides(node.op, names)):
        return f" {_SYMBOLS[node.op.name]} ".join(sides)
    source = names[0] if len(names) == 1 else f"({', '.join(names)})"
    stage = str(node.op) if node.body is None else node.body.name
    weights = f' as "{prefix_of(node)}"' if node.weights else ""
    return f"{source} -> {stage}{weights}"


def _sides(op: Operator, names: list[str]) -> list[str]:
    """The two sides of arithmetic that reads best with a symbol: all but sums and products of tensors alone."""
    left, right = ([repr(n)] if (n := getattr(op, side)) is not None else [] for side in ("left", "right"))
    sides = [*left, *names, *right]
    return sides if len(sides) == 2 and (left or right or not op.stage) else []
