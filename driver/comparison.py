"""Native code against the definitions in float64.

First the network as it is compiled for use: its outputs, where fusion, layouts and the memory plan all take part.
Bounds that are carried through a deep network say little in the end, so what is allowed there is measured. Then every
layer by itself: the optimised graph is compiled once more, all its tensors outputs, and each node's definition is
applied to the operands that native code computed. What is allowed is then the error policy's, and the first node that
exceeds it is to blame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from cnnc.compiler.diagnostics import Span
from cnnc.compiler.interpreter import interpret
from cnnc.compiler.ir.graph import Graph, Node
from cnnc.compiler.options import Options, Stage
from cnnc.compiler.pipeline import GRAPH_PASSES, compile_graph, optimise
from cnnc.compiler.schedule.choose import choose
from cnnc.compiler.schedule.schedule import Schedule
from cnnc.compiler.schedule.target import target
from cnnc.compiler.tolerance import ALGORITHMS, PLAIN_SUM, Expected, U, distance, expected_of, received
from cnnc.net import Net
from cnnc.network import Network
from cnnc.runtime.executable import Executable
from cnnc.runtime.feeds import Array

MARGIN = 16  # what other orders of summation and cheaper exponentials may lose beyond what NumPy's float32 does
COARSE = 4  # the same beside an algorithm's usual errors


@dataclass(frozen=True)
class Finding:
    """One tensor where it is worst: what made it (in native code by which algorithm) and both numbers at that place."""

    name: str
    what: str
    algorithm: str
    span: Span | None
    index: tuple[int, ...]
    native: float
    exact: float
    error: float
    allowed: float

    @property
    def good(self) -> bool:
        return self.error <= self.allowed

    @property
    def maker(self) -> str:
        """`conv_2`, conv(64, 3) -> relu by winograd4"""
        return f"`{self.name}`, {self.what}{f' by {self.algorithm}' if self.algorithm else ''}"

    @property
    def place(self) -> str:
        return f"{self.what} at {self.span}" if self.span else self.what

    @property
    def numbers(self) -> tuple[str, str]:
        """What is where the tensor is worst, and how bad that is."""
        return (
            f"at {list(self.index)}: native code gives {self.native:.9g}, the definition {self.exact:.9g}",
            f"error {self.error:.2e}, allowed {self.allowed:.2e}",
        )


def measured(graph: Graph, inputs: Mapping[str, Array], algorithms: Iterable[str] = ()) -> dict[str, Expected]:
    """A bound graph's outputs, each with one bound: a multiple of the error that the same definitions make in float32,
    which shows the network's own conditioning. Bytes may round the other way. The coarsest of the `algorithms` in use
    may widen it."""
    margin = max((COARSE * ALGORITHMS.get(name, PLAIN_SUM).usual for name in algorithms), default=0.0)
    truth, single = (interpret(graph, inputs, precision) for precision in (np.float64, np.float32))
    return {name: _measured(exact, single[name], max(MARGIN, margin)) for name, exact in truth.items()}


def algorithms_of(graph: Graph, options: Options) -> set[str]:
    """Those that compiling a bound graph chooses."""
    optimised, cpu = optimise(graph, options.disabled), target(options.cpu)
    chosen = choose(optimised, cpu, exact=options.exact, batch=options.batch, given=options.choices).choices
    return {choice.algorithm for choice in chosen.values()}


def _measured(exact: Array, single: Array, margin: float) -> Expected:
    if exact.dtype.kind in "iu":
        return Expected(exact, np.full(exact.shape, float(exact.dtype == np.uint8)))
    largest = np.abs(exact, where=np.isfinite(exact), out=np.zeros(exact.shape)).max(initial=0.0)
    allowed = margin * distance(exact, single).max(initial=0.0) + 4 * U * largest
    return Expected(exact, np.full(exact.shape, allowed))


def compare_outputs(net: Net, graph: Graph, inputs: Mapping[str, Array], options: Options) -> list[Finding]:
    """The outputs of a network compiled with these options against those of its bound graph."""
    return differences(graph, measured(graph, inputs, algorithms_of(graph, options)), net.run(inputs))


def differences(graph: Graph, truth: Mapping[str, Expected], given: Mapping[str, Array]) -> list[Finding]:
    """A graph's outputs against what they should be."""
    makers = {name: graph.producer(value) for name, value in graph.outputs.items()}
    return [_finding(name, makers[name], "", wanted, given[name]) for name, wanted in truth.items()]


def compare_nodes(graph: Graph, inputs: Mapping[str, Array], options: Options) -> Iterator[Finding]:
    """Every node of an optimised graph on the operands that native code gave it, in order."""
    nodes = [node for node in graph.nodes() if node.op.name not in ("input", "param")]
    everything = Network(graph).capture(value.name for node in nodes for value in node.outputs).graph
    as_it_is = replace(options, disabled=frozenset(step.name for step in GRAPH_PASSES))
    schedules: list[Schedule] = []

    def after(name: str, stage: Stage, seconds: float) -> None:
        if isinstance(stage, Schedule):
            schedules.append(stage)

    native = Executable(compile_graph(everything, as_it_is, after))
    (schedule,) = schedules
    algorithms = schedule.algorithms(everything)
    values = {**inputs, **_learned(graph), **native.run(inputs)}
    for node in nodes:
        operands = [received(values[value.name]) for value in graph.operands(node)]
        for value, truth in zip(node.outputs, expected_of(node, operands, graph.params, algorithms), strict=True):
            yield _finding(value.name, node, schedule.choices[node.name].algorithm, truth, values[value.name])


def _finding(name: str, node: Node, algorithm: str, truth: Expected, given: Array) -> Finding:
    what, span, error = told(node), node.spans[0] if node.spans else None, truth.error(given)
    if error.size == 0:
        return Finding(name, what, algorithm, span, (), 0.0, 0.0, 0.0, 0.0)
    outside = np.subtract(error, truth.bound, where=error > truth.bound, out=np.zeros(error.shape))
    at = tuple(map(int, np.unravel_index(np.argmax(outside if outside.any() else error), error.shape)))
    numbers = (float(array[at]) for array in (given, truth.exact, error, truth.bound))
    return Finding(name, what, algorithm, span, at, *numbers)


def told(node: Node) -> str:
    """What a node computes, in the language."""
    parts = node.body.nodes() if node.body else [node]
    return " -> ".join(str(part.op) for part in parts if part.op.name != "input")


def _learned(graph: Graph) -> dict[str, Array]:
    data = {node.name: graph.params[node.weights["value"]].data for node in graph.nodes("param")}
    return {name: np.asarray(numbers) for name, numbers in data.items() if numbers is not None}
