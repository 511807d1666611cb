"""What holds of every graph between two passes, as a table of rules.

A rule is a generator of what breaks it: the node (or None) and what was found. Its name and its docstring are what the
error says. The rules stand in order, and each may rely on those above it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ...runtime.errors import InternalError
from ..diagnostics import Refusal
from .graph import Graph, Node, Param
from .operator import REGISTRY
from .structure import Fused, Input
from .text import prefix_of
from .types import BATCH, Dim, Size, Type, Undecided

_NAME = re.compile(
    "(?!(?:use|const|block|model|input|param|share|output|assert|if|then|else|and|or|not|as|true|false|none)$)"
    "[A-Za-z_][A-Za-z0-9_]*"
)


@dataclass(frozen=True)
class Case:
    """A graph under trial. `params` are the whole network's, for a region too; `free` allows sizes not yet bound."""

    graph: Graph
    params: Mapping[str, Param]
    free: bool

    def types(self, node: Node) -> list[Type]:
        return [value.type for value in self.graph.operands(node)]


Finding = tuple[Node | None, str]
Rule = Callable[[Case], Iterator[Finding]]
RULES: list[Rule] = []


def verify(graph: Graph, free: bool = False) -> None:
    """Raise `InternalError` for the first rule that a graph breaks. `free`: sizes such as H need no number yet."""
    _verify(Case(graph, graph.params, free))


def _verify(case: Case) -> None:
    for rule in RULES:
        for node, found in rule(case):
            place = f", made from {node.spans[0]}" if node is not None and node.spans else ""
            subject = f"`{node.name}` in `{case.graph.name}`" if node is not None else f"`{case.graph.name}`"
            sentence = (rule.__doc__ or "").rstrip(".")
            raise InternalError(f"{subject} breaks the rule {rule.__name__} ({sentence}): {found}{place}")


def rule(check: Rule) -> Rule:
    """Enter a rule at the end of the table."""
    RULES.append(check)
    return check


@rule
def acyclic(case: Case) -> Iterator[Finding]:
    """No node waits for its own result."""
    if cycle := case.graph.cycle():
        yield cycle[0], " -> ".join(node.name for node in [*cycle, cycle[0]])


@rule
def names(case: Case) -> Iterator[Finding]:
    """The names of values are identifiers, unique, and, inputs' aside, no operator's."""
    seen: set[str] = set()
    for node in case.graph.nodes():
        for value in node.outputs:
            if not _NAME.fullmatch(value.name):
                yield node, f"`{value.name}` is no name"
            if value.name in REGISTRY and not isinstance(node.op, Input):
                yield node, f"`{value.name}` is an operator"
            if value.name in seen:
                yield node, f"`{value.name}` is defined twice"
            seen.add(value.name)


@rule
def edges(case: Case) -> Iterator[Finding]:
    """An edge carries one of its producer's values."""
    for giver, reader, index, value in case.graph.edges():
        if value not in giver.outputs:
            yield reader, f"operand {index} is {value.name}: {value.type}, which `{giver.name}` does not give"


@rule
def operands(case: Case) -> Iterator[Finding]:
    """Operands are numbered from 0 without gaps."""
    given: dict[str, list[int]] = {}
    for _, reader, index, _ in case.graph.edges():
        given.setdefault(reader.name, []).append(index)
    for node in case.graph.nodes():
        indices = sorted(given.get(node.name, []))
        if indices != list(range(len(indices))):
            yield node, f"it has the operands {indices}"


@rule
def arity(case: Case) -> Iterator[Finding]:
    """An operator has as many operands and outputs as its record says."""
    for node in case.graph.nodes():
        count = len(case.graph.operands(node))
        if count != node.op.inputs if node.op.inputs is not None else not count:
            yield node, f"{node.op.name} has {count} operands, and takes {node.op.inputs or 'one or more'}"
        if node.op.outputs not in (None, len(node.outputs)):
            yield node, f"{node.op.name} has {len(node.outputs)} outputs, and gives {node.op.outputs}"


@rule
def sizes(case: Case) -> Iterator[Finding]:
    """Sizes are numbers of at least 1; only axis 0 may be the batch."""
    for node in case.graph.nodes():
        for value in node.outputs:
            for axis, size in enumerate(value.type.shape):
                if not _is_size(size, axis, case.free):
                    yield node, f"axis {axis} of {value.name}: {value.type} is {size}"


def _is_size(size: Size, axis: int, free: bool) -> bool:
    if isinstance(size, int):
        return size >= 1
    return (axis == 0 and size == Dim.letter(BATCH)) or (free and BATCH not in size.letters())


@rule
def inputs(case: Case) -> Iterator[Finding]:
    """The inputs are the values of the input nodes, in their order."""
    nodes = case.graph.nodes("input")
    if tuple(node.output for node in nodes) != case.graph.inputs:
        yield None, f"inputs {[v.name for v in case.graph.inputs]}, input nodes {[node.name for node in nodes]}"
    for node in nodes:
        if isinstance(node.op, Input) and node.op.dtype != node.output.type.dtype:
            yield node, f"{node.op} gives {node.output.type}"


@rule
def outputs(case: Case) -> Iterator[Finding]:
    """The outputs are values of the graph, at least one."""
    if not case.graph.outputs:
        yield None, "it has no output"
    values = {value for node in case.graph.nodes() for value in node.outputs}
    for name, value in case.graph.outputs.items():
        if value not in values:
            yield None, f"the output {name} is {value.name}: {value.type}, which no node gives"


@rule
def types(case: Case) -> Iterator[Finding]:
    """The types of outputs are those that the record infers."""
    for node in case.graph.nodes():
        if isinstance(node.op, (Input, Fused)):
            continue
        try:
            inferred = node.op.infer(*case.types(node))
        except Undecided:
            continue  # only where sizes are free: the rule above has seen to that
        except Refusal as refusal:
            yield node, refusal.message
            continue
        wanted = inferred if isinstance(inferred, tuple) else (inferred,)
        given = tuple(value.type for value in node.outputs)
        if given != wanted:
            yield node, f"it gives {_listed(given)}, the record {_listed(wanted)}"


@rule
def weights(case: Case) -> Iterator[Finding]:
    """A node names a weight for each role of its record, `prefix.role`, of the shape that the record asks for."""
    for node in case.graph.nodes():
        try:
            specs = node.op.params(*case.types(node))
        except Undecided:
            continue
        if set(node.weights) != set(specs):
            yield node, f"it has the weights {sorted(node.weights)}, the record {sorted(specs)}"
            continue
        for role, name in node.weights.items():
            if name not in case.params:
                yield node, f"there is no parameter {name}"
            elif case.params[name].type.shape != specs[role].shape:
                yield node, f"{name} is {case.params[name].type}, the record wants {_listed(specs[role].shape)}"
            elif node.op.name != "param" and name != f"{prefix_of(node)}.{role}":
                yield node, f"its {role} is called {name}, but others {prefix_of(node)}.*"


@rule
def data(case: Case) -> Iterator[Finding]:
    """The numbers of a parameter have its shape."""
    for node in case.graph.nodes():
        for name in node.weights.values():
            numbers, wanted = case.params[name].data, case.params[name].type
            if numbers is not None and numbers.shape != wanted.shape:
                yield node, f"{name} is {wanted}, its numbers {_listed(numbers.shape)}"


@rule
def regions(case: Case) -> Iterator[Finding]:
    """A fused node, and no other, has a body, whose inputs and outputs are its own; bodies obey all rules."""
    names = Counter(node.body.name for node in case.graph.nodes() if node.body is not None)
    for node in case.graph.nodes():
        if isinstance(node.op, Fused) != (node.body is not None):
            yield node, f"a {node.op.name} {'without' if node.body is None else 'with'} a body"
        if node.body is None:
            continue
        if names[node.body.name] > 1:
            yield node, f"two regions are called {node.body.name}"
        reads, takes = case.types(node), [value.type for value in node.body.inputs]
        if reads != takes:
            yield node, f"its operands are {_listed(reads)}, its body takes {_listed(takes)}"
        if tuple(node.body.outputs.values()) != node.outputs:
            yield node, f"its body gives {_listed(node.body.outputs)}"
        _verify(Case(node.body, case.params, case.free))


def _listed(items: object) -> str:
    return f"[{', '.join(map(str, items))}]"  # type: ignore[call-overload]
