"""Dense layers."""

from __future__ import annotations

from ...ir.deferred import Numbers
from ...ir.operator import Array
from ...ir.region import Region
from ..kernels.dense import Dense
from ..packed import Packed
from ..planner import Planner
from ..program import Address, Images, Word
from .epilogue import deferred, epilogue, param


def lower_dense(planner: Planner, region: Region) -> None:
    node = region.anchor
    assert node is not None
    weight = deferred(planner, node, "weight")
    bias = param(planner, node, "bias") if "bias" in node.weights else None
    tail, words, reads = epilogue(planner, region, bias=bias)
    x, y = planner.operand(region.operands[0]), planner.result(region.node.output)
    choice = planner.schedule.choices[region.node.name]
    # All images at once, unless the epilogue reads what another layer computed in a form that knows no images.
    once = all(isinstance(words[f"extra{i}"], Address) <= (kind == "tensor") for i, kind in enumerate(tail.extras))
    for i, kind in enumerate(tail.extras):
        if kind == "tensor":
            where = words[f"extra{i}"]
            words[f"extra{i}_row"] = where.buffer.image_bytes if isinstance(where, Address) else 0
    packed = pack_dense(weight, planner.lanes, choice.vectors)
    step: dict[str, Word] = {
        "input": Address(x),
        "weights": planner.constant(f"{region.node.name} weights", packed),
        "output": Address(y),
        "groups": packed.shape[0],
        "blocks": -(-weight.shape[0] // planner.lanes),
        "inputs": weight.shape[1],
        "images": Images() if once else 1,
        "weights_group": packed.nbytes // packed.shape[0],
        "input_image": x.image_bytes,
        "output_image": y.image_bytes,
    }
    planner.step(Dense(choice.vectors, choice.pixels, tail), words | step, [x, *reads], [y], once=once)


def pack_dense(weight: Numbers, lanes: int, vectors: int) -> Packed:
    """`[out][in]` as `[group][in][vectors * lanes]`, zeros past the last output. The last group overlaps the one before
    rather than fall short."""
    size, blocks = lanes * vectors, -(-weight.shape[0] // lanes)

    def fill(packed: Array, group: int) -> None:
        first = min(group * vectors, blocks - vectors) * lanes
        taken = weight[first : first + size]
        packed[group, :, : len(taken)] = taken.T

    groups = -(-blocks // vectors)
    return Packed((groups, weight.shape[1], size), range(groups), fill)
