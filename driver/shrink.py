"""Smaller tensors, attributes and numbers: each step yields smaller cases, the boldest first.

A network that does not fit together any more is not yielded. Weights and inputs keep their first numbers; where they
must grow, as with fewer groups, these repeat. No step undoes another one's work, so that taking turns ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cnnc.case import Case
from cnnc.compiler.diagnostics import Refusal
from cnnc.compiler.ir.graph import Graph, Node, Param, Value
from cnnc.compiler.ir.operator import Attr, Derived, Operator
from cnnc.compiler.ir.structure import Input, Parameter
from cnnc.compiler.ir.types import Size, Type, Undecided, ints
from cnnc.runtime.feeds import Array

Change = tuple[Operator, Type]  # what a node shall be, and of what type if it is an input

SIZED = {1: ("channels", "units", "groups"), 2: ("h",), 3: ("w",)}  # by axis: attributes that say how long it is


def sizes(case: Case) -> Iterator[Case]:
    """An axis that is shorter wherever it is said how long it is; or, if that does not do, in one place."""
    for axis in SIZED:
        lengths = {node: _length(node, axis) for node in case.graph.nodes()}
        for length in sorted({*lengths.values()} - {0}, reverse=True):
            nodes = [node for node, own in lengths.items() if own == length]
            for less in _less(length):
                changes = {node.name: _shortened(node, axis, length, less) for node in nodes}
                yield from _changed(case, changes)
                for name, change in changes.items() if len(changes) > 1 else ():
                    yield from _changed(case, {name: change})


def attributes(case: Case) -> Iterator[Case]:
    """A smaller number among an operator's attributes, or its default."""
    for node in case.graph.nodes():
        for spec in () if isinstance(node.op, Input | Parameter) else node.op.attrs:
            for value in _simpler(spec, getattr(node.op, spec.name)):
                op = replace(node.op, **{spec.name: value})  # type: ignore[type-var]
                yield from _changed(case, {node.name: (op, node.output.type)})


def numbers(case: Case) -> Iterator[Case]:
    """A weight or an input that is all zeros, all ones, or of few binary digits."""
    for name, array in {**case.weights, **case.inputs}.items():
        for simple in (np.zeros_like(array), np.ones_like(array), (np.round(array * 8.0) / 8).astype(array.dtype)):
            if np.array_equal(simple, array):
                break
            if name in case.inputs:
                yield Case(case.graph, {**case.inputs, name: simple})
            else:
                yield Case(case.graph.bind({name: simple}), case.inputs)


def _length(node: Node, axis: int) -> int:
    """How long a node says an axis to be; 0 where it says nothing, or 1."""
    shape, at = node.output.type.shape, _place(node, axis)
    says = isinstance(node.op, Input | Parameter) or any(hasattr(node.op, name) for name in SIZED[axis])
    size = shape[at] if says and 0 <= at < len(shape) else 0
    return size if isinstance(size, int) and size > 1 else 0


def _place(node: Node, axis: int) -> int:
    """Where an axis is in a node's shape: parameters may lack the first ones, and mostly have 3."""
    return axis - 4 + node.output.type.rank if isinstance(node.op, Parameter) else axis


def _shortened(node: Node, axis: int, length: int, less: int) -> Change:
    shape: list[Size] = list(node.output.type.shape)
    if isinstance(node.op, Input | Parameter):
        shape[_place(node, axis)] = less
    if isinstance(node.op, Parameter):
        return replace(node.op, shape=tuple(shape)), node.output.type
    names = [name for name in SIZED[axis] if getattr(node.op, name, None) == length]
    return replace(node.op, **dict.fromkeys(names, less)), Type(node.output.type.dtype, tuple(shape))  # type: ignore[type-var]


def _less(number: int) -> list[int]:
    """Smaller numbers: 1, half, and then by half as much less each time."""
    return sorted({1, *(number - (number >> k) for k in range(1, number.bit_length()))} - {number})


def _simpler(spec: Attr, value: Any) -> Iterator[Any]:
    """Attributes that may stand for one, and are nearer to nothing."""
    if isinstance(value, bool):
        tried: list[Any] = [False]
    elif isinstance(value, int):
        tried = [0, *_less(value)] if value > 0 else []
    elif isinstance(value, tuple) and all(isinstance(n, int) for n in value):
        tried = [tuple(min(n, low) for n in value) for low in (0, 1)] + [tuple(n - n // 2 for n in value if n > 0)]
        tried += [(*value[:at], n, *value[at + 1 :]) for at, own in enumerate(value) if own > 1 for n in _less(own)]
    elif spec.required or isinstance(spec.default, Derived) or (spec.default is None and isinstance(value, float)):
        tried = []  # the number of an `x + 1` among them, which is an operand
    else:
        tried = [spec.default]
    for other in tried:
        if other != value:
            try:
                yield spec.accept(other)
            except Refusal:
                continue


def _changed(case: Case, changes: Mapping[str, Change]) -> Iterator[Case]:
    try:
        graph = _rebuilt(case.graph, changes)
    except (Refusal, Undecided):
        return
    shapes = {value.name: value.type.known for value in graph.inputs}
    yield Case(graph, {name: _fitted(array, (len(array), *shapes[name])) for name, array in case.inputs.items()})


def _rebuilt(graph: Graph, changes: Mapping[str, Change]) -> Graph:
    """The graph with other operators and inputs, all types inferred anew; raises `Refusal` where they do not fit. Nodes
    that share weights are one stage of the text, and change together."""
    made, values = Graph(graph.name), dict[str, Value]()
    stages = {node.name: tuple(node.weights.values()) or node.name for node in graph.nodes()}
    changed = {stages[name]: op for name, (op, _) in changes.items()}
    for node in graph.nodes():
        op = changed.get(stages[node.name], node.op)
        _, type = changes.get(node.name, (op, node.output.type))
        operands = [values[value.name] for value in graph.operands(node)]
        types = [value.type for value in operands]
        inferred = type if isinstance(op, Input) else op.infer(*types)
        every = inferred if isinstance(inferred, tuple) else (inferred,)
        if len(every) != len(node.outputs) or any(isinstance(n, int) and n < 1 for type in every for n in type.shape):
            raise Refusal("E0302", f"`{node.name}` would give {', '.join(map(str, every))}")
        own = tuple(replace(value, type=type) for value, type in zip(node.outputs, every, strict=True))
        values |= {value.name: value for value in own}
        if isinstance(op, Input):
            made.add_input(own[0], op, node.spans)
            continue
        weights = {role: node.weights[role] for role in op.params(*types)}
        for role, spec in op.params(*types).items():
            param = _param(graph.params[weights[role]], ints(spec.shape), spec.data() if spec.data else None)
            if made.params.setdefault(weights[role], param) != param:
                raise Refusal("E0320", f"`{weights[role]}` is shared, but would be of two shapes")
        made.add(replace(node, op=op, outputs=own, weights=weights), operands)
    made.outputs = {name: values[value.name] for name, value in graph.outputs.items()}
    return made


def _param(old: Param, shape: tuple[int, ...], literal: Array | None) -> Param:
    assert old.data is not None, "the weights are bound"
    return replace(
        old, type=Type("f32", shape), data=_fitted(np.asarray(old.data), shape) if literal is None else literal
    )


def _fitted(array: Array, shape: tuple[int, ...]) -> Array:
    for axis, size in enumerate(shape):
        if array.shape[axis] != size:
            array = np.take(array, np.arange(size), axis, mode="wrap")
    return np.ascontiguousarray(array)
