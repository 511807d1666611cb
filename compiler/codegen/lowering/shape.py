"""Operators that only move numbers: as views where the schedule found room for them, else by copying."""

from __future__ import annotations

from ...ir.graph import Value
from ...ir.region import Region
from ...schedule.choose import first_indices
from ...schedule.schedule import Layout
from ..buffer import Buffer, extent
from ..kernels.epilogue import Epilogue
from ..kernels.map import Map
from ..moves import row_by_row
from ..planner import Planner


def lower_concat(planner: Planner, region: Region) -> None:
    """Operands that were computed in their place need nothing."""
    output, first = region.node.output, 0
    away: list[tuple[Value, int]] = []
    for value in region.operands:
        if not _lies_at(planner, value, output, first):
            away.append((value, first))
        first += extent(value)[0]
    target = planner.result(output) if away else planner.buffer(output)
    for value, first in away:
        planner.copy(planner.operand(value), target, extent(value)[0], target_first=first)


def _lies_at(planner: Planner, value: Value, output: Value, first: int) -> bool:
    """Whether a value's buffer is that part of the output's which begins at channel `first`."""
    if value.name not in planner.schedule.places:
        return False
    inner, outer = planner.buffer(value), planner.buffer(output)
    return inner.storage is outer.storage and inner.first * planner.lanes == outer.first * planner.lanes + first


def lower_slice(planner: Planner, region: Region) -> None:
    node = region.anchor
    assert node is not None
    source = planner.operand(region.operands[0])
    for value, first in zip(region.node.outputs, first_indices(node, 1), strict=True):
        if value.name in planner.schedule.places:
            planner.buffer(value)
        else:
            planner.copy(source, planner.result(value), extent(value)[0], source_first=first)


def lower_reshape(planner: Planner, region: Region) -> None:
    """The numbers in NCHW order, under other sizes."""
    (value,), output = region.operands, region.node.output
    source = planner.operand(value)
    if value.type.dtype == "i64":
        return planner.alias(output, source)
    if value.type == output.type:
        target = planner.result(output)
        return planner.step(Map(Epilogue()), row_by_row(source, target), [source], [target])
    if output.type.rank == 2 and (source.height, source.width) == (1, 1) and source.is_solid:
        lies = Buffer(output.name, *extent(output), Layout(planner.lanes), source.storage, source.first)
        return planner.alias(output, lies)
    target = planner.result(output)
    if (target.height, target.width) == (1, 1) and target.is_solid:
        return planner.copy(source, target.under(source.channels, source.height, source.width), source.channels)
    flat = planner.planar(source)
    planner.copy(flat.under(target.channels, target.height, target.width), target, target.channels)
