"""What the runner tells each kernel: scratch memory of its part's own, and how many images there are."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from child import in_child
from harness import BEST

from cnnc.compiler.codegen.module import object_of
from cnnc.compiler.schedule.target import target
from cnnc.runtime.abi import VERSION, Artifact, Manifest, Port, Segment, StepEntry, Word, aligned
from cnnc.runtime.executable import Executable
from cnnc.runtime.linker import link

# Each part writes down where its scratch memory is, and how many parts it is told that there are.
PLACES = """
define void @tells(ptr %arguments, i64 %part, i64 %parts, ptr %scratch) {
  %places = load ptr, ptr %arguments
  %mine = getelementptr {i64, i64}, ptr %places, i64 %part
  %where = ptrtoint ptr %scratch to i64
  store i64 %where, ptr %mine
  %second = getelementptr i64, ptr %mine, i64 1
  store i64 %parts, ptr %second
  ret void
}
"""
# Writes its second argument down.
COUNTS = """
define void @tells(ptr %arguments, i64 %part, i64 %parts, ptr %scratch) {
  %here = load ptr, ptr %arguments
  %second = getelementptr i64, ptr %arguments, i64 1
  %number = load i64, ptr %second
  store i64 %number, ptr %here
  ret void
}
"""


def told(ir: str, port: Port, images: int, threads: int, **changes: Any) -> np.ndarray:
    """What the one kernel of a network, `@tells`, writes into its only output."""
    whole = {"batch_tile": 1, "segments": (Segment(1, True),), "scratch_bytes_per_thread": 0, **changes}
    words = Word("output", 0), Word("images", 0)
    manifest = Manifest(
        version=VERSION, cpu=BEST, inputs=(Port("x", "f32", (1,)),), outputs=(port,), arena_bytes=0, arena_peak=0,
        steps=(StepEntry("tells", words, "tells", barrier=True),), **whole,
    )  # fmt: skip
    artifact = Artifact(manifest, link([object_of(ir, target(BEST))]), aligned(0))
    return in_child(lambda note: Executable(artifact, threads)(np.zeros((images, 1), np.float32)))[0]


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("each", [64, 4096])
def test_parts_have_scratch_memory_of_their_own(threads: int, each: int):
    """Whoever runs first; of a single image."""
    (places,) = told(PLACES, Port("places", "i64", (threads, 2)), 1, threads, scratch_bytes_per_thread=each)
    assert (places[:, 1] == threads).all()
    assert np.diff(np.sort(places[:, 0])).min(initial=each) >= each


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_threads_with_images_of_their_own_have_scratch_memory_of_their_own(threads: int):
    places = told(PLACES, Port("places", "i64", (1, 2)), threads, threads, scratch_bytes_per_thread=64)[:, 0]
    assert (places[:, 1] == 1).all()
    assert np.diff(np.sort(places[:, 0])).min() >= 64


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("images", [1, 15, 16, 17, 35])
def test_steps_that_run_once_for_a_tile_know_how_many_images_it_has(images: int, threads: int):
    """Tiles begin anew for the images of each thread, and for those that are left over."""
    counts = told(COUNTS, Port("count", "i64", ()), images, threads, batch_tile=16, segments=(Segment(1, False),))
    ends = [images // threads * thread for thread in range(1, threads + 1)] + [images]
    for begin, end in pairwise([0, *ends]):
        assert counts[begin:end:16].tolist() == [min(16, end - first) for first in range(begin, end, 16)]
