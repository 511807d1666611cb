"""Where a network's time goes: layer by layer, beside what the core can do."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy.typing as npt

from cnnc.compiler.codegen.program import Constant, Program, Step
from cnnc.inputs import images_of
from cnnc.macs import macs, performed
from cnnc.peaks import Rate
from cnnc.runtime.executable import Executable
from cnnc.table import Column, table

INPUT = "input"  # steps that bring the caller's arrays into their layouts belong to no node


@dataclass(frozen=True)
class LayerTime:
    """All steps of one node, for one of the images that go together. `bytes` is what they read and write, weights among
    it; `work` counts the arithmetic of the definition, of which Winograd's algorithm needs a part. It takes `limit`
    seconds at least: its algorithm's multiply-adds at the core's peak, or its weights at the rate at which all the
    network's can be read."""

    name: str
    how: str
    seconds: float
    work: int
    bytes: int
    limit: float
    place: str


@dataclass(frozen=True)
class Profile:
    """The layers in order; the peaks of one core in operations and bytes a second, times the threads in use."""

    layers: tuple[LayerTime, ...]
    peak: float
    bandwidth: float

    @property
    def seconds(self) -> float:
        return sum(layer.seconds for layer in self.layers)

    @property
    def limit(self) -> float:
        return sum(layer.limit for layer in self.layers)

    def to_dict(self) -> dict[str, Any]:
        layers = [asdict(layer) for layer in self.layers]
        return {
            "peak_flops": self.peak,
            "bandwidth": self.bandwidth,
            "seconds": self.seconds,
            "limit": self.limit,
            "layers": layers,
        }

    def __str__(self) -> str:
        rows = [self._row(layer) for layer in self.layers]
        total = ("total", "", f"{1e3 * self.seconds:.3f}", *[""] * 5, self._reached(self), "")
        peaks = f"peaks: {self.peak / 1e9:.0f} GFLOP/s, {self.bandwidth / 1e9:.1f} GB/s"
        return f"{table(_COLUMNS, rows, total)}\n{peaks}"

    def _row(self, layer: LayerTime) -> tuple[str, ...]:
        flops, moved = layer.work / layer.seconds, layer.bytes / layer.seconds
        arithmetic = (f"{flops / 1e9:.1f}", f"{flops / self.peak:.0%}") if layer.work else ("", "")
        return (
            layer.name, layer.how, f"{1e3 * layer.seconds:.3f}", f"{layer.seconds / self.seconds:.1%}",
            *arithmetic, f"{moved / 1e9:.1f}", f"{moved / self.bandwidth:.0%}", self._reached(layer), layer.place,
        )  # fmt: skip

    @staticmethod
    def _reached(what: LayerTime | Profile) -> str:
        """How much of the time is what it takes at least."""
        return f"{what.limit / what.seconds:.0%}" if what.limit else ""


_COLUMNS = (
    Column("layer"), Column("how"),
    *(Column(name, right=True) for name in ("ms", "share", "GFLOP/s", "of peak", "GB/s", "of peak", "of limit")),
    Column("where"),
)  # fmt: skip


def profile(
    native: Executable, program: Program, inputs: Mapping[str, npt.ArrayLike], core: Rate, memory: Rate, reread: Rate,
    seconds: float,
) -> Profile:  # fmt: skip
    """Run a network step by step for some seconds; each step's time is the median of its runs.

    `core` multiplies and adds; `memory` reads more than caches hold, `reread` as much as all weights, which they may
    hold. Of what each does before and after the better one counts, since a neighbour may slow either.
    """
    rates = (core, memory, reread)
    before = [rate.best() for rate in rates]
    runs: list[list[float]] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or not runs:
        runs.append(native.times(inputs))
    peak, bandwidth, refill = (max(best, rate.best()) for best, rate in zip(before, rates, strict=True))
    images = native.together(images_of(inputs))
    medians = [statistics.median(step) for step in zip(*runs, strict=True)]
    taken: dict[str, list[tuple[Step, float]]] = {}
    for step, median in zip(program.steps, medians, strict=True):
        taken.setdefault(step.node, []).append((step, median))
    peak *= native.threads_for(1)
    nodes = {node.name: node for node in program.graph.nodes()}
    layers = []
    for name, steps in taken.items():
        node, choice = nodes.get(name), program.schedule.choices.get(name)
        weights = sum(_weights(program, step) // (images if step.once else 1) for step, _ in steps)
        arithmetic = 2 * performed(program.graph, node, choice) if node and choice else 0
        layers.append(
            LayerTime(
                name,
                str(choice) if choice else "copy",
                sum(median for _, median in steps),
                2 * macs(program.graph, node) if node else 0,
                sum(buffer.bytes for step, _ in steps for buffer in (*step.reads, *step.writes)) + weights,
                max(arithmetic / peak, weights / refill),
                next((str(step.spans[0]) for step, _ in steps if step.spans), ""),
            )
        )
    return Profile(tuple(layers), peak, bandwidth)


def _weights(program: Program, step: Step) -> int:
    """Bytes of the constants that a step reads."""
    return sum(program.constants[word.name].nbytes for word in step.words if isinstance(word, Constant))
