"""Fewer nodes, outputs and images: each step yields smaller cases, the boldest first.

Parts are tried as in delta debugging (Zeller & Hildebrandt 2002): halves, what is left without them, then quarters.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TypeVar

from cnnc.case import Case
from cnnc.compiler.ir.graph import Graph, Node
from cnnc.compiler.ir.structure import Input
from cnnc.runtime.feeds import Array

Item = TypeVar("Item")


def parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    size = len(items) // 2
    while size:
        cuts = range(0, len(items), size)
        yield from (items[at : at + size] for at in cuts)
        if len(items) > 2 * size:
            yield from ([*items[:at], *items[at + size :]] for at in cuts)
        size //= 2


def nodes(case: Case) -> Iterator[Case]:
    """Some of the nodes: what they read from others becomes an input, with the numbers that it has."""
    for part in parts([node for node in computed(case.graph) if not isinstance(node.op, Input)]):
        yield from _alone(case, {node.name for node in part})


def outputs(case: Case) -> Iterator[Case]:
    """Some of the outputs, with what they need."""
    for names in parts(list(case.graph.outputs)):
        graph = case.graph.copy()
        graph.outputs = {name: case.graph.outputs[name] for name in names}
        yield from _pruned(graph, case.inputs)


def bypasses(case: Case) -> Iterator[Case]:
    """Without one node, whose readers read an operand of the same type."""
    for node in case.graph.nodes():
        for operand in dict.fromkeys(case.graph.operands(node)):
            if [operand.type] == [value.type for value in node.outputs]:
                graph = case.graph.copy()
                graph.replace_uses(node.output, operand)
                graph.outputs = {value.name: value for value in graph.outputs.values()}
                yield from _pruned(graph, case.inputs)


def images(case: Case) -> Iterator[Case]:
    for rows in parts(range(len(next(iter(case.inputs.values()))))):
        yield Case(case.graph, {name: array[list(rows)] for name, array in case.inputs.items()})


def computed(graph: Graph) -> list[Node]:
    """Inputs and what is made of them. Parameters, and what is made of them alone, go wherever they are read."""
    made = dict[Node, None]()
    for node in graph.nodes():
        if isinstance(node.op, Input) or any(graph.producer(value) in made for value in graph.operands(node)):
            made[node] = None
    return list(made)


def _alone(case: Case, kept: Collection[str]) -> Iterator[Case]:
    graph, made = case.graph, Graph(case.graph.name)
    stays = {node.name for node in graph.nodes()} - {node.name for node in computed(graph)} | set(kept)
    read = {value for node in graph.nodes() if node.name in kept for value in graph.operands(node)}
    for node in graph.nodes():
        for value in node.outputs if node.name not in stays else ():
            if value in read:
                if not value.type.batched:  # a loss, which cannot be given
                    return
                made.add_input(value, Input(value.type.dtype), node.spans if isinstance(node.op, Input) else ())
    for node in graph.nodes():
        if node.name in stays:
            made.add(node, graph.operands(node))
    seen = [value for node in made.nodes() if node.name in kept for value in node.outputs]
    ends = [value for value in seen if graph.is_output(value) or not made.readers(value)]
    made.outputs = {value.name: value for value in ends}
    made.params = dict(graph.params)
    yield from _pruned(made, case.values)


def _pruned(graph: Graph, arrays: Mapping[str, Array]) -> Iterator[Case]:
    """Without nodes, inputs and weights that no output needs; nothing where only parameters are left."""
    while doomed := [node for node in graph.nodes() if not graph.is_needed(node)]:
        graph.remove(doomed)
    graph.inputs = tuple(node.output for node in graph.nodes("input"))
    graph.drop_unused_params()
    if graph.inputs:
        yield Case(graph, {value.name: arrays[value.name] for value in graph.inputs})
