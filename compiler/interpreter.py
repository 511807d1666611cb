"""The reference: walks a graph and calls each operator's NumPy definition. Slow, and right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from ..runtime.errors import InputError, WeightsError
from .ir.graph import Graph, Node, Param, Value
from .ir.operator import Array
from .ir.types import DType

Precision = type[np.float32] | type[np.float64]


def interpret(
    graph: Graph, inputs: Mapping[str, Array], precision: Precision = np.float32, keep: bool = False
) -> dict[str, Array]:
    """The graph's outputs for these inputs, by name; with `keep` the values of all tensors, those of fused regions too.

    Arithmetic is done in `precision`, on bytes too; i64 stays whole. What the graph declares u8 or i64 comes out
    as such; f32 comes out in `precision`.
    """
    walk = _Walk(graph.params, precision, keep)
    for value in graph.inputs:
        if value.name not in inputs:
            raise InputError(f"no array for the input `{value.name}`", code="E0601")
    given = [_working(np.asarray(inputs[value.name]), value.type.dtype, precision) for value in graph.inputs]
    with np.errstate(all="ignore"):
        results = walk.run(graph, given)
    if keep:
        return {name: _declared(array, dtype) for name, (array, dtype) in walk.kept.items()}
    outputs = zip(graph.outputs.items(), results, strict=True)
    return {name: _declared(array, value.type.dtype) for (name, value), array in outputs}


class _Walk:
    """One interpretation: the parameters that nodes name, and the tensors kept for the caller."""

    def __init__(self, params: Mapping[str, Param], precision: Precision, keep: bool):
        self.params, self.precision, self.keep = params, precision, keep
        self.kept: dict[str, tuple[Array, DType]] = {}

    def run(self, graph: Graph, inputs: Sequence[Array]) -> list[Array]:
        """The outputs of a graph or a fused region, in order."""
        nodes = graph.nodes()
        last_reader = {value.name: node.name for node in nodes for value in graph.operands(node)}
        values: dict[str, Array] = {}
        self._define(values, graph.inputs, inputs)
        for node in nodes:
            if node.op.name == "input":
                continue
            operands = graph.operands(node)
            self._define(values, node.outputs, self._apply(node, [values[value.name] for value in operands]))
            for value in operands:
                if last_reader[value.name] == node.name and not graph.is_output(value):
                    values.pop(value.name, None)
        return [values[value.name] for value in graph.outputs.values()]

    def _define(self, values: dict[str, Array], names: Sequence[Value], arrays: Sequence[Array]) -> None:
        for value, array in zip(names, arrays, strict=True):
            values[value.name] = array
            if self.keep:
                self.kept[value.name] = array, value.type.dtype

    def _apply(self, node: Node, operands: Sequence[Array]) -> Sequence[Array]:
        if node.body is not None:
            return self.run(node.body, operands)
        result = node.op.reference(*operands, **{role: self._data(name) for role, name in node.weights.items()})
        return result if isinstance(result, tuple) else (result,)

    def _data(self, name: str) -> Array:
        param = self.params[name]
        if param.data is None:
            raise WeightsError(f"`{name}` has no numbers yet", code="E0405", help="give weights, or train")
        return _working(np.asarray(param.data), param.type.dtype, self.precision)


def _working(array: Array, dtype: DType, precision: Precision) -> Array:
    return array.astype(np.int64 if dtype == "i64" else precision)


def _declared(array: Array, dtype: DType) -> Array:
    whole: dict[DType, Literal["u1", "i8"]] = {"u8": "u1", "i64": "i8"}
    return array.astype(whole[dtype]) if dtype in whole else array
