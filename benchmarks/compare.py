"""cnnc beside its peers: the same definition and weights, in turns, on the same cores.

    python benchmarks/compare.py                                       # networks of the examples, one thread, one image
    python benchmarks/compare.py ResNet-18 ResNet-50 --threads 2 --engines ncnn,mnn --json out.json

Each engine lives in a process of its own; short bursts go round from engine to engine, so that drift of the machine
hits all alike. Outputs are compared first. Times are milliseconds a call, minimum and median; a ratio above 1 means
that cnnc is faster. Ends with status 1 if an engine failed or gave another answer. `pip install -e '.[bench]'` has the
peers.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

import numpy as np
from engines import ENGINES
from machine import machine, versions
from networks import ALL, OTHERS, SUBJECTS, Subject
from process import Failure, Worker
from report import Figures, Run, lines, markdown
from safetensors.numpy import save_file

import cnnc
from cnnc.compiler.ir.operator import Array
from cnnc.onnx_export import export

BURST = 0.5  # seconds
PAUSE = 0.05  # seconds: threads that spin after a call, waiting for the next one, have gone to sleep
TOLERANCE = 5e-4  # of the largest output: all engines stay below 2e-4 in float32, and none below 3e-3 in bfloat16


def weights_of(network: cnnc.Network, rng: np.random.Generator) -> dict[str, Array]:
    """Random weights; those that training begins with equal numbers, such as biases and statistics, vary as well."""
    weights = cnnc.random_weights(network)
    tables = {name: array for name, array in weights.items() if array.ndim == 1}
    return weights | {name: array + rng.uniform(0, 0.1, array.shape).astype("f") for name, array in tables.items()}


def prepare(subject: Subject, batch: int, folder: Path) -> None:
    """Weights, an ONNX model and an input, the same for all."""
    network, rng = subject.load(), np.random.default_rng(0)
    weights = weights_of(network, rng)
    save_file(weights, folder / "weights.safetensors")
    (folder / "model.onnx").write_bytes(export(network.graph.bind(weights), batch).SerializeToString())
    (image,) = network.inputs
    shape = (batch, *image.shape)
    x = rng.integers(0, 256, shape, np.uint8) if image.dtype == "u8" else rng.standard_normal(shape, np.float32)
    np.save(folder / "input.npy", x)


def difference(folder: Path, engine: str) -> float:
    """How far an engine's output is from cnnc's, in parts of the largest one; raises `Failure` if too far."""
    ours, theirs = np.load(folder / "cnnc.npy"), np.load(folder / f"{engine}.npy")
    if ours.shape != theirs.shape:
        raise Failure(f"answers {list(theirs.shape)}, cnnc {list(ours.shape)}")
    far = float(np.abs(ours - theirs).max() / np.abs(ours).max())
    if not far < TOLERANCE:
        raise Failure(f"differs from cnnc by {far:.1e} of the largest output")
    return far


def measure(run: Run, subject: Subject, engines: list[str], cores: list[int], rounds: int) -> None:
    """Add a network's figures to the run, and its failures. The first engine is cnnc: without it there are none."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        prepare(subject, run.batch, folder)
        workers: list[Worker] = []
        for engine in engines:
            workers.append(worker := Worker(engine, subject, folder, cores))
            stack.callback(worker.stop)
            with _failing(run, subject, workers, worker):
                worker.start()
                worker.difference = difference(folder, engine)
            if not workers:
                return  # nothing to hold the others against
        for worker in workers * rounds:
            if worker in workers:
                with _failing(run, subject, workers, worker):
                    time.sleep(PAUSE)
                    worker.burst(BURST)
        figures = {
            w.engine: Figures(
                min(w.times), statistics.median(w.times), len(w.times), w.difference, round(w.megabytes())
            )
            for w in workers
        }
        if "cnnc" in figures:
            run.results[subject.name] = figures


@contextmanager
def _failing(run: Run, subject: Subject, workers: list[Worker], worker: Worker) -> Iterator[None]:
    """A worker that fails is out, and said to be."""
    try:
        yield
    except Failure as failure:
        workers.remove(worker)
        run.failures.append(f"{subject.name}, {ENGINES[worker.engine].title}: {failure}")
        print(run.failures[-1], file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "networks", nargs="*", help=f"by default {', '.join(SUBJECTS)}; there are also {', '.join(OTHERS)}"
    )
    parser.add_argument("--engines", help=f"peers, comma-separated, of {', '.join(ENGINES)}; all by default")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=8, help=f"bursts of {BURST} s for each engine")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--markdown", type=Path, help="write tables here as well")
    given = parser.parse_args()
    networks = given.networks or list(SUBJECTS)
    engines = list(dict.fromkeys(["cnnc", *(given.engines.split(",") if given.engines else ENGINES)]))
    for name in {*networks, *engines} - {*ALL, *ENGINES}:
        parser.error(f"there is no `{name}`")
    cores = sorted(os.sched_getaffinity(0))[-given.threads :]
    if len(cores) != given.threads:
        parser.error(f"{given.threads} threads want as many cores, this process may use {len(cores)}")

    command = shlex.join(["python", "benchmarks/compare.py", *sys.argv[1:]])
    run = Run(command, date.today().isoformat(), machine(), versions(engines), given.threads, given.batch)
    print(f"{run.machine}; {given.threads} thread(s), batch {given.batch}")
    for name in networks:
        measure(run, ALL[name], engines, cores, given.rounds)
        if name in run.results:
            print(lines(name, run.results[name]), flush=True)
        if given.json:
            given.json.write_text(run.json())
        if given.markdown:
            given.markdown.write_text(markdown(run))
    if run.failures:
        raise SystemExit("\n".join(["failed:", *run.failures]))


if __name__ == "__main__":
    main()
