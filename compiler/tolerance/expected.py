"""What kernels may answer for a graph, or for one of its nodes on what it received."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...runtime.errors import InternalError
from ..ir.graph import Graph, Node, Param
from ..ir.operator import Array
from .case import ALGORITHMS, LEAST, PLAIN_SUM, UNDERFLOW, Case, Expected
from .rules import RULES


def received(array: Array) -> Expected:
    """What a kernel is given: exact by definition."""
    exact = array if array.dtype.kind == "i" and array.dtype.itemsize == 8 else array.astype(np.float64)
    return Expected(exact, np.zeros(array.shape))


def expected(
    graph: Graph, inputs: Mapping[str, Array], *, algorithms: Mapping[str, str] = {}, keep: bool = False
) -> dict[str, Expected]:
    """What kernels may answer for a graph's outputs, by name; with `keep` for all of its values.

    `algorithms` tells by which one a node is computed, by the node's name; the plain sum is assumed.
    """
    values = {value.name: received(np.asarray(inputs[value.name])) for value in graph.inputs}
    values |= _values(graph, values, graph.params, algorithms)
    return values if keep else {name: values[value.name] for name, value in graph.outputs.items()}


def expected_of(
    node: Node, operands: Sequence[Expected], params: Mapping[str, Param], algorithms: Mapping[str, str] = {}
) -> tuple[Expected, ...]:
    """What a kernel may answer for one node, a fused region among them; `received` makes operands of arrays."""
    if node.body is not None:
        given = {value.name: operand for value, operand in zip(node.body.inputs, operands, strict=True)}
        values = {**given, **_values(node.body, given, params, algorithms)}
        return tuple(values[value.name] for value in node.outputs)
    weights = {role: _data(params, name) for role, name in node.weights.items()}
    case = Case(node.op, operands, weights, ALGORITHMS.get(algorithms.get(node.name, ""), PLAIN_SUM))
    if node.op.name not in RULES:
        raise InternalError(f"no error bound is known for `{node.op.name}`")
    with np.errstate(all="ignore"):
        results = case.apply(*case.exact)
        return tuple(
            Expected(exact, _finished(exact, moved, own))
            for exact, (moved, own) in zip(results, RULES[node.op.name](case, results), strict=True)
        )


def _values(
    graph: Graph, given: Mapping[str, Expected], params: Mapping[str, Param], algorithms: Mapping[str, str]
) -> dict[str, Expected]:
    values = dict(given)
    for node in graph.nodes():
        if node.op.name != "input":
            operands = [values[value.name] for value in graph.operands(node)]
            results = expected_of(node, operands, params, algorithms)
            values |= {value.name: result for value, result in zip(node.outputs, results, strict=True)}
    return values


def _data(params: Mapping[str, Param], name: str) -> Array:
    data = params[name].data
    assert data is not None, "the graph's weights are bound"
    return np.asarray(data, np.float64)


def _finished(exact: Array, moved: Array, own: Array) -> Array:
    """The bound: a result that is not finite allows no other, unless its operands' errors do. One that is too small for
    float32 may be any such, even where its own error is too small for float64."""
    rounds = (own > 0) | ((exact != 0) & (np.abs(exact) < LEAST))
    bound = np.where(np.isfinite(exact), moved + own + UNDERFLOW * rounds, np.where(np.isinf(moved), np.inf, 0.0))
    return np.nan_to_num(bound, nan=np.inf, posinf=np.inf)
