"""How numbers move from buffer to buffer as they are: kernels and their words."""

from __future__ import annotations

from typing import TypeAlias

from ...runtime.errors import InternalError
from .buffer import Buffer
from .kernels.copy import Copy
from .kernels.rim import Rim
from .kernels.shuffle import Shuffle
from .kernels.transpose import Transpose
from .program import Address, Kernel, Word

Move: TypeAlias = tuple[Kernel, dict[str, Word]]


def rim(buffer: Buffer) -> Move:
    """Zeros around an image of registers; a planar one gets them as it is written."""
    if buffer.layout.block == 1:
        raise InternalError(f"`{buffer.name}` is planar, and its rim is not made of registers")
    top, left, bottom, right = buffer.layout.rim
    words: dict[str, Word] = {
        "output": Address(buffer, -(top * buffer.row_bytes + left * buffer.pixel_bytes)),
        "planes": buffer.blocks, "plane": buffer.plane_bytes, "row": buffer.row_bytes,
        "top": top, "rows": buffer.height, "bottom": bottom,
        "before": left * buffer.pixel_bytes, "inside": buffer.width * buffer.pixel_bytes,
        "after": right * buffer.pixel_bytes,
    }  # fmt: skip
    return Rim(), words


def copy(source: Buffer, target: Buffer, channels: int, source_first: int, target_first: int, lanes: int) -> Move:
    """Channels between buffers of the same height and width: in registers where these are full, else one by one."""
    sides = (source, source_first), (target, target_first)
    blocked = [buffer.layout.block > 1 for buffer, _ in sides]
    if all(blocked):
        return _shift(source, target, channels, source_first, target_first, lanes)
    flat = source.is_solid and target.is_solid
    rows, columns = (1, target.height * target.width) if flat else (target.height, target.width)
    words: dict[str, Word] = {
        "channels": channels, "rows": rows, "columns": columns,
        "input_plane": source.plane_bytes, "input_row": source.row_bytes,
        "output_plane": target.plane_bytes, "output_row": target.row_bytes,
    }  # fmt: skip
    whole = all(first % buffer.layout.block == 0 for buffer, first in sides)
    if any(blocked) and whole and source.dtype == target.dtype == "f32" and columns >= lanes:
        begin = [Address(buffer, first // buffer.layout.block * buffer.plane_bytes) for buffer, first in sides]
        return Transpose(blocked[1]), {"input": begin[0], "output": begin[1], **words}
    words |= {"input": Address(source), "output": Address(target)}
    words |= {"input_first": source_first, "output_first": target_first}
    return Copy(source.layout.block, target.layout.block, source.dtype, target.dtype), words


def _shift(source: Buffer, target: Buffer, channels: int, source_first: int, target_first: int, lanes: int) -> Move:
    """Channels between blocked buffers, at any offset."""
    begin, keep = divmod(target_first, lanes)
    first, shift = divmod(source_first - keep, lanes)
    kernel = Shuffle((tuple(range(shift, shift + lanes)),), keep)
    return shuffle(kernel, source, target, first, begin, -(-(keep + channels) // lanes))


def shuffle(kernel: Shuffle, source: Buffer, target: Buffer, first: int, begin: int, blocks: int) -> Move:
    """So many blocks of a target from `begin` on; `first` is the source's block from which its channels count."""
    flat = source.is_solid and target.is_solid
    return kernel, {
        "input": Address(source), "output": Address(target, begin * target.plane_bytes),
        "blocks": blocks, "first": first, "last": source.blocks - 1,
        "rows": 1 if flat else target.height, "columns": target.width * (target.height if flat else 1),
        "input_plane": source.plane_bytes, "input_row": source.row_bytes,
        "output_plane": target.plane_bytes, "output_row": target.row_bytes,
    }  # fmt: skip


def row_by_row(x: Buffer, y: Buffer) -> dict[str, Word]:
    """The words of kernels that go from rows of channel blocks to rows of channel blocks."""
    return {
        "input": Address(x), "output": Address(y),
        "blocks": y.blocks, "rows": y.height, "columns": y.width,
        "input_plane": x.plane_bytes, "input_row": x.row_bytes,
        "output_plane": y.plane_bytes, "output_row": y.row_bytes,
    }  # fmt: skip
