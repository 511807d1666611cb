"""Native code against the interpreter in float64.

First the network as it is compiled for use: all its outputs. Fusion, layouts and the memory plan take part, but an
error allowed for a whole network is only measured, never derived. Then every operator by itself: the network is
compiled with all its tensors as outputs, and each is compared with the definition applied to the operands that native
code computed. The allowed error is then the operator's own, and the first that exceeds it is to blame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from cnnc.compiler.ir.graph import Graph, Node
from cnnc.interpreted import Interpreted
from cnnc.net import Array, Net
from cnnc.network import Network
from cnnc.tolerance import apply, distance, measured, of_operator

SILENT = ("input", "param")  # operators that compute nothing


@dataclass(frozen=True)
class Finding:
    """One tensor: the error where it is largest against what is allowed there."""

    name: str
    place: str
    error: float
    allowed: float

    @property
    def good(self) -> bool:
        return self.error <= self.allowed


def compare_outputs(net: Net, graph: Graph, inputs: Mapping[str, Array]) -> list[Finding]:
    """The outputs of a compiled network against those of its bound graph."""
    truth, single = (Interpreted(graph, precision).run(inputs) for precision in ("f64", "f32"))
    given = net.run(inputs)
    return [
        _finding(name, _place(graph.producer(graph.outputs[name])), array, given[name], measured(array, single[name]))
        for name, array in truth.items()
    ]


def compare_layers(
    compile: Callable[[Network], Net], network: Network, graph: Graph, inputs: Mapping[str, Array]
) -> Iterator[Finding]:
    """Every operator of a network on the operands that native code gave it, in order."""
    nodes = [node for node in graph.nodes() if node.op.name not in SILENT and node.output.type.dtype != "i64"]
    native = compile(network.capture(value.name for node in nodes for value in node.outputs)).run(inputs)
    values = {**inputs, **_learned(graph), **native}
    for node in nodes:
        operands = [values[value.name].astype(np.float64) for value in graph.operands(node)]
        weights = {role: _data(graph, name) for role, name in node.weights.items()}
        truths = apply(node.op, operands, weights)
        if node.output.type.dtype == "u8":
            truths = [truth.astype(np.uint8) for truth in truths]
        allowed = of_operator(node.op, operands, weights, truths)
        for value, truth, bound in zip(node.outputs, truths, allowed, strict=True):
            yield _finding(value.name, _place(node), truth, values[value.name], bound)


def _finding(name: str, place: str, truth: Array, given: Array, allowed: Array) -> Finding:
    error = distance(truth, given)
    if error.size == 0:
        return Finding(name, place, 0.0, 0.0)
    worst = np.unravel_index(np.argmax(error - allowed), error.shape)
    return Finding(name, place, float(error[worst]), float(allowed[worst]))


def _place(node: Node) -> str:
    """The operator, and where the source says so."""
    return f"{node.op} at {node.spans[0]}" if node.spans else str(node.op)


def _learned(graph: Graph) -> dict[str, Array]:
    return {node.name: _data(graph, node.weights["value"]) for node in graph.nodes("param")}


def _data(graph: Graph, name: str) -> Array:
    data = graph.params[name].data
    assert data is not None, "the graph is bound"
    return data.astype(np.float64)
