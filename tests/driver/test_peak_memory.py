"""How much memory a network takes at its height: in processes of their own, bounded by what its weights take."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

import cnnc

WEIGHTS = 4 * 48 * 1024**2  # bytes: 201 MB, in each of the networks
REST = 40_000_000  # bytes for what LLVM leaves behind, the layer at work and all else
PEAK = """
import sys
import numpy as np
from pathlib import Path
import cnnc
from cnnc.build import compile

def peak():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])
"""
CHILD = """
before = peak()
compile(sys.argv[1], threads=1)(np.zeros((1, 1024, 2, 2), np.float32))
print(peak() - before)
"""


def model(folder: Path, stages: str) -> Path:
    """A network and its weights, which are a hole in a file."""
    path = folder / "m.cnn"
    path.write_text(f"model M {{ input x: f32[N, 1024, 2, 2]  output y = x -> {stages} }}")
    header, size = {}, 0
    for name, param in cnnc.load(path).params.items():
        begin = size
        size += 4 * math.prod(param.shape)
        header[name] = {"dtype": "F32", "shape": param.shape, "data_offsets": [begin, size]}
    text = json.dumps(header).encode()
    weights = path.with_suffix(".safetensors")
    weights.write_bytes(len(text).to_bytes(8, "little") + text)
    os.truncate(weights, 8 + len(text) + size)
    return path


def peak(path: Path) -> int:
    """Bytes that a process takes from when cnnc is imported to the first answer."""
    return tell(CHILD, path, path.parent / "cache")


def tell(text: str, argument: object, cache: Path) -> int:
    """The number that such a program prints."""
    command = [sys.executable, "-c", PEAK + text, str(argument)]
    done = subprocess.run(command, env={**os.environ, "CNNC_CACHE_DIR": str(cache)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.parametrize(
    ("stages", "rest"),
    [
        pytest.param("repeat(48, conv(1024, 1) -> relu)", REST, marks=pytest.mark.slow),
        ("repeat(48, conv(1024, 1, bias=false) -> batchnorm -> relu)", REST),
        ("flatten -> dense(12288)", REST),
        pytest.param("conv(12288, 2)", REST, marks=pytest.mark.slow),
        ("conv(12288, 2, bias=false) -> batchnorm", 65_000_000),  # read as a whole beside LLVM
    ],
)
def test_weights_exist_once(stages: str, rest: int, tmp_path: Path):
    """Of what is read or made on the way to a kernel's order there are a few rows at a time, in large layers too."""
    path = model(tmp_path, stages)
    assert WEIGHTS < peak(path) < WEIGHTS + rest
    assert len(list((tmp_path / "cache").iterdir())) == 2  # the network, and the loop that runs it
    assert WEIGHTS < peak(path) < WEIGHTS + REST  # from the cache


LIBRARY = """
import re
cnnc.compile(sys.argv[1], cache=False)
maps = re.split(r"^(?=[0-9a-f]+-)", Path("/proc/self/smaps").read_text(), flags=re.M)
print(1024 * sum(int(re.search(r"Rss: +([0-9]+)", text)[1]) for text in maps if "libllvmlite" in text))
"""


def test_llvm_goes_when_it_is_done(tmp_path: Path):
    """Of the 40 MB that it reads there are a few, which it has written to; and it works when it is called again."""
    path = model(tmp_path, "conv(8, 1)")
    once, again = (
        tell(LIBRARY, path, tmp_path),
        tell(f"cnnc.compile(sys.argv[1], cache=False){LIBRARY}", path, tmp_path),
    )
    assert 0 < once < 4 << 20 and 0 < again < 4 << 20


AREAS = """
cnnc.compile(sys.argv[1], cache=False)
code = [line.split()[0].split("-") for line in open("/proc/self/maps") if "libllvmlite" in line and " r-xp " in line]
print(max(int(end, 16) - int(start, 16) for start, end in code))
"""


def test_llvms_code_comes_by_small_areas(tmp_path: Path):
    """Linux brings what lies around a missing page, but nothing of another area."""
    assert tell(AREAS, model(tmp_path, "conv(8, 1)"), tmp_path) <= 32 << 10


MORE = """
text = "model M { input x: f32[N, 1, 512, 512]  output y = x -> conv(64, 1) -> relu -> conv(64, 3) -> maxpool(8) }"
network = cnnc.parse(text)
net = cnnc.compile(network, weights=cnnc.random_weights(network), threads=int(sys.argv[1]))
assert net.machine.arena_bytes > 64 << 20
x = np.ones((4, 1, 512, 512), np.float32)
net(x[:1])
before = peak()
net(x)
print(peak() - before)
"""


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_share_a_large_arena(threads: int, tmp_path: Path):
    """Several images take no more memory than one: a thread with an arena of its own would double it."""
    assert tell(MORE, threads, tmp_path) < 32 << 20
