"""What a call from Python costs on one thread: of an empty network, and of LeNet-5 from array to array.

    python benchmarks/calls.py

Microseconds: the least of some means, a call being too short for a clock. Beside them stands what multiply-adds and
nothing else reach on this core, which LeNet-5's time goes by.
"""

from __future__ import annotations

import time

from networks import SUBJECTS

import cnnc
from cnnc.compiler.schedule.target import target
from cnnc.inputs import random_inputs
from cnnc.peaks import multiplying

EMPTY = "model Empty { input x: f32[N, 1] output y = x -> identity }"
MEANS, CALLS = 200, 2_000


def microseconds(network: cnnc.Network) -> float:
    """A call's, the least of some means."""
    net = cnnc.compile(network, weights=cnnc.random_weights(network), threads=1)
    (x,) = random_inputs(network.inputs, 1, seed=0).values()
    means = []
    for _ in range(MEANS):
        start = time.perf_counter()
        for _ in range(CALLS):
            net(x)
        means.append((time.perf_counter() - start) / CALLS)
    return min(means) * 1e6


def main() -> None:
    print(f"an empty network {microseconds(cnnc.parse(EMPTY)):.2f} us")
    print(f"LeNet-5 {microseconds(SUBJECTS['LeNet-5'].load()):.1f} us")
    print(f"multiply-adds alone {multiplying(target(), fed=True).best(1) / 1e9:.0f} GFLOP/s")


if __name__ == "__main__":
    main()
