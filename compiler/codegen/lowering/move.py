"""Operators that put numbers elsewhere, as tables of offsets for each axis."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ...ir.operator import Array, Operator
from ...ir.region import Region
from ...ops.shape import ChannelShuffle, Concat, Crop, Pad, PixelShuffle, Slice, Split, Transpose
from ...schedule.choose import first_indices
from ..kernels.move import Move
from ..program import Address, Buffer, Planner, Word, extent

NOWHERE = -(1 << 60)  # a zero: far enough below that no other offset lifts it above


def lower_move(planner: Planner, region: Region) -> None:
    source, op = planner.operand(region.operands[0]), region.node.op
    if isinstance(op, PixelShuffle):
        source = planner.planar(source)
    target = planner.result(region.node.output)
    move(planner, source, target, _origins(op, source, target))


def lower_join(planner: Planner, region: Region) -> None:
    """Concatenation along rows or columns."""
    op, target = region.node.op, planner.result(region.node.output)
    assert isinstance(op, Concat)
    axis, first = op.axis - 1, 0
    for value in region.operands:
        sizes = extent(value)
        to = [np.arange(size) + (first if a == axis else 0) for a, size in enumerate(sizes)]
        source = planner.operand(value)
        move(planner, source, target, along(source, map(np.arange, sizes)), along(target, to))
        first += sizes[axis]


def lower_cut(planner: Planner, region: Region) -> None:
    """A slice or the parts of a split, along rows or columns."""
    op, source = region.node.op, planner.operand(region.operands[0])
    assert isinstance(op, Slice | Split)
    for value, first in zip(region.node.outputs, first_indices(region.node, op.axis), strict=True):
        taken = [np.arange(size) + (first if a == op.axis - 1 else 0) for a, size in enumerate(extent(value))]
        move(planner, source, planner.result(value), along(source, taken))


def move(
    planner: Planner, source: Buffer, target: Buffer, origins: list[Array], places: list[Array] | None = None
) -> None:
    """A step that fills the target: for each of its axes, the bytes to where a number comes from and where it goes."""
    places = along(target, map(np.arange, (target.channels, target.height, target.width))) if places is None else places
    words: dict[str, Word] = {
        "input": Address(source), "output": Address(target),
        "planes": len(places[0]), "rows": len(places[1]), "columns": len(places[2]),
    }  # fmt: skip
    for side, tables in (("from", origins), ("to", places)):
        for axis, table in zip(("plane", "row", "column"), tables, strict=True):
            name = f"{target.name} {side} {axis}"
            words[f"{side}_{axis}"] = planner.constant(name, np.asarray(table, np.int64))
    planner.step(Move(), words, [source], [target])


def along(buffer: Buffer, indices: Iterable[Array]) -> list[Array]:
    """Bytes from a buffer's first pixel, for indices along its three axes; those below zero are nowhere."""
    channels, rows, columns = (np.asarray(index) for index in indices)
    block = buffer.layout.block
    offsets = (
        channels // block * buffer.plane_bytes + channels % block * 4,
        rows * buffer.row_bytes,
        columns * buffer.pixel_bytes,
    )
    return [np.where(index < 0, NOWHERE, o) for index, o in zip((channels, rows, columns), offsets, strict=True)]


def broadcast(planner: Planner, source: Buffer, target: Buffer) -> None:
    """Repeat a tensor along the axes in which it has size 1."""
    pairs = ((source.channels, target.channels), (source.height, target.height), (source.width, target.width))
    move(planner, source, target, along(source, (np.arange(out) % size for size, out in pairs)))


def _origins(op: Operator, x: Buffer, y: Buffer) -> list[Array]:
    channels, rows, columns = np.arange(y.channels), np.arange(y.height), np.arange(y.width)
    match op:
        case Transpose():
            sizes = [np.arange(size) for size in (x.channels, x.height, x.width)]
            order = [*(axis - 1 for axis in op.order), *range(len(op.order), 3)]
            every = along(x, sizes)
            return [every[axis] for axis in order]
        case Pad():
            top, left, _, _ = op.size
            return along(
                x, (channels, _padded(rows - top, x.height, op.mode), _padded(columns - left, x.width, op.mode))
            )
        case Crop():
            return along(x, (channels, rows + (x.height - y.height) // 2, columns + (x.width - y.width) // 2))
        case ChannelShuffle():
            return along(x, (channels % op.n * (x.channels // op.n) + channels // op.n, rows, columns))
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
