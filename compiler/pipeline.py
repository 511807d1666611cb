"""The table of contents of the compiler: every pass and phase, in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias, TypeVar

from ..runtime.abi import Artifact
from .codegen.build import build
from .codegen.lowering import LOWERINGS
from .codegen.planner import plan
from .codegen.program import Program
from .ir.graph import Graph
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
from .schedule.schedule import Choice, Schedule
from .schedule.target import target
from .uncollected import uncollected

GRAPH_PASSES: tuple[Pass, ...] = (
    DropIdentities(), FoldConstants(), ShareSubexpressions(), MergePads(),
    FoldBatchnorm(), FuseSiblings(), DropDeadNodes(), FuseEpilogues(),
)  # fmt: skip


@dataclass(frozen=True)
class Options:
    """What a compilation can be told. `disabled` names passes to leave out; `exact` leaves out algorithms that trade
    accuracy for speed; `batch` is how many images a call mostly has, of any number that it may have; `choices` are the
    schedule's for the nodes that it names."""

    cpu: str = "native"
    disabled: frozenset[str] = frozenset()
    exact: bool = False
    batch: int = 1
    choices: Mapping[str, Choice] = field(default_factory=dict)


Stage: TypeAlias = "Graph | Schedule | Program | Artifact"
Made = TypeVar("Made", Graph, Schedule, Program, Artifact)
Callback: TypeAlias = Callable[[str, Stage, float], None]


def ignore(name: str, stage: Stage, seconds: float) -> None:
    """The callback of a compilation that nobody watches."""


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
