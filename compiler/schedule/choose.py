"""The schedule of a graph: an algorithm and a tile for each node, a layout for each value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

from ...runtime.errors import TargetError
from ..ir.graph import Graph, Node, Value
from ..ir.region import Region
from ..ir.structure import Input, Parameter
from ..ops.conv import Conv, ConvTranspose, Depthwise, Window
from ..ops.pool import AvgPool, MaxPool
from ..ops.shape import Concat, Slice, Split
from .cost import (
    best_tile,
    best_winograd,
    dense_tile,
    depthwise_pixels,
    depthwise_resident,
    direct_cycles,
    dot_cycles,
    dot_pixels,
    fold_cycles,
    halves_last,
    images_at_once,
    pool_cycles,
    pooled_room,
    rim_cycles,
)  # fmt: skip
from .overrides import require_fit, require_known
from .phases import phases, rim_of_phases
from .schedule import POOLED, WINOGRAD, WITHIN_VECTORS, Choice, Layout, Place, Schedule, Sides
from .target import Target
from .tiles import filterings, fits_dot, fits_tapwise, folding, rim_of_tiles, tiles

LOSSES = ("mse", "cross_entropy")
_PLAIN = {
    "maxpool": "pool", "avgpool": "pool", "adaptive_avgpool": "pool",
    "global_avgpool": "pool", "global_maxpool": "pool",
    "softmax": "softmax", "log_softmax": "softmax", "lrn": "lrn",
    "flatten": "reshape", "reshape": "reshape", "identity": "reshape", "dropout": "reshape",
    "instancenorm": "normalize", "groupnorm": "normalize", "layernorm": "normalize",
    "sum": "reduce", "mean": "reduce", "argmax": "reduce", "resize": "resize", "upsample": "resize",
    "transpose": "move", "pad": "move", "crop": "move", "pixel_shuffle": "move", "channel_shuffle": "move",
    **{name: name for name in LOSSES},
}  # fmt: skip
_ALONG = {"concat": ("concat", "join"), "slice": ("slice", "cut"), "split": ("slice", "cut")}  # channels, another axis
ANCHORS = frozenset({"conv", "depthwise", "conv_transpose", "dense", *_PLAIN, *_ALONG})  # with kernels of their own
ALGORITHMS = (
    "direct", "tapwise", "dot", *WINOGRAD, "gather", "depthwise", "grouped", "transposed", "transposed gather", "dense",
    "image", "map",
    *dict.fromkeys(_PLAIN.values()), POOLED, *dict.fromkeys(name for pair in _ALONG.values() for name in pair),
)  # fmt: skip


def choose(
    graph: Graph, target: Target, *, exact: bool = False, batch: int = 1, given: Mapping[str, Choice] = {}
) -> Schedule:
    """Decide everything that is decided before addresses. Raises `TargetError` for what has no native code.

    `exact` leaves out what trades accuracy for speed; `batch` is for how many images the choices should be good;
    `given` decides for the nodes that it names.
    """
    regions = [Region.of(graph, n) for n in graph.nodes() if not isinstance(n.op, Input | Parameter)]
    _require_supported(graph, regions)
    schedule = Schedule(target, places=_places(graph, regions, target.lanes))
    require_known(given, [region.node.name for region in regions])
    windowed = {region.node.name: _windowed(graph, region, target, exact, batch) for region in regions}
    chosen = {name: choice and given.get(name, choice) for name, choice in windowed.items()}
    rims = _rims(regions, schedule.places, chosen, target)
    for region in regions:
        name = region.node.name
        default = windowed[name] or _choice(graph, region, schedule, rims)
        schedule.choices[name] = given.get(name, default)
        require_fit(region, schedule.choices[name], default, _rimmed(region, schedule, rims), target)
    for node in graph.nodes():
        for value in node.outputs:
            if not isinstance(node.op, Parameter):
                block = 1 if _is_planar(graph, value, schedule) else target.lanes
                rim = rims.get(_root(schedule.places, value.name), (0, 0, 0, 0))
                schedule.layouts[value.name] = Layout(block, rim)
    return schedule


def _choice(graph: Graph, region: Region, schedule: Schedule, rims: dict[str, Sides]) -> Choice:
    target, anchor = schedule.target, region.anchor
    if anchor is None:
        chain = len(region.extras) == 1 and all(len(operands) == 1 for _, operands in region.tail)
        from_user = isinstance(graph.producer(region.extras[0]).op, Input) and region.extras[0].type.rank == 4
        return Choice("image") if from_user and chain else Choice("map")
    op, out = anchor.op, anchor.output.type
    if isinstance(op, Conv):
        return _convolution(op, region, schedule, rims)
    if op.name == "dense":
        return Choice("dense", *dense_tile(-(-out.known[0] // target.lanes), target))
    if isinstance(op, ConvTranspose):
        return _transposed(op, region, target)
    if isinstance(op, Concat | Slice | Split):
        return Choice(_ALONG[op.name][op.axis != 1])
    if isinstance(op, MaxPool | AvgPool) and _follows_tiles(graph, region, schedule):
        return Choice(POOLED)
    return Choice(_PLAIN[op.name])


def _follows_tiles(graph: Graph, region: Region, schedule: Schedule) -> bool:
    """Whether a pooling takes its squares from the tiles of a convolution, which consist of such: Winograd's where
    their sides are even, direct ones where they leave room for the line above."""
    producer = graph.producer(region.operands[0])
    choice = schedule.choices.get(producer.name)
    if choice is None or (pooling := _pooling(graph, Region.of(graph, producer))) is None:
        return False
    if choice.algorithm in WINOGRAD:
        return pooling == "maxpool" and WINOGRAD[choice.algorithm].outputs % 2 == 0
    direct = choice.algorithm == "direct" and not choice.merged
    return direct and pooled_room(choice.pixels, choice.vectors, schedule.target)


def _pooling(graph: Graph, region: Region) -> str | None:
    """The operator, where of a convolution nothing but the maxima or means of squares of 2 x 2 is read, by one."""
    (y, *_) = region.node.outputs
    reader = graph.sole_reader(y)
    pool = Region.of(graph, reader) if reader else None
    if pool is None or pool.anchor is None or not isinstance(op := pool.anchor.op, MaxPool | AvgPool) or pool.tail:
        return None
    if region.anchor is None or not isinstance(region.anchor.op, Conv) or region.extras:
        return None
    window = op.window(y.type)
    squares = window.kernel == window.stride == (2, 2) and not (any(window.sides) or window.ceil)
    return op.name if squares and window.dilation == region.anchor.op.dilation == (1, 1) else None


def _transposed(op: ConvTranspose, region: Region, target: Target) -> Choice:
    inside, outside = region.operands[0].type.known[0] // op.groups, op.channels // op.groups
    if op.groups > 1 and (inside % target.lanes or outside % target.lanes):
        return Choice("transposed gather")
    image, out = region.operands[0].type.known[1:], region.node.output.type.known[1:]
    columns = min(phase.count for phase in phases(op, image, out)[1])
    return Choice("transposed", *best_tile(columns, -(-outside // target.lanes), target))


def _convolution(op: Conv, region: Region, schedule: Schedule, rims: dict[str, Sides]) -> Choice:
    """What only a convolution of single pixels is left to decide: whether rows are merged. Without rims they are. One
    that leaves pixels out collects the others before, and one whose output has a rim, or a tensor that is added to it,
    steps over that where a row ends, if either takes less that way."""
    target, lanes = schedule.target, schedule.target.lanes
    (x,), y = region.operands, region.node.output
    channels, (out, height, width) = x.type.known[0], y.type.known
    inside, outside = channels // op.groups, out // op.groups
    if op.groups > 1 and (inside % lanes or outside % lanes):
        return Choice("gather")
    if fits_dot(op, channels, lanes):
        return Choice("dot", dot_pixels(out, width, target))
    strided, rimmed = op.stride != (1, 1), _rimmed(region, schedule, rims)
    solid = strided or _root(schedule.places, x.name) not in rims
    vectors, half = -(-outside // lanes), halves_last(outside, lanes)
    apart = best_tile(width, vectors, target, half=half)
    merged = best_tile(height * width, vectors, target, half=half, most=width if rimmed else height * width)
    if solid and (strided or rimmed):
        row, single = (1, height * width), Window((1, 1), (1, 1), (0, 0, 0, 0), (1, 1))
        rows = direct_cycles(op.window(x.type), x.type.known[1:], (height, width), channels, vectors, apart, target)
        one = direct_cycles(single, row, row, channels, vectors, merged, target)
        collecting = 2 * pool_cycles(channels, (height, width)) if strided else 0.0
        solid = channels >= lanes and one + collecting < rows
    return Choice("direct", *(merged if solid else apart), solid)


def _rimmed(region: Region, schedule: Schedule, rims: dict[str, Sides]) -> bool:
    """Whether the output, or a tensor that is read beside it, has a rim."""
    y = region.node.output
    beside = (y, *(value for value in region.extras if value.type.known == y.type.known))
    return any(_root(schedule.places, value.name) in rims for value in beside)


def _windowed(graph: Graph, region: Region, target: Target, exact: bool, batch: int) -> Choice | None:
    """The choice for a convolution whose windows have several taps or reach past the image, whose outputs are pooled
    while it leaves pixels out, or whose groups lie within a vector; whether its tensors have rims makes no difference
    to it. Cycles are those of a group."""
    if region.anchor is None or not isinstance(op := region.anchor.op, Conv | Depthwise):
        return None
    if choice := _within_vectors(op, region, target):
        return choice
    assert isinstance(op, Conv)
    (x,), y = region.operands, region.node.output
    (channels, *image), (out, *size) = x.type.known, y.type.known
    window, inside, outside = op.window(x.type), channels // op.groups, out // op.groups
    pooling, pointwise = _pooling(graph, region), op.kernel == (1, 1) and not any(window.sides)
    if pointwise and (op.stride == (1, 1) or not pooling):
        return None
    if op.groups > 1 and (inside % target.lanes or outside % target.lanes):
        return None
    vectors = -(-outside // target.lanes)
    half = halves_last(outside, target.lanes)
    apart = pool_cycles(outside, tuple(size)) if pooling else 0.0
    depth = inside * prod(op.kernel)
    tile = best_tile(size[1], vectors, target, half=half, depth=depth)
    heavy = target.vector_bytes * tile[1] * depth > target.l2_bytes
    tapwise = heavy and not pooling and fits_tapwise(op, channels, target.lanes)
    cycles = direct_cycles(window, tuple(image), tuple(size), inside, vectors, tile, target, tapwise)
    if pooling:
        small = best_tile(size[1] // 2 * 2, vectors, target, half=half, pooled=True, depth=depth)
        together = direct_cycles(window, tuple(image), tuple(size), inside, vectors, small, target)
        cycles, tile = min((cycles + apart, tile), (together, small))
    choice = Choice("tapwise" if tapwise else "direct", *tile)
    if fits_dot(op, channels, target.lanes) and not pooling:
        dot = dot_cycles(window, (size[0], size[1]), channels, out, target)
        if dot < cycles:
            cycles, choice = dot, Choice("dot", dot_pixels(out, size[1], target))
    if exact or not (algorithms := filterings(op, inside, target.lanes)):
        return choice
    cycles += rim_cycles(tuple(image), _rim_of(choice, op, x, y, target), inside)
    for algorithm, filtering in algorithms.items():
        if pooling == "maxpool" and filtering.outputs % 2:
            continue
        count, points = len(tiles(window, size[0], size[1], filtering.outputs)), filtering.size
        rim = rim_cycles(tuple(image), _rim_of(Choice(algorithm), op, x, y, target), inside)
        fold = folding(window, filtering)
        rim += fold_cycles(inside, tuple(image)) if fold > 1 else 0.0
        deep = inside * fold**2
        weights = 4 * points**2 * deep * vectors * target.lanes * op.groups
        for images in images_at_once(batch, 4 * (prod(x.type.known) + prod(y.type.known)), weights):
            needed, tile, columns, block = best_winograd(count, points, deep, vectors, op.groups, target, images)
            needed += rim + (apart if pooling == "avgpool" else 0.0)
            if needed < cycles * 0.999:
                ways = {"columns": columns, "block": block, "batched": images > 1}
                cycles, choice = needed, Choice(algorithm, *tile, **ways)
    return choice


def _within_vectors(op: Conv | Depthwise, region: Region, target: Target) -> Choice | None:
    """The choice for a convolution whose groups lie within a vector, a channel each or more."""
    (x,), y, lanes = region.operands, region.node.output, target.lanes
    channels, (out, _, width), window = x.type.known[0], y.type.known, op.window(x.type)
    if isinstance(op, Depthwise) or op.groups == channels == out:
        return Choice("depthwise", depthwise_pixels(window, width, target))
    inside, outside = channels // op.groups, out // op.groups
    if op.groups > 1 and inside == outside and lanes % inside == 0 and inside < lanes:
        return Choice("grouped", depthwise_pixels(window, width, target, inside))
    return None


def _require_supported(graph: Graph, regions: list[Region]) -> None:
    """All has native code but tensors that are made of a loss: it is known after the last image, when all have gone."""
    joined: set[str] = set()  # made of losses
    for region in regions:
        node = region.node
        if region.anchor and region.anchor.op.name in LOSSES:
            joined.add(node.output.name)
        elif read := {v.name for v in graph.operands(node)} & joined:
            joined.update(value.name for value in node.outputs)
            if any(value.type.rank for value in node.outputs):
                raise _unsupported(region, read)


def _unsupported(region: Region, joined: set[str]) -> TargetError:
    """Its elementwise operator that makes a tensor of a loss."""
    outer = {inside for inside, outside in region.outer.items() if outside.name in joined}
    node = next(node for node, operands in region.tail if any(value.name in outer for value in operands))
    where = f" ({node.spans[0]})" if node.spans else ""
    message = f"no native code yet for `{node.op.name}` that makes a tensor of a loss, at `{node.name}`{where}"
    help = "a loss is known after the last image; `cnnc.interpret`, or `--interpret`, runs it in NumPy"
    return TargetError(message, code="E0504", help=help)


def _places(graph: Graph, regions: list[Region], lanes: int) -> dict[str, Place]:
    """Which values live inside others: what a concatenation joins, and what a slice or split takes."""
    places: dict[str, Place] = {}
    for region in reversed(regions):
        if region.anchor is None or not isinstance(region.anchor.op, Concat) or region.anchor.op.axis != 1:
            continue
        first, output = 0, region.node.output.name
        for value in region.operands:
            if first % lanes == 0 and value.name not in places and _writes(graph, value, region.operands):
                base = places.get(output, Place(output, 0))
                places[value.name] = Place(base.root, base.first + first // lanes)
            first += value.type.known[0]
    for region in regions:
        if region.anchor is not None and isinstance(region.anchor.op, Slice | Split) and region.anchor.op.axis == 1:
            (source,) = region.operands
            base = places.get(source.name, Place(source.name, 0))
            for value, first in zip(region.node.outputs, first_indices(region.anchor, 1), strict=True):
                if first % lanes == 0 and value.name not in places and not isinstance(graph.producer(source).op, Input):
                    places[value.name] = Place(base.root, base.first + first // lanes)
    return places


def first_indices(node: Node, axis: int) -> Iterator[int]:
    """Where each output of a slice or split along an axis begins."""
    first = node.op.start if isinstance(node.op, Slice) else 0
    for value in node.outputs:
        yield first
        first += value.type.known[axis - 1]


def _writes(graph: Graph, value: Value, operands: tuple[Value, ...]) -> bool:
    """Whether the value's producer stores into a buffer of its own choosing, and the concatenation takes it once."""
    op = graph.producer(value).op
    views = ("slice", "split", "flatten", "reshape", "identity", "dropout")
    return not isinstance(op, Input | Parameter) and op.name not in views and operands.count(value) == 1


def _root(places: dict[str, Place], name: str) -> str:
    return places[name].root if name in places else name


def _rims(
    regions: list[Region], places: dict[str, Place], windowed: Mapping[str, Choice | None], target: Target
) -> dict[str, Sides]:
    """By root: the rim that its widest reader wants."""
    rims: dict[str, Sides] = {}
    for region in regions:
        if region.anchor is None or not isinstance(region.anchor.op, Conv | Depthwise | ConvTranspose):
            continue
        x, y = region.operands[0], region.anchor.output
        root, op = _root(places, x.name), region.anchor.op
        choice = windowed.get(region.node.name)
        if isinstance(op, ConvTranspose):
            want = rim_of_phases(op, x.type.known[1:], y.type.known[1:])
        else:
            want = _rim_of(choice or Choice("gather"), op, x, y, target)  # what is left wants all of it
        if not any(want):
            continue
        rims[root] = tuple(map(max, rims.get(root, want), want))  # type: ignore[assignment]
    return rims


def _rim_of(choice: Choice, op: Conv | Depthwise, x: Value, y: Value, target: Target) -> Sides:
    """The rim that a convolution's algorithm wants. A direct one skips rows outside of the image, and columns that are
    outside for a whole tile; one within vectors reads zeros in place of all of them, if it has a row of weights at
    hand."""
    window = op.window(x.type)
    if choice.algorithm in WINOGRAD:
        filtering = WINOGRAD[choice.algorithm]
        return rim_of_tiles(window, x.type.known[1:], y.type.known[1:], filtering)
    top, left, bottom, right = window.overhang(x.type.known[1:], y.type.known[1:])
    if choice.algorithm in WITHIN_VECTORS:
        inside = x.type.known[0] // getattr(op, "groups", x.type.known[0])
        if any(depthwise_resident(window, choice.pixels, target, inside)):
            return 0, 0, 0, 0
    if choice.algorithm in ("direct", "tapwise"):
        reach = (choice.pixels - 1) * op.stride[1]
        return 0, min(left, reach), 0, min(right, reach)
    return top, left, bottom, right


def _is_planar(graph: Graph, value: Value, schedule: Schedule) -> bool:
    """Images with few channels stay planar where only convolutions read them that are direct, or fold their stride: no
    lane is wasted."""
    producer = graph.producer(value)
    image = isinstance(producer.op, Input) or schedule.choices[producer.name].algorithm == "image"
    if not image or value.type.rank != 4 or value.type.known[0] >= schedule.target.lanes or graph.is_output(value):
        return False
    readers = [Region.of(graph, node) for node, _ in graph.readers(value)]
    return all(
        _reads_planar(r, schedule.choices[r.node.name]) and value in r.operands and value not in r.extras
        for r in readers
    )


def _reads_planar(region: Region, choice: Choice) -> bool:
    if choice.algorithm not in WINOGRAD:
        return choice.algorithm == "direct"
    assert region.anchor is not None
    assert isinstance(region.anchor.op, Conv)
    window = region.anchor.op.window(region.operands[0].type)
    return folding(window, WINOGRAD[choice.algorithm]) > 1
