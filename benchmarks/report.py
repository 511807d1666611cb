"""Figures as tables: for a terminal, for `RESULTS.md`, and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from engines import ENGINES

STATISTICS = ("minimum", "median")


@dataclass(frozen=True)
class Figures:
    """Milliseconds of an engine's calls, how far its output is from cnnc's, in parts of the largest one, and the most
    memory that its process had, Python's among it."""

    minimum: float
    median: float
    calls: int
    difference: float
    megabytes: float


@dataclass
class Run:
    command: str
    date: str
    machine: str
    versions: dict[str, str]
    threads: int
    batch: int
    results: dict[str, dict[str, Figures]] = field(default_factory=dict)  # by network, then by engine
    failures: list[str] = field(default_factory=list)

    def json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"


def ratio(engines: dict[str, Figures], engine: str, statistic: str) -> float:
    """An engine's time over cnnc's: above 1 cnnc is faster."""
    return getattr(engines[engine], statistic) / getattr(engines["cnnc"], statistic)


def best(engines: dict[str, Figures], statistic: str) -> str | None:
    """The fastest peer."""
    peers = [engine for engine in engines if engine != "cnnc"]
    return min(peers, key=lambda engine: ratio(engines, engine, statistic), default=None)


def lines(network: str, engines: dict[str, Figures]) -> str:
    """A network's figures for a terminal."""
    rows = [
        f"{network:<16}{ENGINES[engine].title:<14}"
        + "".join(f"{_time(getattr(f, s)):>9} ms x{ratio(engines, engine, s):<7.2f}" for s in STATISTICS)
        + f"{f.calls:>8} calls   differs by {f.difference:.1e}   {f.megabytes:.0f} MB"
        for engine, f in engines.items()
    ]
    ends = [
        f"{statistic} {ENGINES[peer].title} / cnnc = {ratio(engines, peer, statistic):.2f}"
        for statistic in STATISTICS
        if (peer := best(engines, statistic))
    ]
    return "\n".join([*rows, *([f"{network:<16}best peer: {', '.join(ends)}"] if ends else [])])


def markdown(run: Run) -> str:
    """The tables of a run. A peer's cell is its time and, in brackets, its time over cnnc's."""
    named = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    many = f"{run.threads} thread{'s' * (run.threads > 1)}, batch {run.batch}"
    worst = max((f.difference for engines in run.results.values() for f in engines.values()), default=0.0)
    parts = [f"## {many[0].upper()}{many[1:]}", f"{run.date}, `{run.command}`, on {run.machine}; {named}."]
    parts += [f"Milliseconds a call, {statistic}:\n\n{_times(run, statistic)}" for statistic in STATISTICS]
    parts += [f"The most memory that a process had, MB:\n\n{_memory(run)}"]
    parts += [f"Outputs differ from cnnc's by at most {worst:.1e} of the largest one."]
    parts += ["\n".join(f"- failed: {failure}" for failure in run.failures)] * bool(run.failures)
    return "\n\n".join(parts) + "\n"


def _times(run: Run, statistic: str) -> str:
    engines, rows = _engines(run), []
    for network, measured in run.results.items():
        peer = best(measured, statistic)
        end = f"**{ratio(measured, peer, statistic):.2f}** ({ENGINES[peer].title})" if peer else ""
        rows.append([network, *(_cell(measured, engine, statistic) for engine in engines), end])
    return _table([*_titles(engines), "best peer / cnnc"], rows)


def _memory(run: Run) -> str:
    engines = _engines(run)
    return _table(
        _titles(engines),
        [
            [network, *(f"{measured[e].megabytes:.0f}" if e in measured else "failed" for e in engines)]
            for network, measured in run.results.items()
        ],
    )


def _engines(run: Run) -> list[str]:
    return [engine for engine in ENGINES if any(engine in measured for measured in run.results.values())]


def _titles(engines: list[str]) -> list[str]:
    return ["network", *(ENGINES[engine].title for engine in engines)]


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def _cell(measured: dict[str, Figures], engine: str, statistic: str) -> str:
    if engine not in measured:
        return "failed"
    time = _time(getattr(measured[engine], statistic))
    return time if engine == "cnnc" else f"{time} ({ratio(measured, engine, statistic):.2f})"


def _time(milliseconds: float) -> str:
    """Three digits."""
    return f"{milliseconds:.{3 if milliseconds < 1 else 2 if milliseconds < 10 else 1 if milliseconds < 100 else 0}f}"
