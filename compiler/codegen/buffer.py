"""Where a tensor lies."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...runtime.abi import ALIGNMENT, DTYPES
from ...runtime.errors import InternalError
from ..ir.graph import Value
from ..ir.operator import Array
from ..ir.types import DType
from ..schedule.schedule import Layout


@dataclass(frozen=True, eq=False)
class Buffer:
    """A tensor of one image in memory: `[block][row with rim][pixel with rim][lane]`.

    It lies in the arena, or inside `root` from block `first` on, or belongs to the caller (`port`: ("input", 0)), who
    gives it planar and without a rim. What is `lasting` keeps its numbers from image to image.
    """

    name: str
    channels: int
    height: int
    width: int
    layout: Layout
    root: Buffer | None = None
    first: int = 0
    port: tuple[str, int] | None = None
    lasting: bool = False
    dtype: DType = "f32"  # others only of the caller's arrays: in the arena every number is a float

    @property
    def blocks(self) -> int:
        return -(-self.channels // self.layout.block)

    @property
    def pixel_bytes(self) -> int:
        return DTYPES[self.dtype].itemsize * self.layout.block

    @property
    def row_bytes(self) -> int:
        _, left, _, right = self.layout.rim
        return (left + self.width + right) * self.pixel_bytes

    @property
    def gap_bytes(self) -> int:
        """Between rows."""
        return self.row_bytes - self.width * self.pixel_bytes

    @property
    def plane_bytes(self) -> int:
        top, _, bottom, _ = self.layout.rim
        return (top + self.height + bottom) * self.row_bytes

    def channel_bytes(self, channels: Array) -> Array:
        """How far channels of a pixel lie from its first."""
        return channels // self.layout.block * self.plane_bytes + channels % self.layout.block * 4

    @property
    def bytes(self) -> int:
        return self.blocks * self.plane_bytes

    @property
    def origin(self) -> int:
        """Bytes from where the storage begins to the image's first pixel."""
        top, left, _, _ = self.layout.rim
        return self.first * self.plane_bytes + top * self.row_bytes + left * self.pixel_bytes

    @property
    def storage(self) -> Buffer:
        return self.root or self

    @property
    def image_bytes(self) -> int:
        """Bytes from image to image where the storage has a place for each, whole cache lines."""
        return -(-self.storage.bytes // ALIGNMENT) * ALIGNMENT

    @property
    def is_solid(self) -> bool:
        """Rows follow one another without a gap."""
        return not any(self.layout.rim)

    def beside(self) -> Buffer:
        """Room for its numbers in NCHW order without a gap: the buffer itself if it is so, or a new one."""
        if self.is_solid and (self.layout.block == 1 or (self.height, self.width) == (1, 1)):
            return self.under(self.channels, self.height, self.width)
        return Buffer(f"{self.name} planar", self.channels, self.height, self.width, Layout(1))

    def under(self, channels: int, height: int, width: int) -> Buffer:
        """Its numbers, in NCHW order, as an image of other sizes in the same memory."""
        first, over = divmod(self.origin, 4 * height * width)
        if over:
            raise InternalError(f"`{self.name}` begins inside a plane of {height} x {width}")
        return Buffer(f"{self.name} planar", channels, height, width, Layout(1), self.storage, first)


def extent(value: Value) -> tuple[int, int, int]:
    """Channels, height and width of one image; what comes after its rows is its width."""
    channels, height, *rest = axes(value)
    return channels, height, math.prod(rest)


def axes(value: Value) -> tuple[int, ...]:
    """The sizes after the batch, at least three: features are channels of one pixel."""
    return (*value.type.known, *[1] * (4 - value.type.rank))
