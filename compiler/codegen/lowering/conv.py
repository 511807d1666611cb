"""Convolutions: weights packed, strides and trip counts spelled out."""

from __future__ import annotations

from dataclasses import replace
from math import ceil, prod

import numpy as np

from ...ir.deferred import Numbers
from ...ir.operator import Array
from ...ir.region import Region
from ...ops.conv import Conv, Depthwise, Window
from ...schedule.cost import (
    bytes_ahead,
    depthwise_resident,
    fetches_following,
    halves_last,
    tiles_in_a_piece,
    tiles_together,
)
from ...schedule.schedule import Choice
from ..buffer import Buffer
from ..kernels import depthwise, direct, dot, gather, tapwise
from ..kernels.ahead import Ahead, share_words
from ..packed import Packed
from ..planner import Planner
from ..program import Address, Word
from .epilogue import deferred, epilogue, param
from .pool import collected

_STRIP = 1 << 20  # bytes of weights that are packed at once


def lower_direct(planner: Planner, region: Region) -> None:
    op, window, x, weight, bias = _parts(planner, region)
    choice = planner.schedule.choices[region.node.name]
    tail, words, reads = epilogue(planner, region, bias=bias, merged=choice.merged)
    pooling = planner.pooling(region.node.output)
    y = planner.result(pooling.output if pooling else region.node.output)
    if choice.merged and window.stride != (1, 1):
        x, window = collected(planner, x, window.stride, y), replace(window, stride=(1, 1))
    planar, skips = x.layout.block == 1, any(window.sides)
    pointwise = op.kernel == (1, 1) and not skips
    last = last_lanes(weight, getattr(op, "groups", 1), choice, planner.lanes)
    narrows = max(window.sides[1::2]) > (choice.pixels - 1) * window.stride[1]
    if skips:
        words |= _rows(x, window)
    if narrows:
        words |= _columns(x, window)
    words["rows"] = rows = 1 if choice.merged else y.height
    words["columns"] = columns = y.height * y.width if choice.merged else y.width * (2 if pooling else 1)
    tiles = rows * -(-columns // choice.pixels)
    words |= _walk(x, y, window)
    words |= direct_words(planner, region, weight, getattr(op, "groups", 1), x, y, choice, tiles)
    gaps = choice.merged and not y.is_solid
    if gaps or "rimmed" in tail.extras:
        words["width"] = y.width
    if gaps:
        words["gap"] = y.gap_bytes
    ahead, more = weights_ahead(planner, words, x, choice, tiles, prod(op.kernel))
    words |= more
    ahead = replace(
        ahead, pixels=not planar and (skips or exceeds_caches(x, planner)), tensors=exceeds_caches(y, planner)
    )
    pooled = pooling and ("max" if pooling.op.name == "maxpool" else "mean")
    kernel = direct.Direct(
        choice.pixels, choice.vectors, last, window.stride[1], pointwise, planar, skips, ahead, tail,
        pooled=pooled, gaps=gaps, narrows=narrows,
    )  # fmt: skip
    planner.step(kernel, words, [x, *reads], [y])


def weights_ahead(
    planner: Planner, words: dict[str, Word], x: Buffer, choice: Choice, tiles: int, taps: int
) -> tuple[Ahead, dict[str, Word]]:
    """What so many tiles fetch of weights, and the words that it needs."""
    target, group = planner.schedule.target, words["weights_group"]
    assert isinstance(group, int)
    several = words["groups"] != 1 and fetches_following(tiles // 2)
    following = several and x.layout.block > 1 and 2 * group + x.bytes <= target.l2_bytes
    stream = bytes_ahead(group, 4 * target.lanes**2 * choice.vectors * taps, target)
    more: dict[str, Word] = {**share_words(tiles // 2, choice.vectors, target)} if following else {}
    return Ahead(following=following, stream=stream), more


def exceeds_caches(x: Buffer, planner: Planner) -> bool:
    """Whether what a tile reads next is likely to come from far away."""
    return x.bytes > 4 * planner.schedule.target.l2_bytes


def last_lanes(weight: Numbers, groups: int, choice: Choice, lanes: int) -> int:
    """Lanes of a tile's last vector: half of them where one tile has all output channels and the rest is no more."""
    out = weight.shape[0] // groups
    return lanes // 2 if halves_last(out, lanes) and choice.vectors * lanes >= out else lanes


def direct_words(
    planner: Planner, region: Region, weight: Numbers, groups: int, x: Buffer, y: Buffer, choice: Choice, tiles: int
) -> dict[str, Word]:
    """The weights of a direct convolution, and how its `tiles` walk over channels. Threads have rows of their own where
    these are more bytes than the weights, of which each thread then reads all."""
    lanes, planar, inside = planner.lanes, x.layout.block == 1, weight.shape[1]
    vectors = ceil(weight.shape[0] / (groups * lanes))  # in one of the convolution's groups
    each = ceil(vectors / choice.vectors)  # tiles' groups in one of those
    packed = pack_direct(weight, groups, lanes, choice.vectors, planar)
    return {
        "weights": planner.constant(f"{region.node.name} weights", packed),
        "groups": groups * each,
        "across": tiles_together(tiles, each, x.bytes, y.bytes, packed.nbytes, planner.schedule.target),
        "parts_groups": each,
        "parts_vectors": vectors,
        "parts_plane": x.plane_bytes * (inside // lanes) if groups > 1 else 0,
        "blocks": inside if planar else inside // lanes,
        "tail": 0 if planar else inside % lanes,
        "input_plane": x.plane_bytes,
        "weights_group": 4 * choice.vectors * lanes * prod(weight.shape[1:]),
    }


def pack_direct(weight: Numbers, parts: int, lanes: int, vectors: int, planar: bool) -> Packed:
    """`[out][in][kh][kw]` as `[group][block][kh][kw][in lane][out lane]`; a last block holds just what is left. In each
    of the convolution's own groups, `parts` of the output channels, the last group overlaps the one before."""
    (out, inside, *kernel), size = weight.shape, vectors * lanes
    groups, taps = parts * ceil(ceil(out // parts / lanes) / vectors), prod(kernel)

    def fill(packed: Array, strip: tuple[int, int, int]) -> None:
        group, start, stop = strip
        for first, last, many in _pieces(stop - start, size):
            rows = weight[start + first : start + last].reshape((last - first) // many, many, inside, taps)
            taking = packed[group + first // size : group + ceil(last / size)]
            for begin, end, block in _pieces(inside, 1 if planar else lanes):
                count = (end - begin) // block
                blocks = taking[:, begin * taps * size : end * taps * size]
                taken = rows[:, :, begin:end].reshape(*rows.shape[:2], count, block, taps)
                blocks = blocks.reshape(len(rows), count, taps, block, size)
                blocks[..., :many] = taken.transpose(0, 2, 4, 3, 1)

    strips = _strips(_runs(out, parts, lanes, vectors), size, 4 * inside * taps)
    return Packed((groups, inside * taps * size), strips, fill)


def _runs(out: int, parts: int, lanes: int, vectors: int) -> list[tuple[int, int, int]]:
    """Tiles' groups that lie side by side: the first one's number, and where their channels begin and end."""
    outside = out // parts
    whole, short = divmod(ceil(outside / lanes), vectors)
    if not short:
        return [(0, 0, out)]
    runs = []
    for part, first in enumerate(range(0, out, outside)):
        group, last = part * (whole + 1), (whole * vectors + short - vectors) * lanes
        runs += [(group, first, first + whole * vectors * lanes), (group + whole, first + last, first + outside)]
    return runs


def _strips(runs: list[tuple[int, int, int]], size: int, row_bytes: int) -> list[tuple[int, int, int]]:
    """Runs cut into strips of whole groups, a megabyte of weights each."""
    most = max(_STRIP // max(size * row_bytes, 1), 1) * size  # of a transposed window some phases have no tap
    return [
        (group + (first - start) // size, first, min(first + most, stop))
        for group, start, stop in runs
        for first in range(start, stop, most)
    ]


def _pieces(count: int, size: int) -> list[tuple[int, int, int]]:
    """All pieces of `size` at once, and what is left: where they begin and end, and what one has. Few copies take NumPy
    a twentieth of the time of many."""
    whole = count // size * size
    pieces = (0, whole, size), (whole, count, count - whole)
    return [piece for piece in pieces if piece[0] < piece[1]]


def lower_tapwise(planner: Planner, region: Region) -> None:
    op, window, x, weight, bias = _parts(planner, region)
    choice = planner.schedule.choices[region.node.name]
    tail, words, reads = epilogue(planner, region, bias=bias)
    y, packed = planner.result(region.node.output), pack_tapwise(weight, planner.lanes, choice.vectors)
    tiles = y.height * ceil(y.width / choice.pixels)
    words |= (
        _walk(x, y, window)
        | _rows(x, window)
        | _columns(x, window)
        | {
            "weights": planner.constant(f"{region.node.name} weights", packed),
            "groups": packed.shape[0],
            "all_vectors": y.blocks,
            "rows": y.height,
            "columns": y.width,
            "piece": tiles_in_a_piece(tiles, x.bytes, planner.schedule.target),
            "blocks": x.blocks,
            "input_plane": x.plane_bytes,
            "weights_group": packed.nbytes // packed.shape[0],
            "weights_tap": packed.nbytes // (packed.shape[0] * prod(op.kernel)),
        }
    )
    kernel = tapwise.Tapwise(choice.pixels, choice.vectors, op.stride[1], tail)
    sums = 4 * planner.lanes * tiles * choice.pixels * choice.vectors * packed.shape[0]
    planner.step(kernel, words, [x, *reads], [y], scratch=sums)


def pack_tapwise(weight: Numbers, lanes: int, vectors: int) -> Packed:
    """`[out][in][kh][kw]` as `[group][kh][kw][in][vectors * lanes]`. The last group overlaps the one before."""
    (out, inside, *kernel), size = weight.shape, vectors * lanes
    blocks = ceil(out / lanes)

    def fill(packed: Array, group: int) -> None:
        first = min(group * vectors, blocks - vectors) * lanes
        taken = weight[first : first + size]
        packed[group, ..., : len(taken)] = taken.transpose(2, 3, 1, 0)

    groups = ceil(blocks / vectors)
    return Packed((groups, *kernel, inside, size), range(groups), fill)


def lower_dot(planner: Planner, region: Region) -> None:
    op, window, x, weight, bias = _parts(planner, region)
    assert isinstance(op, Conv)
    choice = planner.schedule.choices[region.node.name]
    tail, words, reads = epilogue(planner, region, bias=bias)
    y, packed = planner.result(region.node.output), pack_dot(np.asarray(weight), planner.lanes)
    words |= _walk(x, y, window) | {
        "weights": planner.constant(f"{region.node.name} weights", packed),
        "blocks": y.blocks,
        "rows": y.height,
        "columns": y.width,
        "deep": x.blocks,
        "input_plane": x.plane_bytes,
    }
    planner.step(dot.Dot(choice.pixels, op.channels, op.stride[1], tail), words, [x, *reads], [y])


def pack_dot(weight: Array, lanes: int) -> Array:
    """`[out][in][kh][kw]` as `[block][kh][kw][out][in lane]`."""
    out, inside, *kernel = weight.shape
    return weight.reshape(out, inside // lanes, lanes, *kernel).transpose(1, 3, 4, 0, 2)


def lower_depthwise(planner: Planner, region: Region) -> None:
    """Also a grouped convolution whose groups lie within a vector."""
    op, window, x, weight, bias = _parts(planner, region)
    tail, words, reads = epilogue(planner, region, bias=bias)
    y, packed = planner.result(region.node.output), pack_depthwise(np.asarray(weight), planner.lanes)
    choice, target, inside = planner.schedule.choices[region.node.name], planner.schedule.target, weight.shape[1]
    resident = depthwise_resident(window, choice.pixels, target, inside)
    words |= _walk(x, y, window) | {
        "weights": planner.constant(f"{region.node.name} weights", packed),
        "blocks": y.blocks,
        "rows": y.height,
        "columns": y.width,
        "input_plane": x.plane_bytes,
    }
    _, before, _, after = overhang = window.overhang((x.height, x.width), (y.height, y.width))
    border = (before, after) if any(resident) and any(overhang) else None
    if border:
        words |= _rows(x, window) | {"first_column": -before, "image_columns": x.width}
    kernel = depthwise.Depthwise(choice.pixels, op.stride[1], resident, tail, inside, border)
    planner.step(kernel, words, [x, *reads], [y])


def pack_depthwise(weight: Array, lanes: int) -> Array:
    """`[out][in of the group][kh][kw]` as `[block][kh][in][kw][lane]`."""
    return _in_blocks(weight, lanes).transpose(0, 3, 2, 4, 1)


def lower_gather(planner: Planner, region: Region) -> None:
    op, window, x, weight, bias = _parts(planner, region)
    assert isinstance(op, Conv)
    tail, words, reads = epilogue(planner, region, bias=bias)
    y = planner.result(region.node.output)
    words |= _walk(x, y, window) | gather_words(planner, region, np.asarray(weight), op.groups, x, op.stride[1])
    words |= {"rows": y.height, "columns": y.width}
    planner.step(gather.Gather(tail), words, [x, *reads], [y])


def gather_words(
    planner: Planner, region: Region, weight: Array, groups: int, x: Buffer, stride: int
) -> dict[str, Word]:
    """The weights of a gathering convolution, and where its lanes find their channels."""
    offsets = group_offsets(weight, groups, x, planner.lanes)
    return {
        "weights": planner.constant(f"{region.node.name} weights", pack_gather(weight, planner.lanes)),
        "offsets": planner.constant(f"{region.node.name} offsets", offsets),
        "blocks": -(-len(weight) // planner.lanes),
        "channels": weight.shape[1],
        "input_column": stride * x.pixel_bytes,
    }


def pack_gather(weight: Array, lanes: int) -> Array:
    """`[out][in of the group][kh][kw]` as `[block][kh][kw][in][lane]`."""
    return _in_blocks(weight, lanes).transpose(0, 3, 4, 2, 1)


def _in_blocks(weight: Array, lanes: int) -> Array:
    """`[out][…]` as `[block][lane][…]`, zeros past the last."""
    blocks = -(-len(weight) // lanes)
    padded = np.zeros((blocks * lanes, *weight.shape[1:]), np.float32)
    padded[: len(weight)] = weight
    return padded.reshape(blocks, lanes, *weight.shape[1:])


def group_offsets(weight: Array, groups: int, x: Buffer, lanes: int) -> Array:
    """`[block][in of the group][lane]`: bytes to the channel that an output lane needs; past the end, the first."""
    channels, inside = weight.shape[:2]
    out = np.arange(-(-channels // lanes) * lanes)
    group = np.where(out < channels, out // (channels // groups), 0)
    channel = group[:, None] * inside + np.arange(inside)
    return x.channel_bytes(channel).reshape(-1, lanes, inside).transpose(0, 2, 1).astype(np.int64)


def _parts(planner: Planner, region: Region) -> tuple[Conv | Depthwise, Window, Buffer, Numbers, Array | None]:
    node = region.anchor
    assert node is not None and isinstance(node.op, Conv | Depthwise)
    bias = param(planner, node, "bias") if "bias" in node.weights else None
    (value,) = region.operands
    return node.op, node.op.window(value.type), planner.operand(value), deferred(planner, node, "weight"), bias


def _rows(x: Buffer, window: Window) -> dict[str, Word]:
    """Where rows of windows lie in the image."""
    return {
        "first_row": -window.sides[0],
        "row_step": window.stride[0],
        "row_taps": window.dilation[0],
        "image_rows": x.height,
    }


def _columns(x: Buffer, window: Window) -> dict[str, Word]:
    """Where columns of windows lie in the image."""
    return {"first_column": -window.sides[1], "column_taps": window.dilation[1], "image_columns": x.width}


def _walk(x: Buffer, y: Buffer, window: Window) -> dict[str, Word]:
    """Addresses and strides that every convolution has: from the first window's first tap on."""
    top, left, _, _ = window.sides
    return {
        "input": Address(x, -(top * x.row_bytes + left * x.pixel_bytes)),
        "output": Address(y),
        "kernel_height": window.kernel[0],
        "kernel_width": window.kernel[1],
        "input_row": window.stride[0] * x.row_bytes,
        "tap_row": window.dilation[0] * x.row_bytes,
        "tap_column": window.dilation[1] * x.pixel_bytes,
        "output_plane": y.plane_bytes,
        "output_row": y.row_bytes,
    }
