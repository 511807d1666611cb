"""The memory plan: tensors that live at once lie apart, and no more memory than they need."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from builder import Net
from harness import BEST, compile_native
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_graphs import networks

from cnnc.compiler.codegen.buffer import Buffer
from cnnc.compiler.codegen.lowering import LOWERINGS
from cnnc.compiler.codegen.memory import Arena, plan_arena
from cnnc.compiler.codegen.planner import plan
from cnnc.compiler.codegen.program import Program
from cnnc.compiler.codegen.segments import batching
from cnnc.compiler.frontend.load import load
from cnnc.compiler.ir.types import ints
from cnnc.compiler.pipeline import GRAPH_PASSES
from cnnc.compiler.schedule.choose import choose
from cnnc.compiler.schedule.target import target
from cnnc.runtime.abi import ALIGNMENT
from cnnc.runtime.errors import TargetError

EXAMPLES = Path(__file__).parents[2] / "examples"
NETWORKS = ("digits", "lenet5", "alexnet", "multilabel", "resnet:ResNet18")
LARGE = ("resnet:ResNet50",)


@lru_cache
def program_of(name: str) -> Program:
    """An example as steps, with weights that take no memory."""
    file, _, model = name.partition(":")
    graph = load(f"{EXAMPLES / file}.cnn{':' if model else ''}{model}").graph
    shapes = {name: ints(param.type.shape) for name, param in graph.params.items()}
    graph = graph.bind({name: np.broadcast_to(np.float32(0.5), shape) for name, shape in shapes.items()})
    for step in GRAPH_PASSES:
        graph = step.run(graph)
    return plan(graph, choose(graph, target(BEST)), LOWERINGS)


def assert_apart(program: Program, arena: Arena, images: int = 2) -> None:
    """Step by step for the first images of a tile, by a byte map: what is yet to be read keeps every byte that was
    written for it."""
    batches = batching(program)
    runs = [
        (step, [k])
        for segment in batches.segments
        for k in range(images if segment.each and batches.tile > 1 else 1)
        for step in program.steps[segment.first : segment.first + segment.count]
    ]
    runs = [(step, range(images) if step.once else own) for step, own in runs]
    last = {(b.storage, k): t for t, (step, own) in enumerate(runs) for b in step.reads for k in own}
    owner: dict[int, tuple[Buffer, int]] = {}
    for t, (step, own) in enumerate(runs):
        alive = {(b.storage, k) for b in (*step.reads, *step.writes) if b.port is None for k in own}
        alive |= {key for key in owner.values() if last.get(key, -1) >= t}
        owner = {}
        for buffer, k in alive:
            start = arena.offsets[buffer] + (k * buffer.image_bytes if buffer in batches.kept else 0)
            assert start % ALIGNMENT == 0
            assert start + buffer.bytes <= arena.bytes
            for line in range(start // ALIGNMENT, -(-(start + buffer.bytes) // ALIGNMENT)):
                assert owner.setdefault(line, (buffer, k)) == (buffer, k), f"{step.node}: {owner[line]}, {buffer.name}"


@pytest.mark.parametrize("name", [*NETWORKS, *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE)])
def test_examples_share_no_living_byte_and_waste_none(name: str):
    program = program_of(name)
    arena = plan_arena(program, batching(program))
    assert_apart(program, arena)
    assert arena.bytes <= 1.05 * arena.peak
    assert arena.peak <= arena.bytes


@settings(max_examples=25, deadline=None)
@given(networks(), st.booleans())
def test_random_networks_share_no_living_byte(net: Net, fused: bool):
    try:
        native = compile_native(net.graph, disabled=[] if fused else ["fuse_epilogues"])
    except TargetError:
        assume(False)
        return
    arena = plan_arena(native.program, batching(native.program))
    assert_apart(native.program, arena)
    assert native.artifact.manifest.arena_bytes == arena.bytes
