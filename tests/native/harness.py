"""Graphs as machine code, held against float64: the whole pipeline, in a child, between guard pages."""

import ctypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import split
from builder import with_random_weights
from child import Note, in_child
from guarded import NONE, READ, WRITE, Window
from skewed import run_skewed

from cnnc.compiler.codegen.buffer import Buffer
from cnnc.compiler.codegen.packed import Packed
from cnnc.compiler.codegen.program import Address, Constant, ImageNumber, Images, Program, Step
from cnnc.compiler.codegen.program import Word as Operand
from cnnc.compiler.codegen.segments import Segment, batching
from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.ir.operator import Array
from cnnc.compiler.ir.verify import verify
from cnnc.compiler.options import Options
from cnnc.compiler.pipeline import GRAPH_PASSES, compile_graph
from cnnc.compiler.schedule.target import require_here
from cnnc.compiler.tolerance import Expected, expected
from cnnc.runtime.abi import DTYPES, Artifact
from cnnc.runtime.errors import TargetError
from cnnc.runtime.executable import Executable
from cnnc.runtime.loader import Code

CPUS = ("x86-64-v4", "x86-64-v3", "x86-64")
EVERY_PASS = frozenset(step.name for step in GRAPH_PASSES)


def runs_here(cpu: str) -> bool:
    try:
        require_here(cpu)
    except TargetError:
        return False
    return True


any_cpu = pytest.mark.parametrize("cpu", CPUS)  # whether or not this machine runs what is made for it
HERE = [cpu for cpu in CPUS if runs_here(cpu)]
BEST = HERE[0]
SLOWLY = split.offered() if BEST == "x86-64-v3" else []
every_cpu = pytest.mark.parametrize(
    "cpu",
    [
        *(pytest.param(c, marks=pytest.mark.skipif(c not in HERE, reason=f"this machine lacks {c}")) for c in CPUS),
        *(pytest.param(c, marks=pytest.mark.slow) for c in SLOWLY),
    ],
)


@dataclass(frozen=True)
class Native:
    """A compiled graph. `graph` has the weights that it was compiled with."""

    graph: Graph
    program: Program
    constants: Mapping[str, Array]
    artifact: Artifact


def compile_native(graph: Graph, cpu: str = BEST, disabled: Iterable[str] = (), **options: Any) -> Native:
    """Compile a graph whose weights are bound; the graph of every stage is verified."""
    programs: list[Program] = []
    constants: dict[str, Array] = {}

    def after(name: str, stage: Any, seconds: float) -> None:
        if isinstance(stage, Graph):
            verify(stage)
        elif isinstance(stage, Program):
            programs.append(stage)
            constants.update({name: written(replace(packed)) for name, packed in stage.constants.items()})

    artifact = compile_graph(graph, Options(cpu=cpu, disabled=frozenset(disabled), **options), after)
    return Native(graph, programs[0], constants, artifact)


def written(packed: Packed) -> Array:
    """A constant in memory of its own."""
    out = np.zeros(packed.shape, packed.dtype)
    packed.write(out)
    return out


def images_for(graph: Graph, batch: int = 1, seed: int = 0) -> dict[str, Array]:
    """Normal numbers, or whole ones of any size, for each input."""
    random = np.random.default_rng(seed)

    def numbers(dtype: np.dtype, shape: tuple[int, ...]) -> Array:
        if dtype == np.float32:
            return random.standard_normal(shape).astype(dtype)
        return random.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, shape, dtype, endpoint=True)

    return {value.name: numbers(DTYPES[value.type.dtype], (batch, *value.type.known)) for value in graph.inputs}


def run(native: Native, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """As users run it."""
    return Executable(native.artifact).run(inputs)


def run_guarded(
    native: Native, inputs: Mapping[str, Array], note: Note, *, at_end: bool, parts: int = 1
) -> dict[str, Array]:
    """Step by step, each tensor a window of its own, and accessible only to steps that say that they touch it."""
    program, code = native.program, Code(native.artifact.code)
    batches = batching(program)
    images = len(next(iter(inputs.values())))
    manifest = native.artifact.manifest
    given = {("input", i): Window.holding(inputs[port.name], at_end) for i, port in enumerate(manifest.inputs)}
    for i, port in enumerate(manifest.outputs):
        given["output", i] = Window(images * port.bytes if port.batched else port.bytes, at_end)
    pitches = {("input", i): port.pitch for i, port in enumerate(manifest.inputs)}
    pitches |= {("output", i): port.pitch for i, port in enumerate(manifest.outputs)}
    constants = {name: Window.holding(data, at_end) for name, data in native.constants.items()}
    touched = {b.storage for step in program.steps for b in (*step.reads, *step.writes) if b.port is None}
    pitch = {storage: storage.image_bytes if storage in batches.kept else 0 for storage in touched}
    arena = {s: Window((batches.images(s) - 1) * pitch[s] + s.bytes, at_end) for s in touched}
    scratch = Window(manifest.scratch_bytes_per_thread, at_end)
    prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_size_t] * 4)

    def resolve(word: Operand, first: int, image: int) -> int:
        """A word for an image of the tile whose first image is `first`."""
        if isinstance(word, Constant):
            return constants[word.name].address
        if isinstance(word, Images):
            return min(batches.tile, images - first)
        if isinstance(word, ImageNumber):
            return first + image
        if isinstance(word, Address):
            buffer = word.buffer
            if buffer.port is None:
                return arena[buffer.storage].address + image * pitch[buffer.storage] + buffer.origin + word.offset
            return given[buffer.port].address + (first + image) * pitches[buffer.port] + word.offset
        return word

    def run_steps(segment: Segment, first: int, image: int) -> None:
        for number in range(segment.first, segment.first + segment.count):
            step = program.steps[number]
            note.write(f"step {number}, {step.kernel} of `{step.node}`, image {first + image}, windows at_end={at_end}")
            words = np.array([resolve(word, first, image) for word in step.words], np.int64)
            kernel = prototype(code.address(step.kernel))
            with _allowed(step, arena):
                for part in range(parts):
                    scratch.array(np.uint8, (scratch.size,)).fill(0xFF)
                    kernel(words.ctypes.data, part, parts, scratch.address)

    for first in range(0, images, batches.tile):
        blank({buffer: window for buffer, window in arena.items() if not (buffer.lasting and first)})
        for segment in batches.segments:
            for image in range(min(batches.tile, images - first) if segment.each else 1):
                run_steps(segment, first, image)
    return {
        port.name: given["output", i].array(DTYPES[port.dtype], (*[images] * port.batched, *port.shape)).copy()
        if port.fixed is None
        else native.constants[program.fixed[port.name].name].copy()
        for i, port in enumerate(manifest.outputs)
    }


def blank(arena: Mapping[Buffer, Window]) -> None:
    """Whatever was there before is NaN now, and nobody may touch it."""
    for window in arena.values():
        window.protect(WRITE)
        window.array(np.uint8, (window.size,)).fill(0xFF)
        window.protect(NONE)


class _allowed:  # noqa: N801  a context manager
    """The memory of one step: what it writes may be written, what it reads read, nothing else touched."""

    def __init__(self, step: Step, arena: Mapping[Buffer, Window]):
        self._windows = {arena[b.storage]: READ for b in step.reads if b.port is None}
        self._windows |= {arena[b.storage]: WRITE for b in step.writes if b.port is None}

    def __enter__(self) -> None:
        for window, how in self._windows.items():
            window.protect(how)

    def __exit__(self, *_: object) -> None:
        for window in self._windows:
            window.protect(NONE)


def every_way(native: Native, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """The outputs, after having seen that they are the same bits in every kind of run: for users, between guard pages
    on either side, in several parts, by threads that are far apart."""

    def work(note: Note) -> list[dict[str, Array]]:
        ways = ((True, 1), (False, 3))
        guarded = [run_guarded(native, inputs, note, at_end=at_end, parts=parts) for at_end, parts in ways]
        note.write("threads far apart")
        skewed = run_skewed(native.artifact, inputs, parts=3)
        note.write("the runner")
        return [run(native, inputs), *guarded, skewed]

    results, *others = in_child(work)
    for way, other in zip(("guards after", "guards before, in 3 parts", "threads far apart"), others, strict=True):
        for name, array in results.items():
            same = (array == other[name]) | (np.isnan(array) & np.isnan(other[name]))
            unwritten = f"{np.isnan(other[name]).sum()} of them NaN"
            assert same.all(), f"`{name}`, {way}: {(~same).sum()} of {same.size} numbers differ, {unwritten}"
    return results


def truth(native: Native, inputs: Mapping[str, Array]) -> dict[str, Expected]:
    """What the graph means, and how far each algorithm in use may lie from it."""
    algorithms = native.program.schedule.algorithms(native.program.graph)
    return expected(native.graph, inputs, algorithms=algorithms)


def assert_right(results: Mapping[str, Array], truth: Mapping[str, Expected]) -> None:
    """Every output within its bound; the message says where the worst is."""
    complaints = []
    for name, wanted in truth.items():
        given = results[name]
        assert given.shape == wanted.exact.shape, name
        misses = wanted.misses(given)
        if misses.any():
            over = np.where(misses, wanted.error(given) - wanted.bound, 0.0)
            worst = np.unravel_index(np.argmax(over), over.shape)
            complaints.append(
                f"{name}{[int(i) for i in worst]}: {given[worst]!r}, not {wanted.exact[worst]!r} "
                f"± {wanted.bound[worst]:.3g}; {misses.sum()} of {misses.size} numbers miss"
            )
    assert not complaints, "\n".join(complaints)


def assert_calls_do_not_meet(native: Native, first: Mapping[str, Array], second: Mapping[str, Array]) -> None:
    """The second call finds nothing of the first in the arena, nor of one whose numbers are all NaN."""
    poisoned = {
        name: np.full_like(array, np.nan) if array.dtype.kind == "f" else array for name, array in first.items()
    }

    def work(note: Note) -> list[dict[str, Array]]:
        used, fresh = Executable(native.artifact), Executable(native.artifact)
        used.run(first), used.run(poisoned)
        return [used.run(second), fresh.run(second)]

    after, alone = in_child(work)
    for name, array in alone.items():
        assert array.tobytes() == after[name].tobytes(), name


def hold(graph: Graph, cpu: str = BEST, disabled: Iterable[str] = (), batch: int = 1, **options: Any) -> Native:
    """Compile a graph with random weights, run it in every way and hold it against the truth."""
    native = compile_native(with_random_weights(graph), cpu, disabled, **options)
    inputs = images_for(graph, batch)
    assert_right(every_way(native, inputs), truth(native, inputs))
    return native
