"""Weights files that are hostile or wrong are refused at once, with a sentence that a user understands."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import resource
import subprocess
import sys
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
from forged import MISFITS, MODEL, NPZ, SAFETENSORS, Contents, lay

from cnnc.compiler.frontend import parse_text
from cnnc.compiler.frontend.weights import load_weights
from cnnc.runtime.errors import WeightsError

SECONDS, MEGABYTES = 2, 500
STARTED = 100  # MB that a process has when it begins to load weights
GRAPH = parse_text(MODEL).graph
# What a child takes is counted from its parent's size on, so that the parent must be small.
LAUNCHER = """
import json, resource, subprocess, sys
done = subprocess.run([sys.executable, "-m", "cnnc.cli", *sys.argv[1:]], capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([done.returncode, done.stdout, done.stderr, used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""
UNSOUND = [(".safetensors", case) for case in SAFETENSORS] + [(".npz", case) for case in NPZ]


def refusal(path: Path) -> list[str]:
    """What is said of a weights file, line by line, in a child with little memory and time."""
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe(duplex=False)
    child = fork.Process(target=load, args=(path, theirs))
    child.start()
    theirs.close()
    try:
        child.join(60)
        assert child.exitcode == 0
        said, seconds = ours.recv()
    finally:
        child.kill()
    assert seconds < SECONDS
    return said.splitlines()


def load(path: Path, pipe: Connection) -> None:
    gc.freeze()  # what earlier tests left in the parent is not for this child to search for garbage
    here = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = here + (MEGABYTES - STARTED) * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    os.chdir(path.parent)
    try:
        load_weights(GRAPH, path.name)
        said = "it was loaded"
    except WeightsError as error:
        said = str(error)
    used = resource.getrusage(resource.RUSAGE_SELF)
    pipe.send((said, used.ru_utime + used.ru_stime))


def of(suffix: str, case: str) -> tuple[Contents, str]:
    return (SAFETENSORS if suffix == ".safetensors" else NPZ)[case]


@pytest.mark.parametrize(("suffix", "case"), UNSOUND)
def test_unsound_files(suffix: str, case: str, tmp_path: Path):
    contents, said = of(suffix, case)
    assert refusal(lay(tmp_path / f"w{suffix}", contents)) == [
        f"error[E0401]: w{suffix} is no sound {suffix} file: {said}",
        "  = help: save it or download it again",
    ]


@pytest.mark.parametrize("case", MISFITS)
def test_sound_files_that_do_not_fit(case: str, tmp_path: Path):
    suffix, contents, wanted = MISFITS[case]
    code, _, line = wanted.partition(" ")
    first, *lines = refusal(lay(tmp_path / f"w{suffix}", contents))
    assert first == f"error[{code}]: w{suffix} does not fit M"
    assert f"  {line}" in lines
    assert len(lines) <= 24


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def folder(path: Path) -> None:
    path.mkdir()


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def nothing(path: Path) -> None:
    path.symlink_to("gone")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (pipe, "it is a device or a pipe, and no file"),
        (device, "it is a device or a pipe, and no file"),
        (folder, "Is a directory"),
        (loop, "Too many levels of symbolic links"),
        (nothing, "No such file or directory"),
    ],
)
@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_no_files(make, said: str, suffix: str, tmp_path: Path):
    make(tmp_path / f"w{suffix}")
    assert refusal(tmp_path / f"w{suffix}") == [f"error[E0401]: cannot read w{suffix}: {said}"]


@pytest.mark.parametrize(
    ("suffix", "contents", "said"),
    [
        (".npz", *NPZ["a bomb that lies in its header"]),
        (".npz", *NPZ["a directory of 4 GB"]),
        (".safetensors", *SAFETENSORS["many empty lists"]),
        (".safetensors", MISFITS["10 GB"][1], "w.safetensors does not fit M"),
        (".npz", pipe, "it is a device or a pipe, and no file"),
    ],
    ids=["bomb", "directory", "lists", "10 GB", "pipe"],
)
def test_the_command_line_refuses_them_as_fast(suffix: str, contents: Contents, said: str, tmp_path: Path):
    """With all that it loads itself, in a process of its own."""
    (tmp_path / "m.cnn").write_text(MODEL)
    np.save(tmp_path / "x.npy", np.zeros((1, 4), np.float32))
    weights = lay(tmp_path / f"w{suffix}", contents)
    words = ["run", "m.cnn", "x.npy", "--weights", weights.name]
    launched = [sys.executable, "-c", LAUNCHER, *words]
    report = subprocess.run(launched, cwd=tmp_path, stdout=subprocess.PIPE, check=True).stdout
    code, out, err, seconds, kilobytes = json.loads(report)
    assert (code, out) == (1, "")
    assert said in " ".join(err.split())
    assert err.startswith("error[E040")
    assert seconds < SECONDS
    assert kilobytes < MEGABYTES * 1000
