"""The reference in the shape of native code, so that a `Net` may be either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from cnnc.compiler.interpreter import interpret
from cnnc.compiler.ir.graph import Graph
from cnnc.net import Array, shown
from cnnc.network import Network, Tensor, ports
from cnnc.runtime.errors import InputError

Precision = Literal["f32", "f64"]

_WORKING = {"f32": np.float32, "f64": np.float64}
_GIVEN = {"f32": np.dtype(np.float32), "u8": np.dtype(np.uint8), "i64": np.dtype(np.int64)}


class Interpreted:
    """A bound graph and the precision to walk it in."""

    def __init__(self, graph: Graph, precision: Precision = "f32"):
        self.graph = graph
        self.precision = _WORKING[precision]
        self.inputs: Sequence[Tensor] = Network(graph).inputs
        self.outputs: Sequence[Tensor] = ports(graph.outputs)

    def run(self, arrays: Mapping[str, Array], /) -> dict[str, Array]:
        self._check(arrays)
        return interpret(self.graph, arrays, self.precision)

    def _check(self, arrays: Mapping[str, Array]) -> None:
        """Raise `InputError` for what native code would refuse."""
        names = [port.name for port in self.inputs]
        for name in arrays:
            if name not in names:
                raise InputError(f"the network has no input `{name}`", code="E0605", help=f"it has {', '.join(names)}")
        for port in self.inputs:
            if port.name not in arrays:
                raise InputError(f"no array for input `{port.name}`", code="E0601")
            array = arrays[port.name]
            if array.dtype != _GIVEN[port.dtype] or array.ndim == 0 or array.shape[1:] != port.shape:
                given = f"{array.dtype}{list(array.shape)}"
                raise InputError(f"input `{port.name}` wants {shown(port)}, got {given}", code="E0602")
        if len(batches := {len(array) for array in arrays.values()}) > 1:
            listed = " and ".join(map(str, sorted(batches)))
            raise InputError(f"inputs differ in batch: {listed}", code="E0603")
