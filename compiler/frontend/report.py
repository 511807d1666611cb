"""Findings, gathered: a failed binding has the value `UNKNOWN`, which silences whatever depends on it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from ..diagnostics import Diagnostic, Refusal


class Failure(Exception):
    """One expression cannot be elaborated; whoever binds its value reports why and goes on."""

    def __init__(self, diagnostic: Diagnostic):
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


class Silenced(Exception):
    """One expression depends on what failed before; nothing more is to be said."""


class Enough(Exception):
    """The run ends here, and its findings say why."""


class Unknown:
    """The value of a binding that failed."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()


class SomeTensor(Unknown):
    """A tensor of which nothing is known: what a block that nothing applies is given."""

    def __str__(self) -> str:
        return "a tensor"


SOME_TENSOR = SomeTensor()


UNUSED = ("W0201", "W0202")


FINDINGS = 100  # errors, and as many warnings and notes
STEPS = 460_000  # of some 2 microseconds; what else takes time is told in steps:
WORD, APPLICATION, INFERENCE = 7, 3, 28


class Report:
    """The findings of a run, and the work that it has taken. A body that is applied often reports each place once.

    Nothing is called unused beside an error: what failed may be what would have used it.
    """

    def __init__(self) -> None:
        self._findings: dict[tuple[object, ...], Diagnostic] = {}
        self._counts = Counter[str]()
        self.steps = 0  # expressions evaluated, statements run, values of lists looked at, and the above
        self.applications = 0
        self._spent = False

    def spend(self, steps: int) -> None:
        """Count work; raises `Refusal` beyond the limit, and `Enough` ever after."""
        self.steps += steps
        if self.steps > STEPS:
            if self._spent:
                raise Enough
            self._spent = True
            help = "a long list is looked at too often, or a long expression evaluated"
            raise Refusal("E0331", f"more than {STEPS:,} steps of evaluation", help=help)

    def add(self, diagnostic: Diagnostic) -> None:
        """Keep a finding; raises `Enough` for an error beyond the limit."""
        span, severity = diagnostic.span, diagnostic.severity
        where = (span.source.name, span.start, span.end) if span else (diagnostic.message,)
        key = (diagnostic.code, severity, *where)
        if key in self._findings:
            return
        self._counts[severity] += 1
        if self._counts[severity] <= FINDINGS:
            self._findings[key] = diagnostic
        elif severity == "error":
            raise Enough

    def of(self, *severities: str) -> list[Diagnostic]:
        """The findings of these severities, in source order."""
        wrong = self._counts["error"] > 0
        found = [d for d in self._findings.values() if d.severity in severities and not (wrong and d.code in UNUSED)]
        found.sort(key=lambda d: (d.span.source.name, d.span.start) if d.span else ("", 0))
        return [*found[:-1], incomplete(found[-1])] if any(self._counts[s] > FINDINGS for s in severities) else found


def incomplete(last: Diagnostic) -> Diagnostic:
    """The last finding of a list that leaves some out."""
    return replace(last, notes=(*last.notes, f"this is not all: {FINDINGS} of a kind are told"))
