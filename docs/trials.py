"""Samples put to the compiler: their programs run, and stages applied to types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from samples import Sample

from cnnc.compiler.diagnostics import Diagnostic
from cnnc.compiler.frontend import Model, parse_text
from cnnc.compiler.frontend.weights import random_weights
from cnnc.compiler.interpreter import interpret
from cnnc.compiler.ir.graph import Node
from cnnc.compiler.ir.operator import REGISTRY, Array, ParamSpec
from cnnc.compiler.ir.types import Type
from cnnc.runtime.errors import ModelError

DTYPES = {"float32": "f32", "uint8": "u8", "int64": "i64"}


def program(sample: Sample) -> str:
    """The sample's whole text."""
    inputs = (
        f"  input {name}: {DTYPES[str(value.dtype)]}[{', '.join(['N', *map(str, value.shape)])}]\n"
        for name, value in sample.feeds.items()
    )
    return f"model Example {{\n{''.join(inputs)}  {sample.body}\n}}\n"


def run(sample: Sample) -> dict[str, Array]:
    """What the program makes of the sample's inputs, as one batch of 1, by the definitions in double precision."""
    graph = parse_text(program(sample)).graph
    bound = graph.bind({**random_weights(graph, seed=0), **sample.weights})
    return interpret(bound, {name: value[None] for name, value in sample.feeds.items()}, np.float64)


@dataclass(frozen=True)
class Shape:
    """A stage and the types that it is applied to, sizes perhaps letters. Where it is refused, `model` raises."""

    stage: str
    types: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.stage.partition("(")[0]

    @cached_property
    def model(self) -> Model:
        names = [f"x{i}" for i in range(len(self.types))]
        inputs = " ".join(f"input {name}: {type}" for name, type in zip(names, self.types, strict=True))
        given = names[0] if REGISTRY[self.name].inputs == 1 else f"({', '.join(names)})"
        first = "[0]" if REGISTRY[self.name].outputs is None else ""
        return parse_text(f"model Shape {{ {inputs} t = {given} -> {self.stage} output y = t{first} }}", free=True)

    @property
    def node(self) -> Node:
        (node,) = self.model.graph.nodes(self.name)
        return node

    @property
    def results(self) -> tuple[Type, ...]:
        return tuple(value.type for value in self.node.outputs)

    @property
    def params(self) -> dict[str, ParamSpec]:
        operands = self.model.graph.operands(self.node)
        return self.node.op.params(*(value.type for value in operands))

    @property
    def conditions(self) -> Iterable[str]:
        """What must hold of the letters: `H >= 3 and W >= 3`."""
        for note in self.model.warnings:
            if note.severity == "note":
                yield note.message.partition(" only if ")[2]

    @property
    def refusal(self) -> Diagnostic | None:
        try:
            _ = self.model
        except ModelError as error:
            return next(finding for finding in error.diagnostics if isinstance(finding, Diagnostic))
        return None


def drawn(tensors: Mapping[str, Array]) -> list[str]:
    """Each tensor with its name, without the batch: channels side by side; what is one row stands beside the others."""
    numbers = {name: array[0] if array.ndim else array for name, array in tensors.items()}
    single = [array for array in numbers.values() if array.ndim < 2]
    width = max((len(_number(value)) for array in single for value in np.ravel(array)), default=0)
    name_width = max(map(len, tensors))
    return [
        f"{name:{name_width}} = {_row(array, width)}" if array.ndim < 2 else f"{name} =\n{_planes(array)}"
        for name, array in numbers.items()
    ]


def listed(array: Array) -> str:
    """The numbers in brackets."""
    return f"[{', '.join(map(listed, array))}]" if array.ndim else _number(float(array))


def _planes(array: Array) -> str:
    planes = array if array.ndim == 3 else array[None]
    width = max(len(_number(value)) for value in np.ravel(array))
    return "\n".join(f"  {' │ '.join(_row(row, width) for row in rows)}" for rows in planes.swapaxes(0, 1))


def _row(array: Array, width: int) -> str:
    return " ".join(_number(value).rjust(width) for value in np.ravel(array))


def _number(value: float) -> str:
    return f"{value + 0:.4g}"  # + 0 takes the sign off a zero
