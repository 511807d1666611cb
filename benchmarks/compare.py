"""cnnc beside its peers: the same definition and weights, in turns, on the same cores.

    python benchmarks/compare.py                                       # everything, one thread, one image
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
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
from engines import ENGINES
from machine import machine, versions
from networks import SUBJECTS, Subject
from onnx_export import export
from report import Figures, Run, lines, markdown
from safetensors.numpy import save_file

import cnnc
from cnnc.compiler.ir.operator import Array

BURST = 0.5  # seconds
PAUSE = 0.05  # seconds: threads that spin after a call, waiting for the next one, have gone to sleep
TOLERANCE = 5e-4  # of the largest output; the farthest that float32 was seen to go is 1e-4, half precision goes further


class Failure(Exception):
    """An engine did not start, stopped, or gave another answer."""


class Worker:
    """An engine's process; what it has to say is in its log."""

    def __init__(self, engine: str, subject: Subject, folder: Path, cores: list[int]):
        self.engine, self.times = engine, list[float]()
        self._log = folder / f"{engine}.log"
        script, places = Path(__file__).with_name("worker.py"), ",".join(map(str, cores))
        self._process = subprocess.Popen(
            [sys.executable, str(script), engine, subject.name, str(folder), places],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log.open("w"),
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": str(len(cores)), "MKL_NUM_THREADS": str(len(cores))},
        )

    def answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            said = self._log.read_text(errors="replace")
            print(said, file=sys.stderr)
            raise Failure(f"stopped with status {self._process.wait()} after {said.splitlines()[-1:]}")
        return line

    def burst(self) -> None:
        assert self._process.stdin is not None
        print(BURST, file=self._process.stdin, flush=True)
        self.times += map(float, self.answer().split())

    def stop(self) -> None:
        self._process.communicate()


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
    """Add a network's figures to the run, and its failures. Without cnnc's answer there is nothing to compare with."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(subject, run.batch, folder)
        workers: list[Worker] = []
        differences: dict[str, float] = {}
        for engine in engines:
            worker = Worker(engine, subject, folder, cores)
            try:
                worker.answer()
                differences[engine] = difference(folder, engine)
                workers.append(worker)
            except Failure as failure:
                _fail(run, f"{subject.name}, {ENGINES[engine].title}: {failure}")
                worker.stop()
                if engine == "cnnc":
                    return
        for worker in workers * rounds:
            time.sleep(PAUSE)
            worker.burst()
        for worker in workers:
            worker.stop()
    run.results[subject.name] = {
        w.engine: Figures(min(w.times), statistics.median(w.times), len(w.times), differences[w.engine])
        for w in workers
    }


def _fail(run: Run, what: str) -> None:
    run.failures.append(what)
    print(what, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", help=f"of {', '.join(SUBJECTS)}; all by default")
    parser.add_argument("--engines", help=f"peers, comma-separated, of {', '.join(ENGINES)}; all by default")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=8, help=f"bursts of {BURST} s for each engine")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--markdown", type=Path, help="write tables here as well")
    given = parser.parse_args()
    networks = given.networks or list(SUBJECTS)
    engines = list(dict.fromkeys(["cnnc", *(given.engines.split(",") if given.engines else ENGINES)]))
    for name in {*networks, *engines} - {*SUBJECTS, *ENGINES}:
        parser.error(f"there is no `{name}`")
    cores = sorted(os.sched_getaffinity(0))[-given.threads :]
    if len(cores) != given.threads:
        parser.error(f"{given.threads} threads want as many cores, this process may use {len(cores)}")

    command = shlex.join(["python", "benchmarks/compare.py", *sys.argv[1:]])
    run = Run(command, date.today().isoformat(), machine(), versions(engines), given.threads, given.batch)
    print(f"{run.machine}; {given.threads} thread(s), batch {given.batch}")
    for name in networks:
        measure(run, SUBJECTS[name], engines, cores, given.rounds)
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
