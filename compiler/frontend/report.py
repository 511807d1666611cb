"""Findings, gathered: a failed binding has the value `UNKNOWN`, which silences whatever depends on it."""

from __future__ import annotations

from ..diagnostics import Diagnostic


class Failure(Exception):
    """One expression cannot be elaborated; whoever binds its value reports why and goes on."""

    def __init__(self, diagnostic: Diagnostic):
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


class Silenced(Exception):
    """One expression depends on what failed before; nothing more is to be said."""


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


class Report:
    """The findings of a run. A body that is applied often reports each place once.

    Nothing is called unused beside an error: what failed may be what would have used it.
    """

    def __init__(self) -> None:
        self._findings: dict[tuple[object, ...], Diagnostic] = {}

    def add(self, diagnostic: Diagnostic) -> None:
        span = diagnostic.span
        where = (span.source.name, span.start, span.end) if span else (diagnostic.message,)
        self._findings.setdefault((diagnostic.code, diagnostic.severity, *where), diagnostic)

    def of(self, *severities: str) -> list[Diagnostic]:
        """The findings of these severities, in source order."""
        wrong = any(d.severity == "error" for d in self._findings.values())
        found = [d for d in self._findings.values() if d.severity in severities and not (wrong and d.code in UNUSED)]
        return sorted(found, key=lambda d: (d.span.source.name, d.span.start) if d.span else ("", 0))
