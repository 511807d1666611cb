"""Choices that somebody else made: read from text, and held against what the layers allow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches

from ...runtime.errors import TargetError
from ..ir.region import Region
from ..ops.conv import Conv, ConvTranspose
from .cost import SPARE
from .phases import phases
from .schedule import BATCH_TILE, WINOGRAD, WITHIN_VECTORS, Choice
from .target import Target
from .tiles import filterings, fits_dot, fits_tapwise, tiles

CODE = "E0506"
_CONVOLUTIONS = ("direct", "tapwise", "dot", *WINOGRAD)


def read_choices(text: str) -> dict[str, Choice]:
    """The choices of a schedule as it prints: a line a node, with two spaces between its name, its choice and what
    follows, which does not count. Lines without a choice may stay. Raises `TargetError` for a line of another form."""
    choices = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, *rest = re.split(r"\s{2,}", line.strip())
        if not name or name.startswith(("#", "target ")):
            continue
        if not rest:
            raise TargetError(f"line {number} of the schedule names no choice: `{line.strip()}`", code=CODE)
        try:
            choices[name] = Choice.read(rest[0])
        except ValueError:
            if not re.match(r"planar|NCHW\d+c", rest[0]):
                message = f"line {number} of the schedule is no choice: `{rest[0]}`"
                raise TargetError(message, code=CODE, help="as in `direct 14x2`, `winograd4 7x2 block 2`") from None
    return choices


def require_known(given: Mapping[str, Choice], names: list[str]) -> None:
    """Raises `TargetError` for a choice for no node."""
    for name in given:
        if name not in names:
            near = get_close_matches(name, names, 1)
            help = f"did you mean `{near[0]}`?" if near else "`cnnc compile --emit schedule` lists the layers"
            raise TargetError(f"the schedule names `{name}`, and no layer is called so", code=CODE, help=help)


def require_fit(region: Region, given: Choice, default: Choice, rimmed: bool, target: Target) -> None:
    """Raises `TargetError` for a choice that a layer does not allow; `default` is what it would have been, and the
    layer's output may be `rimmed`."""
    if given == default:
        return
    reason = _misfit(region, given, default, rimmed, target)
    if reason:
        message = f"the schedule's `{given}` does not fit `{region.node.name}`: {reason}"
        raise TargetError(message, code=CODE, help=f"it would have been `{default}`")


def _misfit(region: Region, given: Choice, default: Choice, rimmed: bool, target: Target) -> str:
    """Why not, or nothing."""
    family = _CONVOLUTIONS if default.algorithm in _CONVOLUTIONS else (default.algorithm,)
    if given.algorithm not in family:
        return f"it can be {' or '.join(family)}"
    if default.algorithm not in (*_CONVOLUTIONS, *WITHIN_VECTORS, "transposed", "dense"):
        return "there is nothing to choose"
    if given.merged != default.merged:
        return f"rows are {'' if default.merged else 'not '}merged here"
    if (given.block > 1 or given.batched) and given.algorithm not in WINOGRAD:
        return "only Winograd's algorithm has blocks, and takes images together"
    if given.columns and (given.algorithm not in WINOGRAD or given.vectors > 1):
        return "only Winograd's algorithm has columns, and takes one vector of them"
    columns, vectors = _room(region, given, default, rimmed, target)
    if columns == 0 and given.algorithm == "tapwise":
        return "`tapwise` takes whole vectors of input channels, and no groups"
    if columns == 0 and given.algorithm == "dot":
        return "`dot` takes whole vectors of input channels, few output channels, and no groups"
    if columns == 0:
        _, taps, stride = WINOGRAD[given.algorithm]
        size = f"{taps}x{taps}, stride {stride}" if stride > 1 else f"{taps}x{taps} counted in strides"
        return f"`{given.algorithm}` takes windows of {size}, and enough channels"
    if not 1 <= given.pixels <= columns:
        return f"a tile can have 1 to {columns} pixels"
    chunks = -(-columns * (BATCH_TILE if given.batched else 1) // given.pixels)
    if given.algorithm in WINOGRAD and not 1 <= given.block <= chunks:
        return f"a block can have 1 to {chunks} tiles"
    if not 1 <= given.vectors <= vectors:
        return f"a tile can have 1 to {vectors} vectors"
    if given.algorithm in WINOGRAD and vectors % given.vectors:
        return f"{given.vectors} does not divide its {vectors} vectors of channels"
    sums = region.node.output.type.known[0] if given.algorithm == "dot" else given.vectors  # of a pixel
    needed = given.pixels * sums + sums + 1
    if given.columns:
        needed = given.pixels * WINOGRAD[given.algorithm].size + SPARE
    return f"it needs {needed} registers of {target.registers}" if needed > target.registers else ""


def _room(region: Region, given: Choice, default: Choice, rimmed: bool, target: Target) -> tuple[int, int]:
    """The most pixels that a tile can have, none where the algorithm is not for this layer, and the vectors of output
    channels that it may divide."""
    assert region.anchor is not None
    op, (x, *_), y = region.anchor.op, region.operands, region.node.output
    out, height, width = (*y.type.known, 1, 1)[:3]
    if default.algorithm == "dense":
        return target.registers, -(-out // target.lanes)
    if default.algorithm in WITHIN_VECTORS:
        return width, 1
    if isinstance(op, ConvTranspose):
        columns = min(phase.count for phase in phases(op, x.type.known[1:], (height, width))[1])
        return columns, -(-(op.channels // op.groups) // target.lanes)
    assert isinstance(op, Conv)
    vectors = -(-(out // op.groups) // target.lanes)
    if given.algorithm == "tapwise":
        return width * fits_tapwise(op, x.type.known[0], target.lanes), vectors
    if given.algorithm == "dot":
        return width * fits_dot(op, x.type.known[0], target.lanes), 1
    if given.algorithm not in WINOGRAD:
        return (height * width if given.merged and not rimmed else width), vectors
    if given.algorithm not in filterings(op, x.type.known[0] // op.groups, target.lanes):
        return 0, vectors
    return len(tiles(op.window(x.type), height, width, WINOGRAD[given.algorithm].outputs)), vectors
