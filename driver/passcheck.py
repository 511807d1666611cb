"""`--verify-each`: the graph means the same before and after each pass."""

from __future__ import annotations

import numpy as np

from cnnc.comparison import measured
from cnnc.compiler.interpreter import interpret
from cnnc.compiler.ir.graph import Graph, Node
from cnnc.compiler.ir.verify import verify
from cnnc.compiler.options import Stage
from cnnc.compiler.tolerance import Expected
from cnnc.inputs import random_inputs
from cnnc.network import Network
from cnnc.runtime.errors import InternalError
from cnnc.runtime.feeds import Array


class PassCheck:
    """Interprets every graph of a compilation on the same made-up inputs; a callback for `compile_graph`."""

    def __init__(self, seed: int = 0):
        self.seed = seed
        self.nodes: set[Node] = set()
        self.inputs: dict[str, Array] = {}
        self.truth: dict[str, Expected] = {}

    def after(self, name: str, stage: Stage) -> None:
        """Raise `InternalError` where a pass left a graph that is malformed or gives other numbers."""
        if not isinstance(stage, Graph):
            return
        try:
            verify(stage)
        except InternalError as error:
            raise InternalError(f"{name} left a malformed graph: {error}") from error
        if not self.inputs:
            self._begin(stage)
        for output, array in interpret(stage, self.inputs, np.float64).items():
            truth = self.truth[output]
            if truth.misses(array).any():
                raise InternalError(
                    f"{name} changed `{output}` by {truth.error(array).max():.3g}{self._suspects(stage)}"
                )
        self.nodes = set(stage.nodes())

    def _begin(self, graph: Graph) -> None:
        """Folding rounds weights to single precision, so that its errors are the measure here too."""
        self.inputs = random_inputs(Network(graph).inputs, 1, self.seed)
        self.truth = measured(graph, self.inputs)

    def _suspects(self, graph: Graph) -> str:
        """The nodes that the pass rewrote, with their places in the source."""
        new = [node for node in graph.nodes() if node not in self.nodes]
        told = [f"{node.name} ({node.spans[0]})" if node.spans else node.name for node in new[:3]]
        return f"; it rewrote {', '.join(told)}" if told else ""
