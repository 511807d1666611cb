"""The table of contents of the compiler: every pass and phase, in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from functools import partial
from typing import TypeVar

from ..runtime.abi import Artifact
from .codegen.build import build
from .codegen.lowering import LOWERINGS
from .codegen.planner import plan
from .codegen.program import Program
from .ir.graph import Graph
from .options import Callback, Options, ignore
from .passes.base import Pass
from .passes.drop_dead_nodes import DropDeadNodes
from .passes.drop_identities import DropIdentities
from .passes.fold_batchnorm import FoldBatchnorm
from .passes.fold_constants import FoldConstants
from .passes.fuse_epilogues import FuseEpilogues
from .passes.fuse_siblings import FuseSiblings
from .passes.merge_pads import MergePads
from .passes.share_subexpressions import ShareSubexpressions
from .schedule.choose import choose
from .schedule.schedule import Schedule
from .schedule.target import target
from .uncollected import uncollected

GRAPH_PASSES: tuple[Pass, ...] = (
    DropIdentities(), FoldConstants(), ShareSubexpressions(), MergePads(),
    FoldBatchnorm(), FuseSiblings(), DropDeadNodes(), FuseEpilogues(),
)  # fmt: skip


Made = TypeVar("Made", Graph, Schedule, Program, Artifact)


def optimise(graph: Graph, disabled: Collection[str] = (), after: Callback = ignore) -> Graph:
    """The graph after all passes but those named."""
    for step in GRAPH_PASSES:
        if step.name not in disabled:
            graph = _timed(step.name, lambda step=step, graph=graph: step.run(graph), after)
    return graph


@uncollected()
def program_of(graph: Graph, options: Options = Options(), after: Callback = ignore) -> Program:
    """Optimise, schedule and lower a graph whose weights are bound.

    `after(name, stage, seconds)` is called after each pass and phase with what it made: verifying, printing, dumping
    and timing all hang there. Raises `TargetError` where there is no native code.
    """
    after("elaborate", graph, 0.0)
    graph = optimise(graph, options.disabled, after)
    if (fold := FoldConstants()).name in options.disabled:  # machine code is for what depends on inputs
        graph = _timed("constants", lambda: fold.run(graph), after)
    cpu = target(options.cpu)
    chosen = partial(choose, graph, cpu, exact=options.exact, batch=options.batch, given=options.choices)
    schedule = _timed("schedule", chosen, after)
    return _timed("program", lambda: plan(graph, schedule, LOWERINGS), after)


def compile_graph(graph: Graph, options: Options = Options(), after: Callback = ignore) -> Artifact:
    """A graph's program as machine code and constants."""
    program = program_of(graph, options, after)
    del graph  # its weights may go
    return _timed("build", lambda: build(program), after)


def _timed(name: str, make: Callable[[], Made], after: Callback) -> Made:
    start = time.perf_counter()
    stage = make()
    after(name, stage, time.perf_counter() - start)
    return stage
