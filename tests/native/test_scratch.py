"""Scratch memory: every thread has its own, whoever runs first."""

import numpy as np
import pytest
from child import in_child
from harness import BEST

from cnnc.compiler.codegen.module import object_of
from cnnc.compiler.schedule.target import target
from cnnc.runtime.abi import VERSION, Artifact, Manifest, Port, Segment, StepEntry, Word, aligned
from cnnc.runtime.executable import Executable

# Each part tells where its scratch memory is, and how many parts it is told that there are.
TELLS = """
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


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("each", [64, 4096])
def test_parts_have_scratch_memory_of_their_own(threads: int, each: int):
    manifest = Manifest(
        version=VERSION, cpu=BEST, batch_tile=1, inputs=(Port("x", "f32", (1,)),),
        outputs=(Port("places", "i64", (threads, 2)),), arena_bytes=0, arena_peak=0, scratch_bytes_per_thread=each,
        segments=(Segment(1, True),), steps=(StepEntry("tells", (Word("output", 0),), "places"),),
    )  # fmt: skip
    artifact = Artifact(manifest, object_of(TELLS, target(BEST)), aligned(0))

    def work(_: object) -> list[np.ndarray]:
        return Executable(artifact, threads)(np.zeros((2, 1), np.float32))

    for places in in_child(work)[0]:
        assert (places[:, 1] == threads).all()
        assert np.diff(np.sort(places[:, 0])).min(initial=each) >= each
