"""A compiled network in memory, ready to be called."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
from numpy import ndarray  # found sooner at each call

from .abi import Artifact, Manifest, Port, aligned
from .feeds import DTYPES, Array, fitting, in_order
from .lane import Lane
from .loader import Code
from .runner import JOB_BYTES, JOB_WORDS, jobs, runner
from .store import Store
from .threads import team

LARGE = 16 << 20  # bytes of an arena: the last cache of most CPUs does not hold two of them


class Executable:
    """Code, constants and an arena. It runs on `threads` threads; calls from several of the caller's take turns.

    Threads share an image, each of them a part of every step. Of several images each thread takes as many as any other,
    in an arena of its own, and the rest is shared; all are, where arenas are large or an output is made of all images.
    Fewer images than `grain` are not worth waking a thread for. The native loop, if this process has none yet, may be
    in the `store`.
    """

    def __init__(self, artifact: Artifact, threads: int = 1, grain: int = 1, store: Store | None = None):
        self._artifact = artifact
        self._code = Code(artifact.code)
        self.threads = threads
        self._grain = grain
        self._shares = artifact.manifest.joins_images or self.arena_bytes > LARGE
        self._scratch = aligned(threads * artifact.manifest.scratch_bytes_per_thread)
        self._lanes = [self._lane(0)]
        self._jobs = jobs(threads)
        self._wanted = (self.inputs[0].shape, DTYPES[self.inputs[0].dtype]) if self.inputs else ((), None)
        self._made = [(port.shape, DTYPES[port.dtype], self._start(port)) for port in self.outputs]
        self._makers: tuple[int, list[Callable[[], Array]]] = -1, []  # of outputs for so many images
        self._lead = runner(store).lead
        self._lock = threading.Lock()
        _alive.add(self)

    def _lane(self, thread: int) -> Lane:
        scratch = self._scratch.ctypes.data + thread * self.manifest.scratch_bytes_per_thread
        return Lane(self._artifact, self._code, scratch)

    @property
    def manifest(self) -> Manifest:
        return self._artifact.manifest

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
        return self._artifact.constants.nbytes

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
        known, makers = self._makers
        results = [make() for make in (makers if known == images else self._makers_for(images))]
        with self._lock:
            if self.threads == 1 or images < self._grain:
                self._lanes[0].run(self._lead, (*fits, *results), images)  # type: ignore[arg-type]
            else:
                self._run(images, (*fits, *results))  # type: ignore[arg-type]
        return results

    def threads_for(self, images: int) -> int:
        """How many threads a call with so many images runs on."""
        return self.threads if images >= self._grain else 1

    def _run(self, images: int, arrays: Sequence[Array]) -> None:
        """On all threads."""
        lane, threads = self._lanes[0], self.threads
        each = 0 if self._shares else images // threads
        if each > 0:
            self._spread(each, arrays)
        if rest := images - each * threads:
            lane.bind(arrays, each * threads)
            self._share(lane, 0, lane.end(rest), rest)

    def _spread(self, images: int, arrays: Sequence[Array]) -> None:
        """So many images for each thread, the first ones."""
        self._lanes += [self._lane(thread) for thread in range(len(self._lanes), self.threads)]
        for thread, lane in enumerate(self._lanes):
            lane.bind(arrays, thread * images)
            start, end = thread * JOB_WORDS, lane.end(images)
            self._jobs[start : start + JOB_WORDS] = lane.table, 0, end, images, self.threads, 0, JOB_BYTES, 0
        team(self.threads).run(self._jobs)

    def _share(self, lane: Lane, position: int, end: int, images: int) -> None:
        """Positions `[position, end)` of a lane's images, by all threads; none at all where these are the same."""
        if position < end:
            self._jobs[:JOB_WORDS] = lane.table, position, end, images, self.threads, 0, 0, 0
            team(self.threads).run(self._jobs)

    def _fits(self, array: npt.ArrayLike) -> bool:
        """Whether an array is as the first input wants it: what most calls bring, seen without delay."""
        shape, dtype = self._wanted
        return (
            type(array) is ndarray
            and array.dtype is dtype
            and array.shape[1:] == shape
            and array.ndim > 0
            and array.flags.c_contiguous
        )

    def times(self, feeds: Mapping[str, npt.ArrayLike]) -> list[float]:
        """Seconds that each step takes for an image, the mean over a tile of them, what calling native code takes among
        it."""
        fits = fitting(self.inputs, in_order(self.inputs, feeds))
        images = self.together(len(fits[0]))
        results, seconds = [make() for make in self._makers_for(images)], [0.0] * len(self.manifest.steps)
        with self._lock:
            lane = self._lanes[0]
            lane.bind((*fits, *results))
            for position, step in lane.order(images):
                start = time.perf_counter()
                if self.threads_for(1) == 1:
                    lane.step(self._lead, position, images)
                else:
                    self._share(lane, position, position + 1, images)
                seconds[step] += (time.perf_counter() - start) / images
        return seconds

    def together(self, images: int) -> int:
        """How many of so many images a tile has."""
        return min(images, self.manifest.batch_tile)

    def _makers_for(self, images: int) -> list[Callable[[], Array]]:
        """What makes room for the outputs, now and at the next call with so many images. What depends on no input is
        there already, and a mean of nothing is NaN."""
        makers: list[Callable[[], Array]] = [
            partial(np.empty, (images, *shape), dtype) if start is None else start.copy
            for shape, dtype, start in self._made
        ]
        self._makers = images, makers
        return makers

    def _start(self, port: Port) -> Array | None:
        """What an output holds before a call, unless that makes no difference."""
        if port.batched and port.fixed is None:
            return None
        dtype = DTYPES[port.dtype]
        if port.fixed is None:
            return np.full(port.shape, np.nan if dtype.kind == "f" else 0, dtype)
        return self._artifact.constants[port.fixed : port.fixed + port.bytes].view(dtype).reshape(port.shape)


_alive: weakref.WeakSet[Executable] = weakref.WeakSet()


def _unlock() -> None:
    """In a forked child nobody is left who could end a call that was under way."""
    for executable in _alive:
        executable._lock = threading.Lock()


os.register_at_fork(after_in_child=_unlock)
