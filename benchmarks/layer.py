"""One layer beside the core's peak: a 3x3 convolution, 64 to 64 channels at 56 x 56, batch 1, one thread.

    python benchmarks/layer.py

Two peaks are measured on the spot, in turns with the layer. *registers*: multiply-adds on registers alone, which no
kernel can reach, since the clock is higher while nothing is loaded. *fed*: the same multiply-adds with their operands
loaded from the L1 cache, a tile of 6 pixels x 4 vectors over and over. The layer's time is that of one of ten more in a
chain, so that converting the input and output does not count.
"""

from __future__ import annotations

import ctypes
import os
import time

import numpy as np

import cnnc
from cnnc.compiler.codegen.emit import Emitter, Var
from cnnc.compiler.codegen.module import object_of
from cnnc.compiler.schedule.target import target
from cnnc.runtime.abi import aligned
from cnnc.runtime.loader import Code

ROUNDS = 20
LAYER = 2 * 64 * 64 * 9 * 56 * 56  # floating-point operations
PIXELS, VECTORS, CHANNELS, REPEATS = 6, 4, 4, 400_000


def peak_kernel(e: Emitter, name: str, *, fed: bool) -> None:
    """`REPEATS` rounds of `PIXELS * VECTORS * CHANNELS` multiply-adds; both operands from memory, or neither."""
    size = e.target.vector_bytes
    with e.kernel(name, ("@pixels", "@weights")) as a:
        sums = [[Var(e.vector, "zeroinitializer") for _ in range(VECTORS)] for _ in range(PIXELS)]
        with e.loop("round", REPEATS, vary=[s for pixel in sums for s in pixel]):
            for c in range(CHANNELS):
                pixels, weights = e.launder(a["pixels"]), e.launder(a["weights"])
                kernels = [e.load(weights, (c * VECTORS + v) * size) for v in range(VECTORS)] if fed else []
                for p in range(PIXELS):
                    value = e.splat(e.load_float(pixels, p * size + 4 * c)) if fed else ""
                    for v in range(VECTORS):
                        old = sums[p][v].value
                        sums[p][v].value = e.fma(kernels[v], value, old) if fed else e.fma(old, old, old)
        for pixel in sums:
            for total in pixel:
                e.do(f'call void asm sideeffect "", "v"({e.vector} {total.value})')


class Peak:
    """Multiply-adds as fast as they go."""

    def __init__(self, *, fed: bool):
        e = Emitter(target())
        peak_kernel(e, "peak", fed=fed)
        self._code = Code(object_of(e.text(), e.target))
        prototype = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
        self._call = prototype(self._code.address("peak"))
        self._memory = [aligned(64 * 1024) for _ in range(2)]
        self._words = np.array([memory.ctypes.data for memory in self._memory], np.int64)
        self.operations = 2 * e.lanes * PIXELS * VECTORS * CHANNELS * REPEATS

    def seconds(self) -> float:
        start = time.perf_counter()
        self._call(self._words.ctypes.data, 0, 1, None)
        return time.perf_counter() - start


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
        self._net = cnnc.compile(graph, weights=weights)
        self._x = rng.standard_normal((1, 64, 56, 56), np.float32)

    def seconds(self) -> float:
        start = time.perf_counter()
        self._net(self._x)
        return time.perf_counter() - start


def main() -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])
    registers, fed, one, eleven = Peak(fed=False), Peak(fed=True), Layers(1), Layers(11)
    times: dict[object, list[float]] = {thing: [] for thing in (registers, fed, one, eleven)}
    for _ in range(ROUNDS):
        for thing, taken in times.items():
            taken.append(thing.seconds())  # type: ignore[attr-defined]
    for how, pick in (("minimum", min), ("median", np.median)):
        layer = LAYER / (pick(times[eleven]) - pick(times[one])) * 10 / 1e9
        peaks = [peak.operations / pick(times[peak]) / 1e9 for peak in (registers, fed)]
        shares = ", ".join(f"{layer / peak:.1%} of {peak:.1f} ({name})" for name, peak in
                           zip(("registers", "fed"), peaks, strict=True))  # fmt: skip
        print(f"{how}: {layer:.1f} GFLOP/s, {shares}")


if __name__ == "__main__":
    main()
