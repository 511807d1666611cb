"""From a network's files to its first result, in processes of their own: from scratch, and from the object cache.

    python benchmarks/start.py [NETWORK] [--threads T] [--rounds R]

Seconds without imports, and the most memory that a process had. Each round begins with an empty cache. Before each
start there is a pause: hosts of virtual machines take free memory back after a while, and a start pays for that.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from networks import ALL
from process import megabytes
from safetensors.numpy import save_file

import cnnc
from cnnc.build import compile
from cnnc.inputs import random_inputs

PAUSE = 2  # seconds
AGAIN = 3  # starts from the cache for each from scratch


def start(name: str, folder: Path, threads: int) -> None:
    """Start here, and say seconds and megabytes."""
    subject, image = ALL[name], np.load(folder / "image.npy")
    if not any(Path(os.environ["CNNC_CACHE_DIR"]).iterdir()):
        importlib.import_module("cnnc.compiler.pipeline")  # which is loaded only where something is compiled
    begin = time.perf_counter()
    compile(subject.path, sizes=subject.sizes, weights=folder / "weights.safetensors", threads=threads)(image)
    seconds = time.perf_counter() - begin
    print(json.dumps([seconds, megabytes(os.getpid())]))


def child(name: str, folder: Path, threads: int, cache: str) -> tuple[float, float]:
    """Seconds and megabytes of a start with this cache."""
    time.sleep(PAUSE)
    words = [sys.executable, __file__, name, "--threads", str(threads), "--here", str(folder)]
    said = subprocess.run(words, env=os.environ | {"CNNC_CACHE_DIR": cache}, check=True, stdout=subprocess.PIPE).stdout
    seconds, memory = json.loads(said)
    return seconds, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", nargs="?", default="ResNet-50", choices=ALL, metavar="NETWORK")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)  # files, in the process that is timed
    given = parser.parse_args()
    if given.here:
        return start(given.network, given.here, given.threads)
    starts: dict[str, list[tuple[float, float]]] = {"from scratch": [], "from the cache": []}
    with tempfile.TemporaryDirectory() as name:
        folder, network = Path(name), ALL[given.network].load()
        save_file(cnnc.random_weights(network), folder / "weights.safetensors")
        np.save(folder / "image.npy", *random_inputs(network.inputs, 1, seed=0).values())
        for _ in range(given.rounds):
            with tempfile.TemporaryDirectory() as cache:
                for kind, count in zip(starts, (1, AGAIN), strict=True):
                    starts[kind] += [child(given.network, folder, given.threads, cache) for _ in range(count)]
    print(f"{given.network}, {given.threads} thread(s): least, median, most")
    for kind, figures in starts.items():
        seconds, memory = zip(*figures, strict=True)
        least, middle, most = min(seconds), statistics.median(seconds), max(seconds)
        print(f"{kind:<16}{least:.2f}, {middle:.2f}, {most:.2f} s   {max(memory):.0f} MB at most")


if __name__ == "__main__":
    main()
