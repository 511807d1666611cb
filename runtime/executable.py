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
from .runner import BINDING_WORDS, STEP_WORDS, runner
from .threads import team


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
        """Turn the manifest's words into numbers, and remember which ones change from call to call."""
        count = sum(len(step.words) for step in self.manifest.steps)
        self._words = np.zeros(max(count, 1), np.int64)
        table = np.zeros((len(self.manifest.steps), STEP_WORDS), np.int64)
        bindings: list[tuple[int, int, int]] = []
        base, at = self._words.ctypes.data, 0
        for number, step in enumerate(self.manifest.steps):
            table[number] = self._code.address(step.kernel), base + 8 * at
            for word in step.words:
                if word.kind in ("input", "output"):
                    index, port = self._port(word)
                    bindings.append((base + 8 * at, index, port.bytes))
                else:
                    self._words[at] = word.value + self._base(word)
                at += 1
        pitches = np.array(bindings, np.int64).reshape(-1, BINDING_WORDS)
        self._arrays = (ctypes.c_void_p * (len(self.inputs) + len(self.outputs)))()
        arrays, scratch = ctypes.addressof(self._arrays), self._scratch.ctypes.data
        pitch, tables = self.manifest.scratch_bytes_per_thread, (table.ctypes.data, len(table))
        words = [*tables, pitches.ctypes.data, len(pitches), arrays, scratch, pitch]
        self._table = np.array(words, np.int64)
        self._kept = table, pitches
        self._address, self._steps = self._table.ctypes.data, len(table)

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
        fits = fitting(self.inputs, arrays)
        images = len(fits[0])
        results = self._results(images)
        with self._lock:
            self._bind(fits, results)
            self._run(0, images * self._steps)
        return results

    def times(self, feeds: Mapping[str, npt.ArrayLike]) -> list[float]:
        """Seconds that each step takes for the first image, what calling native code takes among it."""
        fits = fitting(self.inputs, in_order(self.inputs, feeds))
        results, ends = self._results(1), [0.0]
        with self._lock:
            self._bind(fits, results)
            ends[0] = time.perf_counter()
            for step in range(self._steps):
                self._run(step, step + 1)
                ends.append(time.perf_counter())
        return [after - before for before, after in pairwise(ends)]

    def _results(self, images: int) -> list[Array]:
        return [np.empty((images, *port.shape), DTYPES[port.dtype]) for port in self.outputs]

    def _bind(self, fits: Sequence[Array], results: Sequence[Array]) -> None:
        """Say where the caller's arrays lie."""
        for place, array in enumerate((*fits, *results)):
            self._arrays[place] = _address(array)

    def _run(self, position: int, end: int) -> None:
        """Steps `[position, end)`, counted over all images, in slices between which Python can look for signals."""
        if self.threads == 1:
            while position < end:
                position = self._lead(self._address, position, end, 1, 0)
        else:
            team(self.threads).run(self._address, position, end)


_alive: weakref.WeakSet[Executable] = weakref.WeakSet()


def _unlock() -> None:
    """In a forked child nobody is left who could end a call that was under way."""
    for executable in _alive:
        executable._lock = threading.Lock()


os.register_at_fork(after_in_child=_unlock)


def _address(array: Array) -> int:
    """Where an array's first element lies. The buffer protocol is several times faster than `array.ctypes`, but wants
    memory that may be written and is not empty."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(array.data))
    except (TypeError, ValueError):
        return array.ctypes.data
