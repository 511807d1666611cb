"""One engine in a process of its own: prepares a network once, then times bursts on demand.

    python benchmarks/worker.py ENGINE THREADS MODEL FOLDER

MODEL is the network as `file.cnn:Name`; FOLDER holds `weights.safetensors`, `model.onnx` and `input.npy`, and gets the
output as `ENGINE.npy`. Every line on stdin is a number of seconds; the answer is a line of call times in milliseconds.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

Call = Callable[[], np.ndarray]


def cnnc(model: str, folder: Path, threads: int, x: np.ndarray) -> Call:
    import cnnc

    net = cnnc.compile(model, weights=folder / "weights.safetensors", threads=threads)
    return lambda: net(x)


def onnxruntime(model: str, folder: Path, threads: int, x: np.ndarray) -> Call:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
    feeds = {session.get_inputs()[0].name: x}
    return lambda: session.run(None, feeds)[0]


ENGINES = {"cnnc": cnnc, "onnxruntime": onnxruntime}


def main() -> None:
    name, threads, model, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    call = ENGINES[name](model, folder, threads, np.load(folder / "input.npy"))
    np.save(folder / f"{name}.npy", np.asarray(call()))
    print("ready", flush=True)
    for line in sys.stdin:
        times, until = [], time.perf_counter() + float(line)
        while not times or time.perf_counter() < until:
            start = time.perf_counter()
            call()
            times.append((time.perf_counter() - start) * 1e3)
        print(" ".join(f"{t:.6f}" for t in times), flush=True)


if __name__ == "__main__":
    main()
