"""Warnings about what is legal and rarely meant."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..ir.graph import Graph


def advise(graph: Graph) -> Iterator[Diagnostic]:
    """Findings about a whole graph, each where its source is."""
    for norm in graph.nodes("batchnorm"):
        (x,) = graph.operands(norm)
        layer = graph.producer(x)
        if "bias" in layer.weights and graph.sole_reader(x) is norm:
            yield Diagnostic(
                "W0301",
                f"the bias of `{layer.op.name}` is undone by the batchnorm after it",
                layer.spans[0] if layer.spans else None,
                help="bias=false",
                severity="warning",
            )
    for loss in graph.nodes("cross_entropy"):
        scores = graph.producer(graph.operands(loss)[0])
        if scores.op.name == "softmax":
            yield Diagnostic(
                "W0302",
                "softmax before cross_entropy, which applies it itself",
                scores.spans[0] if scores.spans else None,
                help="give cross_entropy the logits",
                severity="warning",
            )
