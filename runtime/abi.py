"""The whole contract between the compiler and the runtime.

A kernel is `void kernel(ptr arguments, i64 part, i64 parts, ptr scratch)`; `arguments` is a block of 64-bit words.
What each word is before addresses are known is a `Word` here. An image of machine code, a blob of constants and a
`Manifest` are enough to run.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

VERSION = 5
ALIGNMENT = 64  # bytes: a cache line, and the widest register
DTYPES = {"f32": np.dtype(np.float32), "u8": np.dtype(np.uint8), "i64": np.dtype(np.int64)}


def aligned(size: int) -> npt.NDArray[np.uint8]:
    """`size` bytes (at least 1) on a boundary of `ALIGNMENT`, zeroed."""
    raw = np.zeros(max(size, 1) + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + max(size, 1)]


@dataclass(frozen=True)
class Port:
    """An input or output as users see it: `shape` is what comes after the batch. An output that is not `batched` has
    none: it is made of all images, or depends on no input, and then lies among the constants, `fixed` bytes from their
    beginning."""

    name: str
    dtype: Literal["f32", "u8", "i64"]
    shape: tuple[int, ...]
    batched: bool = True
    fixed: int | None = None

    @property
    def bytes(self) -> int:
        """Of one image, or of what there is one of."""
        return math.prod(self.shape) * DTYPES[self.dtype].itemsize

    @property
    def pitch(self) -> int:
        """Bytes from one image to the next."""
        return self.bytes if self.batched else 0


@dataclass(frozen=True)
class Word:
    """`number` stands for itself, `image` for how many images came before this one, `images` for how many a tile has;
    otherwise `value` is a byte offset into the constants, the arena, where the next image of the tile lies `pitch`
    bytes further on, or the array that the caller gives for input or output `port`."""

    kind: Literal["number", "image", "images", "arena", "constant", "input", "output"]
    value: int
    port: int = 0
    pitch: int = 0


@dataclass(frozen=True)
class StepEntry:
    """One call of a kernel, which each thread makes for its own part; with a `barrier`, all wait for the last one."""

    kernel: str
    words: tuple[Word, ...]
    node: str
    barrier: bool


@dataclass(frozen=True)
class Segment:
    """The next `steps` steps: all of them for `each` image of a tile in turn, or once for the tile."""

    steps: int
    each: bool


@dataclass(frozen=True)
class Manifest:
    """Everything about a compiled network but its code and numbers. `batch_tile` is how many images make a tile."""

    version: int
    cpu: str
    batch_tile: int
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    arena_bytes: int
    arena_peak: int
    scratch_bytes_per_thread: int
    segments: tuple[Segment, ...]
    steps: tuple[StepEntry, ...]

    @property
    def joins_images(self) -> bool:
        """Whether an output is made of the whole batch, whose images then go through one arena in order."""
        return any(not port.batched and port.fixed is None for port in self.outputs)

    def to_dict(self) -> dict[str, Any]:
        """The manifest as JSON has it."""
        return asdict(self)

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Manifest:
        """What `to_dict` gave, through JSON. Raises `LookupError` or `TypeError` for anything else."""
        ports = {
            side: tuple(Port(**{**port, "shape": tuple(port["shape"])}) for port in data[side])
            for side in ("inputs", "outputs")
        }
        steps = tuple(
            StepEntry(**{**step, "words": tuple(Word(**word) for word in step["words"])}) for step in data["steps"]
        )
        segments = tuple(Segment(**segment) for segment in data["segments"])
        return Manifest(**{**data, **ports, "segments": segments, "steps": steps})


class Image(NamedTuple):
    """Machine code that runs wherever it lies, if a page begins there, and where in it each function begins."""

    data: bytes
    functions: dict[str, int]


@dataclass(frozen=True, eq=False)
class Artifact:
    """What compilation leaves: the manifest, the kernels, and the constants, aligned."""

    manifest: Manifest
    code: Image
    constants: npt.NDArray[np.uint8]
