"""Regions without an anchor: elementwise operators alone, on tensors or straight on the caller's image."""

from __future__ import annotations

import numpy as np

from ...ir.graph import Value
from ...ir.region import Region
from ...ir.structure import Parameter
from ..buffer import extent
from ..kernels.epilogue import Epilogue
from ..kernels.map import Map
from ..moves import row_by_row
from ..planner import Planner
from ..program import Word
from .epilogue import chain, epilogue
from .move import broadcast


def lower_map(planner: Planner, region: Region) -> None:
    base = _base(planner, region)
    tail, words, reads = epilogue(planner, region, base)
    x, y = planner.operand(base), planner.result(region.node.output)
    if extent(base) != extent(region.node.output):
        x = broadcast(planner, base, region.node.output)
    planner.step(Map(tail), words | row_by_row(x, y), [x, *reads], [y])


def _base(planner: Planner, region: Region) -> Value:
    """The first operand of the output's shape, or else the first; the others are broadcast to it."""
    tensors = [v for v in region.extras if not isinstance(planner.graph.producer(v).op, Parameter)]
    return next((value for value in tensors if extent(value) == extent(region.node.output)), tensors[0])


def lower_image(planner: Planner, region: Region) -> None:
    (base,), output = region.extras, region.node.output
    links, tables = chain(planner, region, [])
    numbers: dict[str, Word] = {}
    if tables:  # vectors run along rows here: a number each
        numbers["tables"] = planner.constant(f"{output.name} tables", np.stack(tables, axis=1).astype(np.float32))
    port = planner.port("input", planner.graph.inputs.index(base), base)
    planner.load_image(port, planner.buffer(output), Epilogue(links), numbers)
