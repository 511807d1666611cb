"""One layer beside the core's peak: a 3x3 convolution, 64 to 64 channels at 56 x 56, batch 1, one thread.

    python benchmarks/layer.py

Two peaks are measured on the spot, in turns with the layer. *registers*: multiply-adds on registers alone, which no
kernel can reach, since the clock is higher while nothing is loaded. *fed*: the same multiply-adds with their operands
loaded from the L1 cache, a tile of 6 pixels x 4 vectors over and over. The layer's time is that of one of ten more in a
chain, so that converting the input and output does not count.
"""

from __future__ import annotations

import os
import time

import numpy as np

import cnnc
from cnnc.compiler.schedule.target import target
from cnnc.peaks import multiplying

ROUNDS = 20
LAYER = 2 * 64 * 64 * 9 * 56 * 56  # floating-point operations


class Layers:
    """A chain of the layer."""

    def __init__(self, count: int):
        text = f"""model Chain {{
          input x: f32[N, 64, 56, 56]
          output y = x -> repeat({count}, conv(64, 3, pad=1) -> relu)
        }}"""
        graph = cnnc.parse(text)
        rng = np.random.default_rng(0)
        weights = {n: rng.normal(0, 0.05, p.shape).astype(np.float32) for n, p in graph.params.items()}
        self._net = cnnc.compile(graph, weights=weights, threads=1, exact=True)
        self._x = rng.standard_normal((1, 64, 56, 56), np.float32)

    def seconds(self) -> float:
        start = time.perf_counter()
        self._net(self._x)
        return time.perf_counter() - start


def main() -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    peaks = {name: multiplying(target(), fed=name == "fed", rounds=400_000) for name in ("registers", "fed")}
    one, eleven = Layers(1), Layers(11)
    times: dict[str, list[float]] = {name: [] for name in (*peaks, "one", "eleven")}
    for _ in range(ROUNDS):
        for name, peak in peaks.items():
            times[name].append(peak.amount / peak.once())
        times["one"].append(one.seconds())
        times["eleven"].append(eleven.seconds())
    for how, pick in (("minimum", min), ("median", np.median)):
        layer = LAYER / (pick(times["eleven"]) - pick(times["one"])) * 10 / 1e9
        reached = {name: peak.amount / pick(times[name]) / 1e9 for name, peak in peaks.items()}
        shares = ", ".join(f"{layer / peak:.1%} of {peak:.1f} ({name})" for name, peak in reached.items())
        print(f"{how}: {layer:.1f} GFLOP/s, {shares}")


if __name__ == "__main__":
    main()
