"""How long calls take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

Call = Callable[[], object]

BURST = 0.1  # seconds


def times(calls: Mapping[str, Call], seconds: float, repeats: int | None = None) -> dict[str, list[float]]:
    """Seconds that each call of each took: `repeats` times, or for so many `seconds`, in bursts that take turns, so
    that the machine's moods meet all alike."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    until = time.perf_counter() + seconds * len(calls)
    while min(map(len, taken.values())) < repeats if repeats else _goes_on(until, taken):
        for name, call in calls.items():
            start = end = time.perf_counter()
            while end == start or (end - start < BURST and len(taken[name]) != repeats):
                before = time.perf_counter()
                call()
                end = time.perf_counter()
                taken[name].append(end - before)
    return taken


def _goes_on(until: float, taken: Mapping[str, list[float]]) -> bool:
    return time.perf_counter() < until or not all(taken.values())
