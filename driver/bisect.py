"""Who is to blame for a wrong number: a pass, an algorithm, or the code of a layer.

Passes are tried by meaning: the graph that each leaves is interpreted, and binary search over the prefixes of their
list finds one before which the outputs are right and after which they are wrong. If none is, native code is wrong:
it is run again with the algorithms switched off that trade accuracy for speed, by binary search over the layers that
use one, and then without each of the passes, which tells whose regions are compiled wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from cnnc.comparison import Finding, algorithms_of, compare_nodes, differences, measured, told
from cnnc.compiler.interpreter import interpret
from cnnc.compiler.ir.graph import Graph, Node
from cnnc.compiler.ir.structure import Parameter
from cnnc.compiler.options import Options
from cnnc.compiler.pipeline import GRAPH_PASSES, compile_graph, optimise
from cnnc.compiler.schedule.choose import choose
from cnnc.compiler.schedule.target import target
from cnnc.compiler.tolerance import Expected
from cnnc.network import Network
from cnnc.runtime.executable import Executable
from cnnc.runtime.feeds import Array

PASSES = tuple(step.name for step in GRAPH_PASSES)


@dataclass(frozen=True)
class Trial:
    """A network whose weights are bound, what it is tried on, and how it was compiled when it was wrong."""

    graph: Graph
    inputs: Mapping[str, Array]
    options: Options
    threads: int

    @cached_property
    def truth(self) -> dict[str, Expected]:
        return measured(self.graph, self.inputs, algorithms_of(self.graph, self.options))

    def native(self, threads: int = 0, **changes: object) -> Finding | None:
        """The output that is farthest off in native code, the options changed so; None where all agree."""
        artifact = compile_graph(self.graph, replace(self.options, **changes))  # type: ignore[arg-type]
        return self._worst(Executable(artifact, threads or self.threads).run(self.inputs))

    def meaning(self, passes: int) -> Finding | None:
        """The output that is farthest off if the graph is interpreted as the first so many passes left it."""
        return self._worst(interpret(self.after(passes), self.inputs, np.float64))

    def after(self, passes: int) -> Graph:
        return optimise(self.graph, PASSES[passes:])

    def _worst(self, given: Mapping[str, Array]) -> Finding | None:
        wrong = [finding for finding in differences(self.graph, self.truth, given) if not finding.good]
        return max(wrong, key=lambda finding: finding.error - finding.allowed, default=None)


def blame(trial: Trial, layer: Finding | None) -> str:
    """One sentence about what is to blame. `layer` is the first one that differs by itself, if there is one."""
    wrong = trial.native()
    if wrong is None:
        return _layer_alone(trial, layer) if layer else "no pass: the outputs agree when they are computed again"
    return _a_pass(trial) or _an_algorithm(trial, wrong) or _code(trial, wrong, layer)


def _a_pass(trial: Trial) -> str:
    last = len(PASSES)
    if trial.meaning(last) is None:
        return ""
    count = _first(last, lambda passes: trial.meaning(passes) is not None)
    guilty, wrong = PASSES[count - 1], trial.meaning(count)
    assert wrong is not None
    healed = trial.native(disabled=frozenset({guilty})) is None
    rest = "without it the outputs agree" if healed else "without it the outputs still differ"
    return f"`{guilty}` changes {_by(wrong)}, {_rewritten(trial, count, wrong)}{rest}"


def _rewritten(trial: Trial, count: int, wrong: Finding) -> str:
    """The nodes that a pass made on the way to the first value that it should have left as it was, and did not."""
    before, after = trial.after(count - 1), trial.after(count)
    old = set(before.nodes())
    kept = [node for node in after.nodes() if node in old and not isinstance(node.op, Parameter)]
    names = [value.name for node in kept for value in node.outputs]
    truth = measured(Network(before).capture(names).graph, trial.inputs)
    given = interpret(after, trial.inputs, np.float64, keep=True)
    changed = (
        node for node in kept if any(truth[value.name].misses(given[value.name]).any() for value in node.outputs)
    )
    waiting, made = [next(changed, after.producer(after.outputs[wrong.name]))], dict[Node, None]()
    while waiting:
        node = waiting.pop()
        made |= {node: None} if node not in old else {}
        waiting += [
            giver for giver in map(after.producer, after.operands(node)) if giver not in old and giver not in made
        ]
    told = [_at(node) for node in after.nodes() if node in made]
    return (
        f"where it made {', '.join(told[:3])}{f' and {len(told) - 3} more' if len(told) > 3 else ''}; " if told else ""
    )


def _an_algorithm(trial: Trial, wrong: Finding) -> str:
    if trial.options.exact or trial.native(exact=True) is not None:
        return ""
    graph, cpu = trial.after(len(PASSES)), target(trial.options.cpu)
    batch = trial.options.batch
    fast, exact = (choose(graph, cpu, exact=only, batch=batch).choices for only in (False, True))
    suspects = [node for node in graph.nodes() if node.name in fast and fast[node.name] != exact[node.name]]

    def heals(count: int) -> bool:
        return trial.native(choices={node.name: exact[node.name] for node in suspects[:count]}) is None

    node = suspects[_first(len(suspects), heals) - 1]
    return f"the algorithm {fast[node.name].algorithm} of {_at(node)} changes {_by(wrong)}"


def _code(trial: Trial, wrong: Finding, layer: Finding | None) -> str:
    makers = [name for name in PASSES if trial.native(disabled=frozenset({name})) is None]
    rest = f"; without {' or '.join(f'`{name}`' for name in makers)} the outputs agree" if makers else ""
    if layer is not None:
        return f"no pass: code generation of {_place(layer)} changes {_by(wrong)}{rest}"
    if trial.threads > 1 and trial.native(threads=1) is None:
        return f"no pass: {trial.threads} threads change {_by(wrong)}; on one thread the outputs agree"
    return f"no pass: layers that are right by themselves change {_by(wrong)} together: their layouts or memory{rest}"


def _layer_alone(trial: Trial, layer: Finding) -> str:
    exact = compare_nodes(trial.after(len(PASSES)), trial.inputs, replace(trial.options, exact=True))
    healed = any(finding.name == layer.name and finding.good for finding in exact)
    who = f"the algorithm {layer.algorithm} of" if healed else "no pass: code generation of"
    by = f"{layer.error:.2e}, allowed {layer.allowed:.2e}"
    return f"{who} {_place(layer)} changes it by {by}, which the outputs do not show"


def _first(last: int, holds: Callable[[int], bool]) -> int:
    """A number from 1 to `last` for which something holds that does not for the one before; it holds for `last`."""
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def _by(wrong: Finding) -> str:
    return f"`{wrong.name}` by {wrong.error:.2e}, allowed {wrong.allowed:.2e}"


def _place(layer: Finding) -> str:
    return f"{layer.maker} ({layer.span})" if layer.span else layer.maker


def _at(node: Node) -> str:
    return f"`{node.name}`, {told(node)} ({node.spans[0]})" if node.spans else f"`{node.name}`, {told(node)}"
