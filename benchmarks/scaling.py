"""How much faster networks are on all cores than on one, beside what the machine gives: multiply-adds and nothing else.

    python benchmarks/scaling.py [NETWORK ...]

One network after the other, batch 1. In turns: the network on one thread and on as many as there are cores; a loop of
multiply-adds whose operands come from the L1 cache, on one core and on all of them at once. Neighbours of a virtual
machine, and a clock that falls when more cores work, hold back both alike.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from networks import SUBJECTS, Subject

import cnnc
from cnnc.compiler.schedule.target import target
from cnnc.inputs import random_inputs
from cnnc.peaks import multiplying

COMPUTING = ("VGG-16", "ResNet-18", "ResNet-50")
LOOP = 10_000_000  # rounds: some 70 ms, as long as a network
AGAIN = 3  # runs of the same kind in a turn: the first wakes cores and fills caches


class Loop:
    """The same multiply-adds on each of so many cores."""

    def __init__(self, cores: list[int]):
        self._rates = [multiplying(target(), fed=True, rounds=LOOP) for _ in cores]
        self._workers = [ThreadPoolExecutor(1, initializer=_stay, initargs=(core,)) for core in cores]

    def __call__(self) -> None:
        running = [worker.submit(rate.run) for worker, rate in zip(self._workers, self._rates, strict=True)]
        for each in running:
            each.result()


def _stay(core: int) -> None:
    os.sched_setaffinity(0, {core})


def running(subject: Subject, threads: int) -> Callable[[], object]:
    network = subject.load()
    net = cnnc.compile(network, weights=cnnc.random_weights(network), threads=threads)
    inputs = random_inputs(network.inputs, 1, seed=0)
    return lambda: net(**inputs)


def timed(run: Callable[[], object]) -> list[float]:
    """Seconds of some runs in a row."""
    taken = []
    for _ in range(AGAIN):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=COMPUTING, metavar="NETWORK", help="by default: %(default)s")
    parser.add_argument("--rounds", type=int, default=20)
    asked = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    loops = Loop(cores[-1:]), Loop(cores)
    print(f"{len(cores)} cores over one, by minima and by medians of {asked.rounds} rounds")
    for name in asked.networks:
        nets = [running(SUBJECTS[name], threads) for threads in (1, len(cores))]
        seconds: list[list[float]] = [[], [], [], []]
        for _ in range(asked.rounds):
            for run, taken in zip((*nets, *loops), seconds, strict=True):
                taken += timed(run)
        ratios = []
        for pick in (np.min, np.median):
            net, nets_, loop, loops_ = map(pick, seconds)
            ratios.append((net / nets_, len(cores) * loop / loops_))  # each core has a whole loop
        least, middle = (f"{ours:.2f} of {most:.2f}" for ours, most in ratios)
        print(f"{name:14} {least}   {middle}   ({np.min(seconds[0]) * 1e3:.1f}, {np.min(seconds[1]) * 1e3:.1f} ms)")


if __name__ == "__main__":
    main()
