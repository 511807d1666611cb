"""A compiled network in memory, ready to be called."""

from __future__ import annotations

import ctypes
import os
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from .abi import Artifact, Port, Word, aligned
from .feeds import DTYPES, Array, fitting, in_order
from .loader import Code
from .runner import BINDING_WORDS, SEGMENT_WORDS, STEP_WORDS, Job, runner
from .threads import run_slices, team


class Executable:
    """Code, constants and one arena. It runs on `threads` threads; calls from several of the caller's take turns."""

    def __init__(self, artifact: Artifact, threads: int = 1):
        self.manifest = manifest = artifact.manifest
        self._code = Code(artifact.code)
        self._constants = artifact.constants
        self._arena = aligned(manifest.arena_bytes)
        self.threads = threads
        self._scratch = aligned(threads * manifest.scratch_bytes_per_thread)
        self._lead = runner().lead
        self._lock = threading.Lock()
        self._link()
        _alive.add(self)

    @property
    def inputs(self) -> tuple[Port, ...]:
        return self.manifest.inputs

    @property
    def outputs(self) -> tuple[Port, ...]:
        return self.manifest.outputs

    @property
    def arena_bytes(self) -> int:
        return self.manifest.arena_bytes

    @property
    def constant_bytes(self) -> int:
        return self._constants.nbytes

    def _link(self) -> None:
        """Lay out the tables that the runner reads (`runner.ll`)."""
        self._arrays = (ctypes.c_int64 * (len(self.inputs) + len(self.outputs)))()
        steps, bindings = self._steps()
        segments = self._segments()
        self._tile = self.manifest.batch_tile
        self._kept = steps, segments, bindings
        places = [array.ctypes.data for array in self._kept]
        scratch, pitch = self._scratch.ctypes.data, self.manifest.scratch_bytes_per_thread
        numbers = [*places[:2], self._tile, self._tile_length, places[2], len(bindings), scratch, pitch]
        self._table = np.array(numbers, np.int64)
        self._job = Job(self._table.ctypes.data, 0, 0, 0, self.threads, 0)
        self._wanted = (self.inputs[0].shape, DTYPES[self.inputs[0].dtype]) if self.inputs else ((), None)
        self._made = [(port.shape, DTYPES[port.dtype], self._fixed(port)) for port in self.outputs]

    def _steps(self) -> tuple[Array, Array]:
        """The steps, the manifest's words turned into numbers, and how some of these change from image to image."""
        steps, tile = self.manifest.steps, self.manifest.batch_tile
        self._words = np.zeros(sum(len(step.words) for step in steps) + 1, np.int64)
        self._bases = np.zeros(len(self._words), np.int64)  # of words that change
        table = np.zeros((len(steps), STEP_WORDS), np.int64)
        changing: list[tuple[int, int, int, int, int]] = []
        words, bases, at = self._words.ctypes.data, self._bases.ctypes.data, 0
        for number, step in enumerate(steps):
            table[number] = self._code.address(step.kernel), words + 8 * at
            for word in step.words:
                place = words + 8 * at
                if word.kind in ("input", "output"):
                    index, port = self._port(word)
                    base = ctypes.addressof(self._arrays) + 8 * index
                    changing.append((place, base, tile * port.bytes, port.bytes, 0))
                elif word.kind == "images" or word.pitch:
                    self._bases[at] = word.value + self._base(word)
                    changing.append((place, bases + 8 * at, 0, word.pitch, word.kind == "images"))
                else:
                    self._words[at] = word.value + self._base(word)
                at += 1
        return table, np.array(changing, np.int64).reshape(-1, BINDING_WORDS)

    def _segments(self) -> Array:
        """The segments; also the positions of the first image's steps, and how many positions a tile has."""
        rows, self._starts, self._tile_length, first = [], list[int](), 0, 0
        for segment in self.manifest.segments:
            self._starts += range(self._tile_length, self._tile_length + segment.steps)
            self._tile_length += segment.steps * (self.manifest.batch_tile if segment.each else 1)
            rows.append((first, segment.steps, segment.each))
            first += segment.steps
        return np.array(rows, np.int64).reshape(-1, SEGMENT_WORDS)

    def _base(self, word: Word) -> int:
        if word.kind == "arena":
            return self._arena.ctypes.data
        return self._constants.ctypes.data if word.kind == "constant" else 0

    def _port(self, word: Word) -> tuple[int, Port]:
        """The place in the array of pointers, and the port: inputs first."""
        if word.kind == "input":
            return word.port, self.inputs[word.port]
        return len(self.inputs) + word.port, self.outputs[word.port]

    def run(self, feeds: Mapping[str, npt.ArrayLike]) -> dict[str, Array]:
        """Run images `[n, *shape]`, any n, for each input by name; gives arrays `[n, *shape]` by output name.

        Raises `InputError` for missing or unknown names and arrays of another shape or dtype.
        """
        results = self(*in_order(self.inputs, feeds))
        return {port.name: result for port, result in zip(self.outputs, results, strict=True)}

    def __call__(self, *arrays: npt.ArrayLike) -> list[Array]:
        """The outputs in order, for arrays in the order of the inputs."""
        fits = arrays if len(arrays) == 1 and self._fits(arrays[0]) else fitting(self.inputs, arrays)
        images = len(fits[0])  # type: ignore[arg-type]
        results = self._results(images)
        with self._lock:
            self._bind(fits, results)  # type: ignore[arg-type]
            self._run(0, -(-images // self._tile) * self._tile_length, images)
        return results

    def _fits(self, array: npt.ArrayLike) -> bool:
        """Whether an array is as the first input wants it: what most calls bring, seen without delay."""
        shape, dtype = self._wanted
        return (
            isinstance(array, np.ndarray)
            and array.dtype == dtype
            and array.shape[1:] == shape
            and array.ndim > 0
            and array.flags.c_contiguous
        )

    def times(self, feeds: Mapping[str, npt.ArrayLike]) -> list[float]:
        """Seconds that each step takes for the first image, what calling native code takes among it."""
        fits = fitting(self.inputs, in_order(self.inputs, feeds))
        results, ends = self._results(1), [0.0]
        with self._lock:
            self._bind(fits, results)
            ends[0] = time.perf_counter()
            for position in self._starts:
                self._run(position, position + 1, 1)
                ends.append(time.perf_counter())
        return [after - before for before, after in pairwise(ends)]

    def _results(self, images: int) -> list[Array]:
        """Room for the outputs; those that depend on no input are there already."""
        return [
            np.empty((images, *shape), dtype) if fixed is None else fixed.copy() for shape, dtype, fixed in self._made
        ]

    def _fixed(self, port: Port) -> Array | None:
        if port.fixed is None:
            return None
        return self._constants[port.fixed : port.fixed + port.bytes].view(DTYPES[port.dtype]).reshape(port.shape)

    def _bind(self, fits: Sequence[Array], results: Sequence[Array]) -> None:
        """Say where arrays lie that live as long as the call."""
        self._arrays[:] = [_address(array) for array in (*fits, *results)]

    def _run(self, position: int, end: int, images: int) -> None:
        """Positions `[position, end)` of `images`; none at all where these are the same."""
        if position == end:
            return
        job = self._job
        job[1], job[2], job[3] = position, end, images
        if self.threads == 1:
            run_slices(self._lead, job)
        else:
            team(self.threads).run(job)


_alive: weakref.WeakSet[Executable] = weakref.WeakSet()


def _unlock() -> None:
    """In a forked child nobody is left who could end a call that was under way."""
    for executable in _alive:
        executable._lock = threading.Lock()


os.register_at_fork(after_in_child=_unlock)


_addressof, _from_buffer = ctypes.addressof, ctypes.c_char.from_buffer


def _address(array: Array) -> int:
    """Where an array's first element lies. The buffer protocol is several times faster than `array.ctypes`, but wants
    memory that may be written and is not empty."""
    try:
        return _addressof(_from_buffer(array))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return array.ctypes.data
