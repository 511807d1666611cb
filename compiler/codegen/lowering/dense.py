"""Dense layers."""

from __future__ import annotations

import numpy as np

from ...ir.operator import Array
from ...ir.region import Region
from ..kernels.dense import Dense
from ..program import Address, Planner, Word
from .epilogue import epilogue, param


def lower_dense(planner: Planner, region: Region) -> None:
    node = region.anchor
    assert node is not None
    weight = param(planner, node, "weight")
    bias = param(planner, node, "bias") if "bias" in node.weights else None
    tail, words, reads = epilogue(planner, region, bias=bias)
    x, y = planner.operand(region.operands[0]), planner.result(region.node.output)
    vectors = planner.schedule.choices[region.node.name].vectors
    packed = pack_dense(weight, planner.lanes, vectors)
    step: dict[str, Word] = {
        "input": Address(x),
        "weights": planner.constant(f"{region.node.name} weights", packed),
        "output": Address(y),
        "groups": len(packed),
        "inputs": weight.shape[1],
        "weights_group": packed[0].nbytes,
    }
    planner.step(Dense(vectors, 4 if vectors == 1 else 2, tail), words | step, [x, *reads], [y])


def pack_dense(weight: Array, lanes: int, vectors: int) -> Array:
    """`[out][in]` as `[group][in][vectors * lanes]`, zeros past the last output."""
    size = lanes * vectors
    padded = np.zeros((-(-len(weight) // size) * size, weight.shape[1]), np.float32)
    padded[: len(weight)] = weight
    return np.ascontiguousarray(padded.reshape(-1, size, weight.shape[1]).transpose(0, 2, 1))
