"""Operators that only move numbers: as views where the schedule found room for them, else by copying."""

from __future__ import annotations

from ...ir.region import Region
from ...schedule.choose import first_channels
from ...schedule.schedule import Layout
from ..kernels.epilogue import Epilogue
from ..kernels.map import Map
from ..program import Address, Buffer, Planner, Word, extent


def lower_concat(planner: Planner, region: Region) -> None:
    """Operands that were computed in their place need nothing."""
    output, first = region.node.output, 0
    places = planner.schedule.places
    away = [value for value in region.operands if value.name not in places or not _shares(planner, value, output)]
    target = planner.result(output) if away else planner.buffer(output)
    for value in region.operands:
        channels = extent(value)[0]
        if value in away:
            planner.copy(planner.operand(value), target, channels, target_first=first)
        first += channels


def _shares(planner: Planner, value, output) -> bool:
    return planner.buffer(value).storage is planner.buffer(output).storage


def lower_slice(planner: Planner, region: Region) -> None:
    node = region.anchor
    assert node is not None
    source = planner.operand(region.operands[0])
    for value, first in zip(region.node.outputs, first_channels(node), strict=True):
        if value.name in planner.schedule.places:
            planner.buffer(value)
        else:
            planner.copy(source, planner.result(value), extent(value)[0], source_first=first)


def lower_reshape(planner: Planner, region: Region) -> None:
    """The numbers in NCHW order, under other sizes."""
    (value,), output = region.operands, region.node.output
    source, (c, h, w) = planner.operand(value), extent(output)
    if value.type == output.type:
        return _same(planner, source, planner.result(output))
    if (source.height, source.width) != (1, 1):
        rows = Buffer(f"{value.name} planar", source.channels, source.height, source.width, Layout(1))
        if output.type.rank == 2:
            rows = _under(planner.result(output), source.channels, source.height, source.width)
        planner.copy(source, rows, source.channels)
        source = rows
    if output.type.rank != 2:
        planner.copy(_under(source, c, h, w), planner.result(output), c)
    elif source.storage is not planner.buffer(output):
        planner.alias(output, Buffer(output.name, c, h, w, Layout(planner.lanes), source.storage, source.first))


def _under(buffer: Buffer, channels: int, height: int, width: int) -> Buffer:
    """The same numbers as a planar image of other sizes."""
    return Buffer(f"{buffer.name} planar", channels, height, width, Layout(1), buffer.storage)


def _same(planner: Planner, x: Buffer, y: Buffer) -> None:
    words: dict[str, Word] = {
        "input": Address(x), "output": Address(y), "blocks": y.blocks, "rows": y.height, "columns": y.width,
        "input_plane": x.plane_bytes, "input_row": x.row_bytes,
        "output_plane": y.plane_bytes, "output_row": y.row_bytes,
    }  # fmt: skip
    planner.step(Map(Epilogue()), words, [x], [y])
