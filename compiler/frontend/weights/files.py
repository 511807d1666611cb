"""Weights: from files, checked against what the network wants; or random ones to begin with."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ....runtime.errors import WeightsError
from ...ir.deferred import Deferred, Numbers
from ...ir.graph import Graph, Param
from ...ir.operator import Array
from ...ir.types import ints
from . import npz, safetensors
from .digest import FileDigest
from .fitting import fit
from .stored import Damaged, Place, Stored

DRAWN = 1 << 22  # random numbers at once: tens of milliseconds, for which Ctrl-C waits
FORMATS = {".safetensors": safetensors.tensors, ".npz": npz.tensors}


def load_weights(graph: Graph, path: str | Path) -> Graph:
    """The graph with the weights of a `.safetensors` or `.npz` file; raises `WeightsError` unless they fit."""
    with deferred_weights(graph, path) as bound:
        return bound.read()


@contextmanager
def deferred_weights(graph: Graph, path: str | Path) -> Iterator[Graph]:
    """`load_weights` for as long as the file is open: what is easily read again is read when it is asked for."""
    with open_weights(Path(path)) as file:
        yield file.bind(graph)


@dataclass(frozen=True)
class WeightsFile:
    """An open file: its tensors by name, and the digest of all of it."""

    path: Path
    tensors: Mapping[str, Stored]
    digest: FileDigest

    def bind(self, graph: Graph) -> Graph:
        """The graph with these weights; raises `WeightsError` unless they fit."""
        fitting = fit(graph, self.tensors, self.path.name)
        return graph.bind({name: self._numbers(tensor) for name, tensor in fitting.items()})

    def _numbers(self, tensor: Stored) -> Numbers:
        if tensor.place is None:
            return self._read(tensor.read)
        return Deferred(tensor.shape, partial(self._read, tensor.place.rows), partial(self._sum, tensor.place))

    def _read(self, read: Callable[..., Array], *rows: int) -> Array:
        with _refusing(self.path):
            return read(*rows)

    def _sum(self, place: Place) -> bytes:
        with _refusing(self.path):
            return self.digest() + b" from %d, %d bytes" % (place.begin, place.size)


@contextmanager
def open_weights(path: Path) -> Iterator[WeightsFile]:
    """A file to be read while it is open; raises `WeightsError` where that fails, or if the file was written to
    meanwhile."""
    if path.suffix not in FORMATS:
        raise WeightsError(f"{path} is no weights file", code="E0401", help="weights are .safetensors or .npz files")
    with ExitStack() as closing:
        with _refusing(path):
            file = closing.enter_context(open(path, "rb", opener=_at_once))
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise WeightsError(f"cannot read {path}: it is a device or a pipe, and no file", code="E0401")
            if not status.st_size:
                raise Damaged("it is empty")
            tensors = FORMATS[path.suffix](file)
        digest = closing.enter_context(FileDigest(file.fileno(), status.st_size))
        yield WeightsFile(path, tensors, digest)
        with _refusing(path):
            after = os.fstat(file.fileno())
            if (after.st_size, after.st_mtime_ns) != (status.st_size, status.st_mtime_ns):
                raise Damaged("it changed while it was read")


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    """What goes wrong with a file, as a `WeightsError`."""
    try:
        yield
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror or error}", code="E0401") from None
    except MemoryError:
        raise WeightsError(f"cannot read {path}: there is not enough memory", code="E0401") from None
    except Damaged as damage:
        message = f"{path} is no sound {path.suffix} file: {damage}"
        raise WeightsError(message, code="E0401", help="save it or download it again") from None


def random_weights(graph: Graph, seed: int = 0) -> dict[str, Array]:
    """Weights to begin training from, or to measure with: what each parameter says it starts as."""
    random = np.random.default_rng(seed)
    return {name: _start(param, random) for name, param in graph.params.items() if param.data is None or param.trained}


def _at_once(path: str, flags: int) -> int:
    """Opens without waiting: a pipe would wait for somebody to write."""
    return os.open(path, flags | os.O_NONBLOCK)


def _start(param: Param, random: np.random.Generator) -> Array:
    shape = ints(param.type.shape)
    if param.start == "kaiming":  # He et al. 2015, arXiv 1502.01852: keeps the variance through a relu
        deviation = math.sqrt(2 / max(1, math.prod(shape[1:])))
        start = np.empty(shape, np.float32)
        for part in np.array_split(start.reshape(-1), 1 + start.size // DRAWN):
            random.standard_normal(out=part, dtype=np.float32)
            part *= np.float32(deviation)
        return start
    value = {"zeros": 0.0, "ones": 1.0}.get(param.start)
    return np.full(shape, float(param.start) if value is None else value, np.float32)
