"""Resizing: which rows and columns an output pixel mixes, and how much of each."""

from __future__ import annotations

import numpy as np

from ...ir.region import Region
from ...ops.resize import Resize, Upsample, taps
from ..kernels import resize
from ..planner import Planner
from ..program import Address, Word
from .epilogue import epilogue


def lower_resize(planner: Planner, region: Region) -> None:
    node = region.anchor
    assert node is not None and isinstance(node.op, Resize | Upsample)
    tail, words, reads = epilogue(planner, region)
    x, y = planner.operand(region.operands[0]), planner.result(region.node.output)
    coords = node.op.coords if isinstance(node.op, Resize) else "half_pixel"
    axes = (("row", x.height, y.height, x.row_bytes), ("column", x.width, y.width, x.pixel_bytes))
    for axis, size, out, pitch in axes:
        pixels, weights = taps(size, out, node.op.mode, coords)
        offsets = np.asarray(pixels * pitch, np.int64)
        words[f"{axis}_offsets"] = planner.constant(f"{node.name} {axis} offsets", offsets)
        words[f"{axis}_weights"] = planner.constant(f"{node.name} {axis} weights", weights.astype(np.float32))
    step: dict[str, Word] = {
        "input": Address(x), "output": Address(y), "blocks": y.blocks, "rows": y.height, "columns": y.width,
        "input_plane": x.plane_bytes, "output_plane": y.plane_bytes, "output_row": y.row_bytes,
    }  # fmt: skip
    kernel = resize.Resize({"nearest": 1, "bilinear": 2, "bicubic": 4}[node.op.mode], tail)
    planner.step(kernel, words | step, [x, *reads], [y])
