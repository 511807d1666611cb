"""Winograd convolutions: filters transformed and packed, tiles written down in a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...ir.deferred import Numbers
from ...ir.operator import Array
from ...ir.region import Region
from ...ops.conv import Conv, Window
from ...schedule.cost import fetches_following
from ...schedule.schedule import BATCH_TILE, WINOGRAD
from ...schedule.tiles import Tile, folding, tiles
from ..buffer import Buffer
from ..kernels.ahead import Ahead, share_words
from ..kernels.winograd import TILE_WORDS, Winograd
from ..packed import Packed
from ..planner import Planner
from ..program import Address, Images, Word
from ..winograd import TRANSFORMS, Transform
from .conv import exceeds_caches
from .epilogue import deferred, epilogue, param
from .fold import fold_image, fold_weight, folded_window

_PIECE = 256  # input channels whose filters are transformed at once: a megabyte or two in float64
_LINE = 64  # bytes: planes lie an odd number of cache lines apart, so that no two of them share cache sets only


def lower_winograd(planner: Planner, region: Region) -> None:
    node, choice, lanes = region.anchor, planner.schedule.choices[region.node.name], planner.lanes
    assert node is not None and isinstance(node.op, Conv)
    transform = TRANSFORMS[WINOGRAD[choice.algorithm]]
    weight = deferred(planner, node, "weight")
    tail, words, reads = epilogue(
        planner, region, bias=param(planner, node, "bias") if "bias" in node.weights else None
    )
    op, (_, high, wide) = node.op, region.node.output.type.known
    window, x = op.window(region.operands[0].type), planner.operand(region.operands[0])
    pooling = planner.pooling(region.node.output)
    y = planner.result(pooling.output if pooling else region.node.output)
    all_tiles = tiles(window, high, wide, transform.filtering.outputs)
    if (fold := folding(window, transform.filtering)) > 1:
        rows, columns = all_tiles[-1].row + transform.size, all_tiles[-1].column + transform.size
        x, weight = fold_image(planner, x, window, rows, columns), fold_weight(weight, fold)
        window = folded_window(window)
    inside = weight.shape[1]
    table = tile_table(window, x, all_tiles)
    if pooling:
        table[:, 1:] //= 2
    count, together = len(table), choice.block * choice.pixels
    images = np.arange(BATCH_TILE if choice.batched else 1)[:, None, None] * np.array([x.image_bytes, 0, 0, 0, 0, 1])
    table = (images + table).reshape(-1, TILE_WORDS)
    table = np.concatenate([table, np.repeat(table[-1:], together, 0)])  # there is always a next block to fetch
    packed = pack_winograd(weight, transform, lanes, choice.vectors, choice.columns)
    size, (points, rows, results) = 4 * lanes, _sides(transform, choice.columns)
    data, products = _apart(together * rows * x.blocks * size), _apart(together * results * choice.vectors * size)
    step: dict[str, Word] = {
        "input": Address(x),
        "weights": planner.constant(f"{region.node.name} weights", packed),
        "output": Address(y),
        "tiles": planner.constant(f"{region.node.name} tiles", table),
        "count": count,
        "images": Images() if choice.batched else 1,
        "block": choice.block,
        "groups": packed.shape[0],
        "planes": x.blocks,
        "blocks": inside // lanes,
        "tail": inside % lanes,
        "parts_groups": packed.shape[0] // op.groups,
        "parts_planes": inside // lanes if op.groups > 1 else 0,
        "input_plane": x.plane_bytes,
        "tap_row": window.dilation[0] * x.row_bytes,
        "data_point": data,
        "products": points * data,
        "products_point": products,
        "weights_group": packed.nbytes // packed.shape[0],
        "weights_point": packed.nbytes // (packed.shape[0] * points),
        "output_plane": y.plane_bytes,
        "output_row": y.row_bytes,
        "output_image": y.image_bytes,
    }
    for i in range(len(tail.extras)):
        where = words[f"extra{i}"]
        step[f"extra{i}_image"] = where.buffer.image_bytes if isinstance(where, Address) else 0
    ahead = Ahead(pixels=exceeds_caches(x, planner), following=fetches_following(choice.block))
    if ahead.following:
        step |= share_words(choice.block, rows * choice.vectors, planner.schedule.target)
    spread, pooled = window.dilation[0], pooling is not None
    kernel = Winograd(transform.filtering, choice.pixels, choice.vectors, ahead, tail, spread, pooled, choice.columns)
    planner.step(kernel, words | step, [x, *reads], [y], points * (data + products), once=choice.batched)


def _sides(transform: Transform, columns: bool) -> tuple[int, int, int]:
    """How many products of matrices there are, for each point or column of points, and in one of them a tile's rows of
    data and of results."""
    n = transform.size
    return (n, n, transform.filtering.outputs) if columns else (n * n, 1, 1)


def _apart(size: int) -> int:
    return (-(-size // _LINE) | 1) * _LINE


def tile_table(window: Window, x: Buffer, all_tiles: Sequence[Tile]) -> Array:
    """`[tile][word]` for the first image, as the kernel reads it."""
    (top, left, _, _), (down, across) = window.sides, window.stride

    def first(tile: Tile) -> int:
        return (tile.row * down - top) * x.row_bytes + (tile.column * across - left) * x.pixel_bytes

    return np.array([(first(tile), *tile.extent, 0) for tile in all_tiles], np.int64)


def pack_winograd(weight: Numbers, transform: Transform, lanes: int, vectors: int, columns: bool) -> Packed:
    """`[out][in][r][r]` as `[group][point][in][vectors * lanes]`, or by columns of points as
    `[group][column][in][point * lanes]`; a piece of a group after the other to save memory."""
    size, window, (out, inside) = vectors * lanes, transform.filtering.taps**2, weight.shape[:2]
    points, beside, _ = _sides(transform, columns)

    def fill(packed: Array, group: int) -> None:
        rows = weight[group * size : (group + 1) * size].reshape(-1, inside, window)
        for first in range(0, inside, _PIECE):
            piece = slice(first, first + _PIECE)
            taken = rows[:, piece].transpose(1, 2, 0)
            taps = np.zeros((len(taken), window, size))  # small matrices, for which BLAS starts no threads
            taps[..., : len(rows)] = taken
            filters = transform.filters(taps).reshape(len(taken), beside, points, size)
            packed[group, :, piece] = filters.transpose(2, 0, 1, 3).reshape(points, len(taken), beside * size)

    groups = -(-out // size)
    return Packed((groups, points, inside, beside * size), range(groups), fill)
