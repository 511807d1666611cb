"""A program becomes an artifact: offsets for names, machine code for kernels."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from ...runtime import abi
from ...runtime.library import give_back
from ...runtime.linker import link
from ..ir.graph import Value
from ..ir.types import Type, ints
from .barriers import barriers
from .memory import Arena, plan_arena
from .module import object_of
from .packed import Packed
from .program import Address, Constant, ImageNumber, Images, Program, Word
from .segments import Batching, batching

_WORKERS = 4  # threads at most, since the largest of a network's kernels takes LLVM a tenth of the time


def build(program: Program) -> abi.Artifact:
    """Plan the arena, pack the constants and compile the kernels, which threads do beside Python."""
    workers = ThreadPoolExecutor(max(2, min(_WORKERS, len(os.sched_getaffinity(0)))))
    try:
        objects = [workers.submit(object_of, ir, program.schedule.target) for ir in program.modules()]
        offsets, constants, written = _gather(program, workers)
        batches = batching(program)
        made = manifest(program, batches, plan_arena(program, batches), offsets)
        code = link(obj.result() for obj in objects)
        give_back()
        for each in written:
            each.result()
        return abi.Artifact(made, code, constants)
    except Exception:
        workers.shutdown(cancel_futures=True)  # a fork may follow, and LLVM has locks
        raise
    finally:
        workers.shutdown(wait=False, cancel_futures=True)  # Ctrl-C waits for no thread: see `runtime/background.py`


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


def _gather(program: Program, workers: ThreadPoolExecutor) -> tuple[dict[str, int], np.ndarray, list[Future[None]]]:
    """All constants in one blob, each on a cache line's boundary, where each begins, and who is to write them there."""
    offsets, size = {}, 0
    for name, data in program.constants.items():
        offsets[name] = size
        size += -(-data.nbytes // abi.ALIGNMENT) * abi.ALIGNMENT
    blob = abi.aligned(size)

    def parts(data: Packed, at: int) -> list[Callable[[], None]]:
        return data.parts(blob[at : at + data.nbytes].view(data.dtype).reshape(data.shape))

    each = (parts(data, offsets[name]) for name, data in program.constants.items())
    return offsets, blob, [workers.submit(part) for parts in each for part in parts]
