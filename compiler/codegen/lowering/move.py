"""Operators that put numbers elsewhere, as tables of offsets for each axis."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence

import numpy as np

from ...ir.graph import Value
from ...ir.operator import Array, Operator
from ...ir.region import Region
from ...ops.shape import ChannelShuffle, Concat, Crop, Pad, PixelShuffle, Slice, Split, Transpose
from ...schedule.choose import first_indices
from ...schedule.schedule import Layout
from ..buffer import Buffer, axes, extent
from ..kernels.move import Move
from ..kernels.shuffle import Shuffle
from ..moves import shuffle
from ..planner import Planner
from ..program import Address, Word

NOWHERE = -(1 << 60)  # a zero: far enough below that no other offset lifts it above


def lower_move(planner: Planner, region: Region) -> None:
    (value,), op = region.operands, region.node.op
    source = planner.operand(value)
    if isinstance(op, ChannelShuffle) and op.n <= planner.lanes:
        return _shuffle(planner, op.n, source, planner.result(region.node.output))
    if isinstance(op, PixelShuffle):
        source = planner.planar(source)
    target = planner.result(region.node.output)
    move(planner, source, target, _origins(op, axes(value), source, target))


def _shuffle(planner: Planner, groups: int, source: Buffer, target: Buffer) -> None:
    """After as many blocks as there are groups, each group's next channel is one a block further on."""
    each, lanes = source.channels // groups, planner.lanes
    channels = np.arange(groups * lanes).reshape(groups, lanes)
    taken = channels % groups * each + channels // groups
    kernel = Shuffle(tuple(tuple(row) for row in taken.tolist()))
    planner.step(*shuffle(kernel, source, target, 0, 0, target.blocks), [source], [target])


def lower_join(planner: Planner, region: Region) -> None:
    """Concatenation along rows or columns."""
    op, target = region.node.op, planner.result(region.node.output)
    assert isinstance(op, Concat)
    axis, first, whole = op.axis - 1, 0, axes(region.node.output)
    for value in region.operands:
        sizes, source = axes(value), planner.operand(value)
        to = [np.arange(size) + (first if a == axis else 0) for a, size in enumerate(sizes)]
        move(planner, source, target, along(source, sizes, map(np.arange, sizes)), along(target, whole, to))
        first += sizes[axis]


def lower_cut(planner: Planner, region: Region) -> None:
    """A slice or the parts of a split, along rows or columns."""
    op, source = region.node.op, planner.operand(region.operands[0])
    assert isinstance(op, Slice | Split)
    for value, first in zip(region.node.outputs, first_indices(region.node, op.axis), strict=True):
        taken = [np.arange(size) + (first if a == op.axis - 1 else 0) for a, size in enumerate(axes(value))]
        move(planner, source, planner.result(value), along(source, axes(region.operands[0]), taken))


def move(
    planner: Planner, source: Buffer, target: Buffer, origins: list[Array], places: list[Array] | None = None
) -> None:
    """A step that fills the target: for its channels, rows and columns, the bytes to where a number comes from and to
    where it goes."""
    sizes = target.channels, target.height, target.width
    places = along(target, sizes, map(np.arange, sizes)) if places is None else places
    blocks = _in_blocks(planner, source, origins[0]) and _in_blocks(planner, target, places[0])
    if blocks:
        origins, places = ([channels[:: planner.lanes], *others] for channels, *others in (origins, places))
    words: dict[str, Word] = {
        "input": Address(source), "output": Address(target),
        "planes": len(places[0]), "rows": len(places[1]), "columns": len(places[2]),
    }  # fmt: skip
    for side, tables in (("from", origins), ("to", places)):
        for axis, table in zip(("plane", "row", "column"), tables, strict=True):
            name = f"{target.name} {side} {axis}"
            words[f"{side}_{axis}"] = planner.constant(name, np.asarray(table, np.int64))
    planner.step(Move(blocks), words, [source], [target])


def _in_blocks(planner: Planner, buffer: Buffer, channels: Array) -> bool:
    """Whether these are all of a blocked buffer's channels, as they come."""
    every = buffer.channel_bytes(np.arange(buffer.channels))
    return buffer.layout.block == planner.lanes and np.array_equal(channels, every)


def along(buffer: Buffer, sizes: Sequence[int], indices: Iterable[Array]) -> list[Array]:
    """Bytes from a buffer's first pixel to its channels, rows and columns, for indices along the axes of the tensor of
    these sizes that it holds."""
    return by_column(offsets(buffer, sizes, indices))


def offsets(buffer: Buffer, sizes: Sequence[int], indices: Iterable[Array]) -> list[Array]:
    """Bytes from a buffer's first pixel, for indices along each axis; those below zero are nowhere."""
    channels, *others = (np.asarray(index) for index in indices)
    steps = [buffer.row_bytes, *(buffer.pixel_bytes * math.prod(sizes[k:]) for k in range(3, len(sizes) + 1))]
    found = [buffer.channel_bytes(channels)]
    found += [index * step for index, step in zip(others, steps, strict=True)]
    return [np.where(index < 0, NOWHERE, place) for index, place in zip((channels, *others), found, strict=True)]


def by_column(offsets: Sequence[Array]) -> list[Array]:
    """All axes past the rows as one: its columns."""
    return [*offsets[:2], functools.reduce(np.add.outer, offsets[2:]).reshape(-1)]


def broadcast(planner: Planner, value: Value, like: Value) -> Buffer:
    """A tensor repeated along the axes in which it has size 1 and another one has more."""
    source = planner.operand(value)
    target = Buffer(f"{value.name} repeated", *extent(like), Layout(planner.lanes))
    indices = [np.arange(out) % size for size, out in zip(axes(value), axes(like), strict=True)]
    move(planner, source, target, along(source, axes(value), indices))
    return target


def _origins(op: Operator, sizes: Sequence[int], x: Buffer, y: Buffer) -> list[Array]:
    channels, rows, columns = np.arange(y.channels), np.arange(y.height), np.arange(y.width)
    match op:
        case Transpose():
            order = [*(axis - 1 for axis in op.order), *range(len(op.order), 3)]
            every = offsets(x, sizes, map(np.arange, sizes))
            return by_column([every[axis] for axis in order])
        case Pad():
            top, left, _, _ = op.size
            indices = channels, _padded(rows - top, x.height, op.mode), _padded(columns - left, x.width, op.mode)
            return along(x, sizes, indices)
        case Crop():
            return along(x, sizes, (channels, rows + (x.height - y.height) // 2, columns + (x.width - y.width) // 2))
        case ChannelShuffle():
            return along(x, sizes, (channels % op.n * (x.channels // op.n) + channels // op.n, rows, columns))
        case PixelShuffle():  # planar: each pixel's n x n parts are channels
            part = x.plane_bytes
            return [
                channels * op.n * op.n * part,
                rows % op.n * op.n * part + rows // op.n * x.row_bytes,
                columns % op.n * part + columns // op.n * x.pixel_bytes,
            ]
    raise AssertionError(f"{op.name} does not move numbers")


def _padded(index: Array, size: int, mode: str) -> Array:
    """Where a rim's pixels come from; -1 is nowhere."""
    if mode == "edge":
        return np.clip(index, 0, size - 1)
    if mode == "reflect":
        index = np.abs(index)
        return np.where(index >= size, 2 * (size - 1) - index, index)
    return np.where((index < 0) | (index >= size), -1, index)
