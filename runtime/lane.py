"""What the runner needs to take images through a program: an arena, and the tables that `runner.ll` reads."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from itertools import count

import numpy as np

from .abi import Artifact, Port, Word, aligned
from .feeds import Array
from .loader import Code
from .runner import BINDING_WORDS, SEGMENT_WORDS, STEP_WORDS, jobs, run_slices

# Where an array begins is in the first field behind its object's head, which is part of NumPy's ABI
# (`PyArrayObject_fields`), and a tuple's items are behind its own (`PyTupleObject`, of CPython's). Native code reads
# them there, twenty times as soon as `array.ctypes` does.
_HEAD, _ITEMS = object.__basicsize__, tuple.__basicsize__


class Lane:
    """An arena and tables of its own: images in one lane know nothing of those in another. `scratch` is the address of
    scratch memory for as many threads as work here together."""

    def __init__(self, artifact: Artifact, code: Code, scratch: int):
        self._manifest = manifest = artifact.manifest
        self._constants = artifact.constants.ctypes.data
        self._arena = aligned(manifest.arena_bytes)
        self._tile = manifest.batch_tile
        ports = len(manifest.inputs) + len(manifest.outputs)
        self._pointers = (ctypes.c_int64 * ports)()  # to where the address of each of the caller's arrays is
        self._arrays = (ctypes.c_int64 * ports)()  # such addresses, where this lane's first image is not the array's
        self._own = [ctypes.addressof(self._arrays) + 8 * index for index in range(ports)]
        self._pitches = [port.pitch for port in (*manifest.inputs, *manifest.outputs)]
        steps, bindings = self._steps(code)
        segments = self._segments()
        self._kept = steps, segments, bindings
        places = [array.ctypes.data for array in self._kept]
        per_thread = manifest.scratch_bytes_per_thread
        tile = self._tile, self._tile_length
        pointers = ctypes.addressof(self._pointers), ports, _HEAD
        self._table = np.array([*places[:2], *tile, places[2], len(bindings), scratch, per_thread, *pointers], np.int64)
        self.table = self._table.ctypes.data
        self._job = jobs(1)  # of this lane by one thread
        self._job[:] = self.table, 0, 0, 0, 1, 0, 0, 0
        self._job_at = ctypes.addressof(self._job)
        self._images: int | None = None  # that the job is for

    def end(self, images: int) -> int:
        """The position after the last step for so many images."""
        return -(-images // self._tile) * self._tile_length

    def order(self, images: int) -> Iterator[tuple[int, int]]:
        """The positions in a tile of so many images, each with its step."""
        position = first = 0
        for segment in self._manifest.segments:
            for image in range(self._tile if segment.each else 1):
                if image < images:
                    yield from zip(count(position), range(first, first + segment.steps), strict=False)
                position += segment.steps
            first += segment.steps

    def bind(self, arrays: Sequence[Array], first: int = 0) -> None:
        """Say where inputs and outputs are, whose image `first` is this lane's first one."""
        pointers = self._pointers
        for index, array in enumerate(arrays):
            pointers[index] = id(array) + _HEAD
        if first:
            addresses = [ctypes.c_int64.from_address(pointer).value for pointer in pointers]
            self._arrays[:] = [at + first * pitch for at, pitch in zip(addresses, self._pitches, strict=True)]
            pointers[:] = self._own

    def run(self, lead: Callable[[int], int], arrays: tuple[Array, ...], images: int) -> None:
        """All images in this thread, from inputs to outputs."""
        if images != self._images:  # than last time
            self._job[2:4] = self.end(images), images
            self._images = images
        job, at = self._job, self._job_at
        job[1], job[7] = 0, id(arrays) + _ITEMS
        while lead(at):  # as `run_slices` does, but for a call less
            pass

    def step(self, lead: Callable[[int], int], position: int, images: int) -> None:
        """What is at one position where there are so many images, in this thread."""
        self._job[1:4], self._job[7], self._images = (position, position + 1, images), 0, None
        run_slices(lead, self._job_at)

    def _steps(self, code: Code) -> tuple[Array, Array]:
        """The steps, the manifest's words turned into numbers, and how some of these change from image to image."""
        steps, tile = self._manifest.steps, self._manifest.batch_tile
        self._words = np.zeros(sum(len(step.words) for step in steps) + 1, np.int64)
        self._bases = np.zeros(len(self._words), np.int64)  # of words that change, and pointers to them
        self._notes = self._bases.ctypes.data + 8 * np.arange(len(self._bases))
        rows = np.zeros((len(steps), STEP_WORDS), np.int64)
        changing: list[tuple[int, ...]] = []
        words, notes, at = self._words.ctypes.data, self._notes.ctypes.data, 0
        for number, step in enumerate(steps):
            rows[number] = code.address(step.kernel), words + 8 * at, step.barrier
            for word in step.words:
                place = words + 8 * at
                if word.kind in ("input", "output"):
                    index, port = self._port(word)
                    note = ctypes.addressof(self._pointers) + 8 * index
                    changing.append((place, note, tile * port.pitch, port.pitch, 0, word.value))
                elif word.kind == "image":
                    changing.append((place, notes + 8 * at, tile, 1, 0, 0))
                elif word.kind == "images" or word.pitch:
                    self._bases[at] = word.value + self._base(word)
                    changing.append((place, notes + 8 * at, 0, word.pitch, word.kind == "images", 0))
                else:
                    self._words[at] = word.value + self._base(word)
                at += 1
        return rows, np.array(changing, np.int64).reshape(-1, BINDING_WORDS)

    def _segments(self) -> Array:
        """The segments; also how many positions a tile has."""
        rows, self._tile_length, first = [], 0, 0
        for segment in self._manifest.segments:
            self._tile_length += segment.steps * (self._tile if segment.each else 1)
            rows.append((first, segment.steps, segment.each))
            first += segment.steps
        return np.array(rows, np.int64).reshape(-1, SEGMENT_WORDS)

    def _base(self, word: Word) -> int:
        if word.kind == "arena":
            return self._arena.ctypes.data
        return self._constants if word.kind == "constant" else 0

    def _port(self, word: Word) -> tuple[int, Port]:
        """The place in the array of pointers, and the port: inputs first."""
        inputs, outputs = self._manifest.inputs, self._manifest.outputs
        if word.kind == "input":
            return word.port, inputs[word.port]
        return len(inputs) + word.port, outputs[word.port]
