"""One engine in a process of its own: prepares a network once, then times bursts on demand.

    python benchmarks/worker.py ENGINE NETWORK FOLDER CORES

FOLDER holds `weights.safetensors`, `model.onnx` and `input.npy`, and gets the output as `ENGINE.npy`; CORES, such as
`0,1`, are where it runs, with a thread on each. It says `ready`; then every line on stdin is a number of seconds, and
the answer a line of call times in milliseconds.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np


def pinned(cores: set[int]) -> bool:
    """Whether all threads of this process are where they should be: some engines place theirs by themselves."""
    return all(os.sched_getaffinity(int(task.name)) <= cores for task in Path("/proc/self/task").iterdir())


def burst(call: Callable[[], object], seconds: float) -> list[float]:
    """Times of calls, after one that warms the caches."""
    call()
    times, until = [], time.perf_counter() + seconds
    while not times or time.perf_counter() < until:
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e3)
    return times


def main() -> None:
    name, network, folder, cores = sys.argv[1], sys.argv[2], Path(sys.argv[3]), {int(c) for c in sys.argv[4].split(",")}
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # engines that chatter do so on stderr
    os.sched_setaffinity(0, cores)  # before an engine is imported and counts the cores

    from engines import ENGINES
    from networks import ALL

    call = ENGINES[name].prepare(ALL[network], folder, np.load(folder / "input.npy"), len(cores))
    np.save(folder / f"{name}.npy", call())
    if not pinned(cores):
        raise SystemExit(f"{name} runs threads on other cores than {sorted(cores)}")
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        print(" ".join(f"{t:.6f}" for t in burst(call, float(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
