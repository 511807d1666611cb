"""Where a network's time goes: layer by layer, beside what the core can do."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy.typing as npt

from cnnc.compiler.codegen.program import Constant, Program, Step
from cnnc.macs import macs
from cnnc.runtime.executable import Executable
from cnnc.table import Column, table

INPUT = "input"  # steps that bring the caller's arrays into their layouts belong to no node


@dataclass(frozen=True)
class LayerTime:
    """All steps of one node, for one image. `bytes` is what they read and write, weights among it; `work` counts the
    arithmetic of the definition, of which Winograd's algorithm needs a part."""

    name: str
    how: str
    seconds: float
    work: int
    bytes: int
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

    def to_dict(self) -> dict[str, Any]:
        layers = [asdict(layer) for layer in self.layers]
        return {"peak_flops": self.peak, "bandwidth": self.bandwidth, "seconds": self.seconds, "layers": layers}

    def __str__(self) -> str:
        rows = [self._row(layer) for layer in self.layers]
        total = ("total", "", f"{1e3 * self.seconds:.3f}", "", "", "", "", "", "")
        peaks = f"peaks: {self.peak / 1e9:.0f} GFLOP/s, {self.bandwidth / 1e9:.1f} GB/s"
        return f"{table(_COLUMNS, rows, total)}\n{peaks}"

    def _row(self, layer: LayerTime) -> tuple[str, ...]:
        flops, moved = layer.work / layer.seconds, layer.bytes / layer.seconds
        arithmetic = (f"{flops / 1e9:.1f}", f"{flops / self.peak:.0%}") if layer.work else ("", "")
        return (
            layer.name, layer.how, f"{1e3 * layer.seconds:.3f}", f"{layer.seconds / self.seconds:.1%}",
            *arithmetic, f"{moved / 1e9:.1f}", f"{moved / self.bandwidth:.0%}", layer.place,
        )  # fmt: skip


_COLUMNS = (
    Column("layer"), Column("how"),
    *(Column(name, right=True) for name in ("ms", "share", "GFLOP/s", "of peak", "GB/s", "of peak")),
    Column("where"),
)  # fmt: skip


def profile(
    native: Executable, program: Program, inputs: Mapping[str, npt.ArrayLike], peak: float, bandwidth: float,
    seconds: float,
) -> Profile:  # fmt: skip
    """Run a network step by step for some seconds; each step's time is the median of its runs."""
    runs: list[list[float]] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or not runs:
        runs.append(native.times(inputs))
    medians = [statistics.median(step) for step in zip(*runs, strict=True)]
    nodes = {node.name: node for node in program.graph.nodes()}
    layers: dict[str, LayerTime] = {}
    for step, taken in zip(program.steps, medians, strict=True):
        old, node = layers.get(step.node), nodes.get(step.node)
        choice = program.schedule.choices.get(step.node)
        layers[step.node] = LayerTime(
            step.node,
            str(choice) if choice else "copy",
            taken + (old.seconds if old else 0),
            2 * macs(program.graph, node) if node else 0,
            _bytes(program, step) + (old.bytes if old else 0),
            str(step.spans[0]) if step.spans else "",
        )
    return Profile(tuple(layers.values()), peak * native.threads_for(1), bandwidth)


def _bytes(program: Program, step: Step) -> int:
    """What a step reads and writes, each byte once."""
    names = {word.name for word in step.words if isinstance(word, Constant)}
    buffers: Sequence[Any] = (*step.reads, *step.writes)
    return sum(buffer.bytes for buffer in buffers) + sum(program.constants[name].nbytes for name in names)
