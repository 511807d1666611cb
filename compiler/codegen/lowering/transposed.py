"""Transposed convolution: one ordinary convolution for each phase of the stride (`schedule/phases.py`)."""

from __future__ import annotations

from itertools import product

from ...ir.operator import Array
from ...ir.region import Region
from ...ops.conv import ConvTranspose
from ...schedule.phases import Phase, phases
from ..buffer import Buffer
from ..kernels.direct import Direct
from ..kernels.gather import Gather
from ..planner import Planner
from ..program import Address, Kernel, Word
from .conv import direct_words, gather_words, weights_ahead
from .epilogue import epilogue, param


def lower_transposed(planner: Planner, region: Region) -> None:
    node, choice = region.anchor, planner.schedule.choices[region.node.name]
    assert node is not None and isinstance(node.op, ConvTranspose)
    op, weight = node.op, _as_convolution(param(planner, node, "weight"), node.op.groups)
    bias = param(planner, node, "bias") if "bias" in node.weights else None
    tail, words, reads = epilogue(planner, region, bias=bias)
    x, y = planner.operand(region.operands[0]), planner.result(region.node.output)
    for down, across in product(*phases(op, (x.height, x.width), (y.height, y.width))):
        taken = weight[:, :, list(down.taps)][:, :, :, list(across.taps)]
        step = words | _walk(x, y, op, down, across)
        for i, kind in enumerate(tail.extras):  # tensors beside the sums lie as the output does
            if kind == "tensor":
                step |= _beside(words, i, y, op, down, across)
        if choice.algorithm == "transposed gather":
            kernel: Kernel = Gather(tail, op.stride[1])
            step |= gather_words(planner, region, taken, op.groups, x, 1)
        else:
            tile = choice.pixels, choice.vectors, planner.lanes
            tiles = down.count * -(-across.count // choice.pixels)
            step |= direct_words(planner, region, taken, op.groups, x, y, choice, tiles)
            ahead, more = weights_ahead(planner, step, x, choice, tiles, len(down.taps) * len(across.taps))
            step |= more
            kernel = Direct(*tile, 1, False, False, False, ahead, tail, op.stride[1])
        planner.step(kernel, step, [x, *reads], [y])


def _as_convolution(weight: Array, groups: int) -> Array:
    """`[in][out of the group][kh][kw]` as `[out][in of the group][kh][kw]`."""
    inside, each = weight.shape[0] // groups, weight.shape[1]
    split = weight.reshape(groups, inside, each, *weight.shape[2:])
    return split.swapaxes(1, 2).reshape(groups * each, inside, *weight.shape[2:])


def _walk(x: Buffer, y: Buffer, op: ConvTranspose, down: Phase, across: Phase) -> dict[str, Word]:
    """Addresses and strides of one phase."""
    return {
        "input": Address(x, down.first * x.row_bytes + across.first * x.pixel_bytes),
        "output": Address(y, down.start * y.row_bytes + across.start * y.pixel_bytes),
        "rows": down.count,
        "columns": across.count,
        "kernel_height": len(down.taps),
        "kernel_width": len(across.taps),
        "input_row": x.row_bytes,
        "tap_row": down.step * x.row_bytes,
        "tap_column": across.step * x.pixel_bytes,
        "output_plane": y.plane_bytes,
        "output_row": op.stride[0] * y.row_bytes,
    }


def _beside(
    words: dict[str, Word], i: int, y: Buffer, op: ConvTranspose, down: Phase, across: Phase
) -> dict[str, Word]:
    """An extra tensor, at the phase's first output and with its strides."""
    base, row = words[f"extra{i}"], words[f"extra{i}_row"]
    assert isinstance(base, Address) and isinstance(row, int)
    offset = down.start * row + across.start * y.pixel_bytes
    return {f"extra{i}": Address(base.buffer, base.offset + offset), f"extra{i}_row": op.stride[0] * row}
