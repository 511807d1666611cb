"""A small network that fails as a large one does.

Steps take turns, each as long as one of the cases that it yields still fails, until a round changes nothing or time is
up. A case is judged as `cnnc verify` would judge its files, in a child process: a crash or a hang is a failure like
another, and what fails in another way than at first does not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from cnnc import cut, shrink
from cnnc.build import compile
from cnnc.case import Case
from cnnc.child import HANG, REFUSAL, Answer, answer_of
from cnnc.comparison import Finding, compare_nodes, compare_outputs
from cnnc.compiler.options import Options
from cnnc.compiler.pipeline import optimise
from cnnc.inputs import images_of
from cnnc.network import parse
from cnnc.weights import bind

STEPS = (cut.nodes, cut.outputs, cut.images, shrink.sizes, cut.bypasses, shrink.attributes, shrink.numbers)
RIGHT = "right"
LAYER, OUTPUT = "a layer differs", "an output differs"

Verdict = Callable[[Case, float, str], Answer]


@dataclass(frozen=True)
class Judge:
    """How a case is compiled and compared."""

    options: Options
    threads: int | None
    file: str  # what messages call the text

    def __call__(self, case: Case, seconds: float, wanted: str) -> Answer:
        """How a case fails; where only one way is wanted, the others need not be found."""
        return answer_of(lambda: self._judged(case, wanted), seconds)

    def _judged(self, case: Case, wanted: str) -> Answer:
        network = parse(case.text, name=self.file)
        graph = bind(network, case.weights)
        options = replace(self.options, batch=images_of(case.inputs))
        layers = compare_nodes(optimise(graph), case.inputs, options) if wanted != OUTPUT else ()
        answer = _first(LAYER, layers)
        if answer.kind == RIGHT and wanted != LAYER:
            net = compile(
                network, weights=case.weights, target_cpu=options.cpu, exact=options.exact, batch=options.batch,
                threads=self.threads, cache=False,
            )  # fmt: skip
            answer = _first(OUTPUT, compare_outputs(net, graph, case.inputs, options))
        return answer


def _first(kind: str, findings: Iterable[Finding]) -> Answer:
    wrong = next((finding for finding in findings if not finding.good), None)
    return Answer(kind, "\n".join([wrong.maker, *wrong.numbers])) if wrong else Answer(RIGHT)


class Reduction:
    """A case that fails and how; `run` makes it smaller, and may be interrupted at any time."""

    def __init__(self, case: Case, judge: Verdict, seconds: float):
        self.until = time.monotonic() + seconds
        self.judge = judge
        self.case, self.patience = case, _patience(case)
        self.failure = judge(case, min(self.patience, max(self.left, 1.0)), "")
        self.trials = 0
        self._tried: set[bytes] = set()

    @property
    def fails(self) -> bool:
        return self.failure.kind not in (RIGHT, REFUSAL)

    @property
    def left(self) -> float:
        """Seconds of the time that there is."""
        return self.until - time.monotonic()

    def run(self) -> bool:
        """Whether it came to an end before the time did."""
        shrinking = True
        while shrinking:
            shrinking = False
            for step in STEPS:
                while self._shrunk(step(self.case)):
                    shrinking = True
        return self.left > 0

    def _shrunk(self, cases: Iterator[Case]) -> bool:
        """Take the first of some cases that fails in the same way."""
        for case in cases:
            if (left := self.left) <= 0:
                return False
            if case.digest in self._tried:
                continue
            self._tried.add(case.digest)
            self.trials += 1
            answer = self.judge(case, min(self.patience, left), self.failure.kind)
            if answer.kind == self.failure.kind and (answer.kind != HANG or self.patience <= left):
                self.case, self.failure, self.patience = case, answer, _patience(case)
                return True
        return False


def _patience(case: Case) -> float:
    """Seconds after which a child hangs: far more than NumPy takes, which native code undercuts, and to compile."""
    start = time.monotonic()
    _ = case.values
    return 10 + 30 * (time.monotonic() - start)
