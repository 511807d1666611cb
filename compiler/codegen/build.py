"""A program becomes an artifact: offsets for names, machine code for kernels."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ...runtime import abi
from ..ir.graph import Value
from ..ir.types import Type, ints
from .barriers import barriers
from .memory import Arena, plan_arena
from .module import object_of
from .program import Address, Constant, ImageNumber, Images, Program, Word
from .segments import Batching, batching

_PACKERS = 2  # threads: memory that nobody used before is what one waits for


def build(program: Program) -> abi.Artifact:
    """Plan the arena, gather the constants and compile the kernels."""
    llvm = ThreadPoolExecutor(1)  # it lets go of Python's lock, and needs nothing of the rest
    code = llvm.submit(object_of, program.ir(), program.schedule.target)
    llvm.shutdown(wait=False)  # the result is waited for: see `runtime/background.py`
    offsets, constants = _gather(program)
    batches = batching(program)
    made = manifest(program, batches, plan_arena(program, batches), offsets)
    return abi.Artifact(made, code.result(), constants)


def manifest(program: Program, batches: Batching, arena: Arena, constants: dict[str, int]) -> abi.Manifest:
    """The program with offsets for addresses."""
    steps = tuple(
        abi.StepEntry(step.kernel, tuple(_word(w, batches, arena, constants) for w in step.words), step.node, barrier)
        for step, barrier in zip(program.steps, barriers(program, batches, arena), strict=True)
    )
    graph = program.graph
    return abi.Manifest(
        version=abi.VERSION,
        cpu=program.schedule.target.name,
        batch_tile=batches.tile,
        segments=tuple(abi.Segment(s.count, s.each) for s in batches.segments),
        inputs=tuple(_port(value.name, value.type) for value in graph.inputs),
        outputs=tuple(_output(name, value, program, constants) for name, value in graph.outputs.items()),
        arena_bytes=arena.bytes,
        arena_peak=arena.peak,
        scratch_bytes_per_thread=max((step.scratch for step in program.steps), default=0),
        steps=steps,
    )


def _port(name: str, type: Type, fixed: int | None = None) -> abi.Port:
    shape = type.known if type.batched else ints(type.shape)
    return abi.Port(name, type.dtype, shape, type.batched, fixed)


def _output(name: str, value: Value, program: Program, constants: dict[str, int]) -> abi.Port:
    fixed = constants[program.fixed[name].name] if name in program.fixed else None
    return _port(name, value.type, fixed)


def _word(word: Word, batches: Batching, arena: Arena, constants: dict[str, int]) -> abi.Word:
    if isinstance(word, Constant):
        return abi.Word("constant", constants[word.name])
    if isinstance(word, Address):
        buffer = word.buffer
        if buffer.port is not None:
            kind, index = buffer.port
            return abi.Word("input" if kind == "input" else "output", word.offset, index)
        pitch = buffer.image_bytes if batches.images(buffer.storage) > 1 else 0
        return abi.Word("arena", arena.offsets[buffer.storage] + buffer.origin + word.offset, pitch=pitch)
    if isinstance(word, Images):
        return abi.Word("images", 0)
    if isinstance(word, ImageNumber):
        return abi.Word("image", 0)
    return abi.Word("number", word)


def _gather(program: Program) -> tuple[dict[str, int], np.ndarray]:
    """All constants in one blob, each on a cache line's boundary, and where each begins."""
    offsets, size = {}, 0
    for name, data in program.constants.items():
        offsets[name] = size
        size += -(-data.nbytes // abi.ALIGNMENT) * abi.ALIGNMENT
    blob = abi.aligned(size)

    def write(name: str) -> None:
        data, at = program.constants[name], offsets[name]
        data.write(blob[at : at + data.nbytes].view(data.dtype).reshape(data.shape))

    with ThreadPoolExecutor(_PACKERS) as packers:
        list(packers.map(write, program.constants))
    return offsets, blob
