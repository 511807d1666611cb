"""The reference in the shape of native code, so that a `Net` may be either."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from cnnc.compiler.interpreter import interpret
from cnnc.compiler.ir.graph import Graph
from cnnc.network import Network, Tensor, ports
from cnnc.runtime.feeds import Array, fitting, in_order

Precision = Literal["f32", "f64"]

_WORKING = {"f32": np.float32, "f64": np.float64}


class Interpreted:
    """A bound graph and the precision to walk it in."""

    threads = 1  # NumPy's own are not ours to count

    def threads_for(self, images: int) -> int:
        return self.threads

    def __init__(self, graph: Graph, precision: Precision = "f32"):
        self.graph = graph
        self.precision = _WORKING[precision]
        self.inputs: Sequence[Tensor] = Network(graph).inputs
        self.outputs: Sequence[Tensor] = ports(graph.outputs)

    def run(self, feeds: Mapping[str, npt.ArrayLike], /) -> dict[str, Array]:
        results = self(*in_order(self.inputs, feeds))
        return {port.name: result for port, result in zip(self.outputs, results, strict=True)}

    def __call__(self, *arrays: npt.ArrayLike) -> list[Array]:
        fits = fitting(self.inputs, arrays)
        feeds = {port.name: array for port, array in zip(self.inputs, fits, strict=True)}
        return list(interpret(self.graph, feeds, self.precision).values())
