"""The graph: meaning only. Always NCHW; no layouts, no addresses. The one place that knows networkx."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import networkx as nx
import numpy as np

from ..diagnostics import Span
from .deferred import Numbers
from .operator import Operator
from .types import Type


@dataclass(frozen=True)
class Value:
    """A tensor of the graph: what users capture. Names are identifiers, unique in a graph."""

    name: str
    type: Type


@dataclass(frozen=True, eq=False)
class Node:
    """One application of an operator.

    `weights` maps the operator's parameter roles ("weight", "bias") to names in `Graph.params`; nodes that share
    weights name the same ones. `body` is a fused region: a graph whose inputs are, in order, this node's operands;
    its `params` are the outer graph's. `spans` say where in the source it came from; fusion unites them.
    """

    op: Operator
    outputs: tuple[Value, ...]
    weights: Mapping[str, str] = field(default_factory=dict)
    body: Graph | None = None
    spans: tuple[Span, ...] = ()

    @property
    def name(self) -> str:
        return self.outputs[0].name

    @property
    def output(self) -> Value:
        return self.outputs[0]


@dataclass(frozen=True)
class Param:
    """A tensor that belongs to the network: learned, or frozen with its `data`. Printed by name, stored beside."""

    type: Type
    trained: bool = True
    start: str = "zeros"
    data: Numbers | None = field(default=None, compare=False, repr=False)


class Graph:
    """Nodes and the values between them, in a `networkx.MultiDiGraph`.

    A node's key is the name of its first output and its payload (`"node"`) the `Node`; an edge's key is the operand's
    index (`gx * gx` is two edges) and its payload (`"value"`) the `Value`. `outputs` maps the names that users see to
    values. Nodes keep the order in which they were added, and every listing is topological and stable in it.
    """

    def __init__(self, name: str):
        self.name = name
        self.nx: nx.MultiDiGraph = nx.MultiDiGraph()
        self.inputs: tuple[Value, ...] = ()
        self.outputs: dict[str, Value] = {}
        self.params: dict[str, Param] = {}
        self._producer: dict[str, str] = {}
        self._order: dict[str, float] = {}
        self._latest = 0.0

    # Building

    def add(self, node: Node, operands: Sequence[Value] = (), before: Node | None = None) -> Node:
        """Add a node that reads `operands`, in the order of its arguments; `before` places it in the listing."""
        key = node.name
        if any(value.name in self._producer for value in node.outputs):
            raise ValueError(f"{key} is defined twice")
        self.nx.add_node(key, node=node)
        self._order[key] = self._place(before)
        self._latest = max(self._latest, self._order[key])
        for value in node.outputs:
            self._producer[value.name] = key
        for index, value in enumerate(operands):
            self._connect(value, key, index)
        return node

    def add_input(self, value: Value, op: Operator, spans: tuple[Span, ...] = ()) -> Value:
        """Add a model input; `op` is the record that stands for inputs."""
        self.add(Node(op, (value,), spans=spans))
        self.inputs = (*self.inputs, value)
        return value

    def _place(self, before: Node | None) -> float:
        if before is None:
            return self._latest + 1.0
        here = self._order[before.name]
        return (max((o for o in self._order.values() if o < here), default=here - 2.0) + here) / 2

    def _connect(self, value: Value, key: str, index: int) -> None:
        self.nx.add_edge(self._producer[value.name], key, key=index, value=value)

    # Asking

    def nodes(self, *names: str) -> list[Node]:
        """All nodes, operands first (those of the operators named, if any are)."""
        order = nx.lexicographical_topological_sort(self.nx, key=self._order.__getitem__)
        nodes = [self.nx.nodes[key]["node"] for key in order]
        return [node for node in nodes if node.op.name in names] if names else nodes

    def producer(self, value: Value) -> Node:
        return self.nx.nodes[self._producer[value.name]]["node"]

    def operands(self, node: Node) -> tuple[Value, ...]:
        edges = self.nx.in_edges(node.name, keys=True, data="value")
        return tuple(value for _, _, _, value in sorted(edges, key=lambda edge: edge[2]))

    def readers(self, value: Value) -> list[tuple[Node, int]]:
        """Who reads a value, and as which operand."""
        edges = self.nx.out_edges(self._producer[value.name], keys=True, data="value")
        return [(self.nx.nodes[to]["node"], index) for _, to, index, read in edges if read.name == value.name]

    def sole_reader(self, value: Value) -> Node | None:
        """The one node that reads a value, if there is just one reading and the value is no output."""
        readers = self.readers(value)
        return readers[0][0] if len(readers) == 1 and not self.is_output(value) else None

    def is_output(self, value: Value) -> bool:
        return any(out.name == value.name for out in self.outputs.values())

    def is_needed(self, node: Node) -> bool:
        """Whether anybody reads the node, or one of its values is an output."""
        return self.nx.out_degree(node.name) > 0 or any(map(self.is_output, node.outputs))

    def edges(self) -> Iterator[tuple[Node, Node, int, Value]]:
        """Every reading: who gives the value, who reads it, as which operand, and the value."""
        for giver, reader, index, value in self.nx.edges(keys=True, data="value"):
            yield self.nx.nodes[giver]["node"], self.nx.nodes[reader]["node"], index, value

    def cycle(self) -> list[Node]:
        """Nodes that wait for one another, if there are such: a valid graph has none."""
        try:
            return [self.nx.nodes[key]["node"] for key, *_ in nx.find_cycle(self.nx)]
        except nx.NetworkXNoCycle:
            return []

    def fresh(self, base: str) -> str:
        """A name like `base` that no value has."""
        name, k = base, 1
        while name in self._producer:
            k += 1
            name = f"{base}_{k}"
        return name

    def fresh_prefix(self, base: str) -> str:
        """A prefix like `base` that no parameter's name begins with."""
        prefix, k = base, 1
        while any(name == prefix or name.startswith(f"{prefix}.") for name in self.params):
            k += 1
            prefix = f"{base}_{k}"
        return prefix

    # Rewriting

    def copy(self) -> Graph:
        """A graph of its own that shares the (immutable) nodes, values and params."""
        other = Graph(self.name)
        other.nx = self.nx.copy()
        other.inputs, other.outputs = self.inputs, dict(self.outputs)
        other.params, other._producer = dict(self.params), dict(self._producer)
        other._order, other._latest = dict(self._order), self._latest
        return other

    def replace_uses(self, old: Value, new: Value) -> None:
        """Let every reader of `old`, and every output that is `old`, take `new`."""
        for node, index in self.readers(old):
            self.nx.remove_edge(self._producer[old.name], node.name, key=index)
            self._connect(new, node.name, index)
        self.outputs = {name: new if out.name == old.name else out for name, out in self.outputs.items()}

    def swap(self, node: Node, operands: Sequence[Value] | None = None, **changes: object) -> Node:
        """Put a changed copy of a node in its place (`dataclasses.replace`); its outputs keep their names."""
        operands = self.operands(node) if operands is None else operands
        changed = replace(node, **changes)  # type: ignore[arg-type]
        self.nx.remove_edges_from([(a, b, k) for a, b, k in self.nx.in_edges(node.name, keys=True)])
        self.nx.nodes[node.name]["node"] = changed
        for index, value in enumerate(operands):
            self._connect(value, node.name, index)
        return changed

    def remove(self, nodes: Iterable[Node]) -> None:
        """Remove nodes that nobody outside this set reads."""
        doomed = {node.name: node for node in nodes}
        for key, node in doomed.items():
            if any(self.is_output(value) for value in node.outputs):
                raise ValueError(f"{key} is an output")
            if any(to not in doomed for _, to in self.nx.out_edges(key)):
                raise ValueError(f"{key} is still read")
        for key, node in doomed.items():
            self.nx.remove_node(key)
            del self._order[key]
            for value in node.outputs:
                del self._producer[value.name]

    def drop_unused_params(self) -> None:
        used = {name for node in self.nodes() for name in params_of(node)}
        self.params = {name: param for name, param in self.params.items() if name in used}

    def bind(self, data: Mapping[str, Numbers]) -> Graph:
        """The same graph with weights: `data` by parameter name, shapes already checked."""
        bound = self.copy()
        bound.params = {
            name: replace(param, data=data[name]) if name in data else param for name, param in self.params.items()
        }
        return bound

    def read(self) -> Graph:
        """The same graph with all its numbers in memory."""
        known = {name: param.data for name, param in self.params.items() if param.data is not None}
        return self.bind({name: np.asarray(data) for name, data in known.items()})

    def unbound(self) -> Graph:
        """The same graph without a number."""
        other = self.copy()
        other.params = {name: replace(param, data=None) for name, param in self.params.items()}
        return other

    # Comparing

    def __eq__(self, other: object) -> bool:
        """Same nodes in the same order with the same names, attributes, types and weights; spans don't count."""
        if not isinstance(other, Graph):
            return NotImplemented
        return (
            self.name == other.name
            and self.inputs == other.inputs
            and self.outputs == other.outputs
            and self.params == other.params
            and self._facts() == other._facts()
        )

    __hash__ = None  # type: ignore[assignment]

    def _facts(self) -> list[object]:
        return [
            (n.op, n.outputs, dict(n.weights), self.operands(n), n.body._facts() if n.body else None)
            for n in self.nodes()
        ]


def params_of(node: Node) -> set[str]:
    """The parameters that a node names, or its region."""
    inner = {name for child in node.body.nodes() for name in params_of(child)} if node.body else set()
    return inner | set(node.weights.values())
