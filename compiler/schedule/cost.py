"""What a register tile costs: an analytic model, in cycles."""

from __future__ import annotations

from math import ceil, prod
from operator import itemgetter

from ..ops.conv import Window
from .schedule import BATCH_TILE, Sides
from .target import Target

_RIM = 8.0  # bytes a cycle
_FOLD = 1.3  # cycles a number
_POOL = 20.0  # bytes a cycle, from the L2 cache
_MEMORY = 10.0  # bytes from beyond the caches in a cycle of two multiply-adds, of which AVX2 has twice as many a second
# Cycles until data comes from the L3 cache; bytes a cycle of weights, which are fetched ahead: when they are met first,
# and again, from the L3 cache. Fitted to Zen 4 and to Zen 3.
_FETCHES, _FETCHES_AVX2 = (200.0, 16.0, 32.0), (40.0, 16.0, 10.0)
# Cycles for each register of a tile by its side: fitted to 64 channels at 112 x 112 on Zen 4, but for 9, taken for the
# same; and to 16 to 128 channels of 14 x 14 to 112 x 112 on Zen 3, 300 layers and tiles, but for 8: 7.0 fits these, and
# larger layers want less.
_TRANSFORM = {4: 2.5, 5: 2.5, 6: 2.5, 8: 3.2, 9: 2.5}
_TRANSFORM_AVX2 = {4: 2.8, 5: 3.5, 6: 4.8, 8: 5.4, 9: 5.0}
_COLUMNS = 0.6  # of a transform of results that are still in registers; from ResNet's first layer on Zen 4
_GROUPED = 1.35  # times as many where groups are small, whose loops begin anew; fitted to RegNet's and ResNeXt's
_OTHER = 20.0  # cycles more for each number that may lie in another core's caches
_HEAVY = 256 << 10  # bytes of a point's weights
_OUTER = 4 << 20  # bytes of data that may lie in the L3 cache
_SHARERS = 4  # threads of which each should have images enough
_BESIDE = 4  # times as many bytes of weights, at least, as of images that share them
_BLOCKS = 8  # or fewer, of what threads share
_FEW = 7  # pixels
_PIXELS, _VECTORS = 28, 4  # of a tile, at most
_MANY = 500  # of Winograd's tiles
_TILES = 32  # that use the same weights; no more are too few to halve for two threads
_SPREAD = 1.15  # of loads that spread a number over a register, to others; like the next two fitted to Zen 3
_LATENCY = 4.0  # cycles of a multiply-add
_STREAM, _TRICKLE = 20.0, 10.0  # bytes of weights a cycle, from the L2 cache and from beyond
_FAR_AVX512 = 0.6  # cycles more for a register of weights from beyond; fitted to 512 channels at 7 x 7 on Zen 4
_SUM = 6.0  # cycles to add up the lanes of a register
SPARE = 5  # registers beside sums that are transformed
_LOOP = 0.4  # cycles a channel that no tile hides, fitted to measured tiles of 7 to 28 sums


def halves_last(channels: int, lanes: int) -> bool:
    """Whether the last vector of channels needs half of its lanes at most, and half a register costs less than one."""
    return lanes == 16 and 0 < channels % lanes <= lanes // 2


def tile_cycles(pixels: int, vectors: float, target: Target, depth: int = 0) -> float:
    """Cycles for one input channel into a tile: two multiply-adds and two loads start a cycle, the slower one binds.
    `depth` is how many products a sum has.

    A pixel is loaded once for all vectors; with a single vector it is the multiply-add's own memory operand. AVX2 has
    no such operand that spreads a number. There tiles are so small that also bind the time until a sum can be added to
    again, and weights, which come from the L2 cache for each tile, or from beyond if they are too many for it.
    """
    multiplies, loads = pixels * vectors / 2, (pixels + vectors) / 2
    if target.lanes != 8:
        return max(multiplies, loads) + _LOOP
    weights = vectors * target.vector_bytes
    stream = weights / (_STREAM if weights * depth <= target.l2_bytes // 4 else _TRICKLE)
    return max(multiplies, _SPREAD * loads, _LATENCY, stream) + _LOOP


def direct_cycles(
    window: Window,
    image: tuple[int, ...],
    out: tuple[int, ...],
    channels: int,
    vectors: int,
    tile: tuple[int, int],
    target: Target,
    tapwise: bool = False,
) -> float:
    """A direct convolution, which skips taps where a whole tile meets only padding. A group's weights of more than half
    an L2 cache do not stay there beside the image, which AVX-512's large tiles feel too, unless they go `tapwise`."""
    p, v = tile
    depth = channels * prod(window.kernel)
    far = target.lanes == 16 and not tapwise and v * target.vector_bytes * depth > target.l2_bytes // 2
    cycles = tile_cycles(p, v, target, depth) + _FAR_AVX512 * v * far
    rows, columns = (
        _taps_met(kernel, dilation, stride, before, size, count, pixels)
        for kernel, dilation, stride, before, size, count, pixels in zip(
            window.kernel, window.dilation, window.stride, window.sides[:2], image, out, (1, p), strict=True
        )
    )
    return rows * columns * ceil(vectors / v) * channels * cycles


def _taps_met(kernel: int, dilation: int, stride: int, before: int, size: int, count: int, pixels: int) -> int:
    """Along one axis, over all tiles of so many `pixels`: the taps that find the image for some pixel."""
    met = 0
    for start in range(0, count, pixels):
        first = min(start, count - pixels) * stride - before
        last = first + (pixels - 1) * stride
        met += sum(last + tap * dilation >= 0 and first + tap * dilation < size for tap in range(kernel))
    return met


def pool_cycles(channels: int, image: tuple[int, ...]) -> float:
    """What a pooling of its own costs: all that it reads."""
    return 4 * channels * prod(image) / _POOL


def fold_cycles(channels: int, image: tuple[int, ...]) -> float:
    """What folding a stride into channels costs, whose numbers are moved one by one."""
    return _FOLD * channels * prod(image)


def rim_cycles(image: tuple[int, ...], rim: Sides, channels: int) -> float:
    """What a rim around an image costs: zeros to write, and caches that hold less of what counts."""
    (height, width), (top, left, below, right) = image, rim
    area = (top + height + below) * (left + width + right) - height * width
    return 2 * 4 * channels * area / _RIM


def best_winograd(
    tiles: int, size: int, channels: int, vectors: int, groups: int, target: Target, images: int = 1
) -> tuple[float, tuple[int, int], bool, int]:
    """The best register tile for Winograd's algorithm on `tiles` of `size` x `size`, whether it holds whole columns of
    points, and how many chunks of tiles make a block; before them the cycles that one thread takes. Unless tiles are
    few, what two take counts as much; but of several `images` at once each thread has its own. A register tile is never
    larger than an image."""
    found, many, most = [], tiles * images, tiles * (BATCH_TILE if images > 1 else 1)
    kinds = [(tile, False) for tile in winograd_tiles(tiles, vectors, target)]
    if fits_columns(channels, size, target):
        kinds.append((column_tile(tiles, size, target), True))
    for tile, columns in kinds:
        for block in winograd_blocks(most, size, channels * groups, vectors * groups, target, tile[0]):
            one, two = (
                winograd_cycles(many, size, channels, vectors, groups, target, tile, columns, block, two)
                for two in (False, True)
            )
            found.append((one + two if tiles > _TILES and images == 1 else one, one / images, tile, columns, block))
    _, cycles, tile, columns, block = min(found, key=itemgetter(0))
    return cycles, tile, columns, block


def images_at_once(batch: int, image: int, weights: int) -> tuple[int, ...]:
    """How many images Winograd's algorithm may take at once: one, or what some threads leave each other of a batch,
    where a place for all images, `image` bytes each, is little beside the weights that they share."""
    many = min(batch, BATCH_TILE) // _SHARERS
    return (1, many) if many > 1 and _BESIDE * BATCH_TILE * image < weights else (1,)


def winograd_cycles(
    tiles: int,
    size: int,
    channels: int,
    vectors: int,
    groups: int,
    target: Target,
    tile: tuple[int, int],
    columns: bool,
    block: int,
    two: bool,
) -> float:
    """One of the `groups` of Winograd's algorithm on `tiles` of `size` x `size` inputs: products, and a transform for
    each register of inputs and of outputs. The first chunk of each block waits for its weights, which the others find
    in the L2 cache. A tile with whole `columns` of points loads weights for few pixels, in the shadow of multiply-adds.

    Of `two` threads the one that has more to do: each transforms the inputs of all blocks that it has a part of, and
    what the other made in the layer before comes from its caches.
    """
    p, v = tile
    chunks = ceil(tiles / p)
    step = p / 2 + _LOOP / size if columns else tile_cycles(p, v, target)
    chunk, weights = channels * step, channels * v * target.vector_bytes
    far, *speeds = _FETCHES_AVX2 if target.lanes == 8 else _FETCHES
    far /= size if columns else 1
    first, again = (max(0.0, weights / speed - chunk) for speed in speeds)
    far *= block * p * channels * size * size * 4 > target.l2_bytes // 2
    products = chunks * (chunk + far) + first + (ceil(chunks / block) - 1) * again
    often = 2 if target.lanes == 8 else 1
    products = ceil(vectors / v) * max(products, weights * often / _MEMORY)
    half = ceil(chunks / block) / 2
    part, inputs = (min(1, half * block / chunks), min(1, ceil(half) * block / chunks)) if two else (1, 1)
    planes, cycles = ceil(channels / target.lanes), (_TRANSFORM_AVX2 if target.lanes == 8 else _TRANSFORM)[size]
    cycles *= _GROUPED if groups > 1 else 1
    back = cycles * (_COLUMNS if columns else 1)
    transforms = planes * inputs * (cycles + two * _OTHER) + vectors * part * back
    return size * size * (products * part + transforms * tiles)


def winograd_tiles(tiles: int, vectors: int, target: Target) -> list[tuple[int, int]]:
    """Pixels and vectors of the register tiles to choose from: the cheapest of each number of vectors, for all tiles
    and, if they are not few, for either half of them. Of many tiles, one vector at a time: the products of several
    would drive data out of the cache. With few registers that is no gain, since LLVM spills sums of one vector (14x1 on
    64 channels of 224 x 224, AVX2: 15.2 ms, 6x2: 12.2 ms)."""
    most = 4 if tiles < _MANY or target.registers < 32 else 1
    counts = (tiles, ceil(tiles / 2)) if tiles > _TILES else (tiles,)
    found = [best_tile(count, v, target, least=v) for v in range(1, most + 1) if vectors % v == 0 for count in counts]
    return list(dict.fromkeys(found))


def fits_columns(channels: int, size: int, target: Target) -> bool:
    """Whether a register tile may hold Winograd's columns of points: their weights stay in the L1 cache, and for
    multiply-adds with memory operands that spread a number, sums may fill the registers."""
    return target.lanes == 16 and channels * size * target.vector_bytes <= target.l1_bytes // 2


def column_tile(tiles: int, size: int, target: Target) -> tuple[int, int]:
    """Tiles whose columns of points fit the registers beside what transforms them, as many as make the fewest chunks
    even, and one vector."""
    most = (target.registers - SPARE) // size
    return ceil(tiles / ceil(tiles / most)), 1


def winograd_blocks(tiles: int, size: int, channels: int, vectors: int, target: Target, pixels: int) -> set[int]:
    """How many chunks of `pixels` tiles are transformed at a time, to choose from: what fits a quarter of the L2 cache,
    and what fits the L3 cache; only that where weights are so many that reading them anew for each block costs more in
    any case. Where they are so few that it costs next to nothing, there are several blocks for threads to share, and
    two in place of one that is large and even."""
    point = 4 * size * size * channels
    weights, chunks = point * vectors * target.lanes, ceil(tiles / pixels)
    rooms = [target.l2_bytes // 4, _OUTER] if weights < _HEAVY * size * size else [_OUTER]
    most = ceil(chunks / _BLOCKS) if weights <= target.l2_bytes // 2 else chunks
    found = set()
    for room in rooms:
        blocks = ceil(chunks / max(1, min(room // (point * pixels), most)))
        if blocks == 1 and tiles > _TILES and chunks % 2 == 0:
            blocks = 2  # for two threads
        found.add(ceil(chunks / blocks))  # none much larger than the others
    return found


def fetches_following(tiles: int) -> bool:
    """Whether so many tiles, which use the same weights, fetch those that follow. More make the first of them, which
    would wait for its weights, count little."""
    return 1 <= tiles <= _TILES


def tiles_together(tiles: int, groups: int, image: int, output: int, weights: int, target: Target) -> int:
    """How many of a direct convolution's tiles meet the weights of all `groups` of output channels before the next ones
    do; none where threads are to have groups of their own, since weights are more bytes than images. All of them,
    unless the image is more than an L3 cache may keep for one core, and weights are less: then it is read but once, in
    pieces (64 to 64 channels of 224 x 224, AVX2: 14.6 ms, in pieces of 64 KiB 5.9)."""
    if weights > max(image, output):
        return 0
    return tiles_in_a_piece(tiles, image, target) if groups > 1 and image > max(_OUTER, weights) else tiles


def tiles_in_a_piece(tiles: int, image: int, target: Target) -> int:
    """How many tiles' share of an image is so small that it stays in a cache beside weights."""
    return max(1, tiles * (target.l2_bytes // 16) // image)


def bytes_ahead(weights: int, block: int, target: Target) -> int:
    """How far ahead a group's weights are fetched where the L2 cache does not keep them from row to row: by whole
    blocks of input channels, so that of a window some of whose taps are skipped the right ones are fetched."""
    return max(1, target.l2_bytes // 8 // block) * block if weights > target.l2_bytes // 4 else 0


def dense_tile(vectors: int, target: Target) -> tuple[int, int]:
    """Images and vectors of a dense layer's tile. A sum waits for its last multiply-add, so that fewer than three at a
    time would leave weights waiting (1280 to 1000 numbers, AVX2: 27 GB/s one by one, 72 by five). Of those numbers the
    one that computes the least twice."""
    group = min((v for v in (4, 3, 5) if v <= vectors), key=lambda v: -(-vectors // v) * v, default=vectors)
    return min(8, (target.registers - group - 1) // group), group


def dot_pixels(outputs: int, columns: int, target: Target) -> int:
    """Pixels of a tile of dot products: the fewest tiles whose sums fit beside the weights and a pixel."""
    return ceil(columns / ceil(columns / ((target.registers - outputs - 1) // outputs)))


def dot_cycles(window: Window, size: tuple[int, int], channels: int, outputs: int, target: Target) -> float:
    """A register of input channels is loaded for each pixel and tap, and one of weights for a tile."""
    pixels = dot_pixels(outputs, size[1], target)
    tap = max(pixels * outputs, pixels + outputs, 2 * _LATENCY) / 2 + _LOOP
    sums = pixels * outputs * _SUM
    return size[0] * ceil(size[1] / pixels) * (tap * prod(window.kernel) * channels / target.lanes + sums)


def depthwise_rooms(window: Window, target: Target, inside: int = 1) -> dict[tuple[int, int], int]:
    """For how many sums there are registers beside the weights of a depthwise window, all or a row of them at a time, a
    pixel and some to spare: by rows and columns of weights. Of groups of several channels `inside` it is always a row,
    of one channel."""
    (high, wide), registers = window.kernel, target.registers
    if window.dilation[1] > 1:
        return {}
    rooms = {(high, wide): registers - high * wide - 2, (1, wide): registers - wide - 4}
    return rooms if inside == 1 else {(1, wide): rooms[1, wide]}


def depthwise_pixels(window: Window, columns: int, target: Target, inside: int = 1) -> int:
    """Pixels of a tile: the fewest tiles whose sums fit beside the weights; where these leave no room to speak of, what
    costs least without them."""
    room = next((room for room in depthwise_rooms(window, target, inside).values() if room >= _FEW), 0)
    return ceil(columns / ceil(columns / room)) if room else best_tile(columns, 1, target)[0]


def depthwise_resident(window: Window, pixels: int, target: Target, inside: int = 1) -> tuple[int, int]:
    """The rows and columns of a depthwise window's weights that stay in registers beside so many sums; perhaps none."""
    rooms = depthwise_rooms(window, target, inside).items()
    return next((weights for weights, room in rooms if pixels <= room), (0, 0))


def pooled_room(pixels: int, vectors: int, target: Target) -> bool:
    """Whether a tile consists of pairs, and beside its sums there are registers for those of the line above."""
    return pixels % 2 == 0 and pixels * vectors * 3 // 2 + vectors + 1 <= target.registers


def best_tile(
    columns: int,
    vectors: int,
    target: Target,
    *,
    half: bool = False,
    least: int = 1,
    most: int = _PIXELS,
    pooled: bool = False,
    depth: int = 0,
) -> tuple[int, int]:
    """Pixels and vectors of the cheapest tile for rows of `columns` pixels and `vectors` registers of output channels,
    of which the last may be a `half`, with no fewer than the `least` vectors and no more than the `most` pixels. Those
    of tiles that are `pooled` make squares with the line above. `depth` is how many products a sum has.

    Tiles of a row may overlap, at the price of what they compute twice, and so may the vectors.
    """
    best, tile = float("inf"), (1, 1)
    for v in range(least, min(vectors, _VECTORS) + 1):
        for p in range(1, min(columns, most, _PIXELS) + 1):
            if p * v + v + 1 > target.registers:
                break
            if pooled and not pooled_room(p, v, target):
                continue
            cycles = tile_cycles(p, v - half / 2 if v == vectors else v, target, depth)
            cycles *= ceil(columns / p) * ceil(vectors / v)
            if cycles < best * 0.999:
                best, tile = cycles, (p, v)
    return tile
