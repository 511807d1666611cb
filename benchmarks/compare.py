"""cnnc beside its peers: the same definition and weights, in turns, on the same core.

    python benchmarks/compare.py                         # the networks of NETWORKS, one thread, one image
    python benchmarks/compare.py examples/resnet.cnn:ResNet18 --threads 2 --json out.json

Each engine lives in a process of its own; short bursts go round from engine to engine, so that drift of the machine
hits all alike. Times are milliseconds a call, minimum and median; a ratio above 1 means that cnnc is faster.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from onnx_export import export
from safetensors.numpy import save_file
from worker import ENGINES

from cnnc.compiler.frontend import load
from cnnc.compiler.frontend.weights import random_weights

ROOT = Path(__file__).parent.parent
NETWORKS = ("digits.cnn", "resnet.cnn:ResNet18", "resnet.cnn:ResNet50")
BURST = 0.5  # seconds


@dataclass(frozen=True)
class Result:
    network: str
    engine: str
    threads: int
    batch: int
    minimum: float
    median: float
    calls: int


class Worker:
    """An engine's process. Its errors go to our own stderr; one that does not start ends the run."""

    def __init__(self, engine: str, threads: int, model: str, folder: Path):
        command = [sys.executable, str(ROOT / "benchmarks/worker.py"), engine, str(threads), model, str(folder)]
        self.engine, self.times = engine, list[float]()
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self._answer() != "ready":
            raise SystemExit(f"{engine} did not start")

    def _answer(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def burst(self) -> None:
        assert self.process.stdin is not None
        print(BURST, file=self.process.stdin, flush=True)
        self.times += map(float, self._answer().split())

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def prepare(model: str, batch: int, folder: Path) -> None:
    """Weights, an ONNX model and an input, the same for all."""
    graph = load(model).graph
    weights = random_weights(graph, 0)
    save_file(weights, folder / "weights.safetensors")
    (folder / "model.onnx").write_bytes(export(graph.bind(weights)).SerializeToString())
    image, rng = graph.inputs[0].type, np.random.default_rng(0)
    shape = (batch, *image.known)
    x = rng.integers(0, 256, shape, np.uint8) if image.dtype == "u8" else rng.standard_normal(shape, np.float32)
    np.save(folder / "input.npy", x)


def agree(folder: Path, engines: list[str]) -> None:
    """End the run where outputs differ by more than rounding can explain."""
    first, *others = (np.load(folder / f"{engine}.npy") for engine in engines)
    for engine, other in zip(engines[1:], others, strict=True):
        difference = np.abs(first - other).max() / np.abs(other).max()
        if not difference < 1e-4:
            raise SystemExit(f"{engines[0]} and {engine} differ by {difference:.1e} of the largest output")


def measure(model: str, engines: list[str], threads: int, batch: int, rounds: int) -> list[Result]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(model, batch, folder)
        workers = [Worker(engine, threads, model, folder) for engine in engines]
        agree(folder, engines)
        for _ in range(rounds):
            for worker in workers:
                worker.burst()
        for worker in workers:
            worker.stop()
    network = model.split("/")[-1]
    return [
        Result(network, w.engine, threads, batch, min(w.times), statistics.median(w.times), len(w.times))
        for w in workers
    ]


def machine() -> str:
    """What Linux calls the CPU, and how many cores there are."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=[str(ROOT / "examples" / name) for name in NETWORKS])
    parser.add_argument("--engines", default=",".join(ENGINES), help="comma-separated; cnnc first")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=8, help=f"bursts of {BURST} s for each engine")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    arguments = parser.parse_args()
    results: list[Result] = []
    print(f"{machine()}, {arguments.threads} thread(s), batch {arguments.batch}")
    for model in arguments.models:
        rows = measure(model, arguments.engines.split(","), arguments.threads, arguments.batch, arguments.rounds)
        for row in rows:
            ratio = f"minimum x{row.minimum / rows[0].minimum:.2f}, median x{row.median / rows[0].median:.2f}"
            print(f"{row.network:<24}{row.engine:<14}{row.minimum:9.3f} ms {row.median:9.3f} ms   {ratio}", flush=True)
        results += rows
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in results], indent=1) + "\n")


if __name__ == "__main__":
    main()
