"""The elementwise tail of a region as a kernel's epilogue and the words that it needs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...ir.deferred import Numbers
from ...ir.graph import Node, Value
from ...ir.operator import Array
from ...ir.region import Region
from ...ir.structure import Parameter
from ..buffer import Buffer, extent
from ..kernels.epilogue import Epilogue, Extra, Link, Operand
from ..planner import Planner
from ..program import Address, Word
from .move import broadcast

_COMMUTATIVE = ("add", "mul")  # of two operands in either order there is one kernel


def param(planner: Planner, node: Node, role: str) -> Array:
    """A node's weights as numbers."""
    return np.asarray(deferred(planner, node, role), np.float32)


def deferred(planner: Planner, node: Node, role: str) -> Numbers:
    """A node's weights, perhaps still to be made: whoever packs them asks for the numbers."""
    data = planner.graph.params[node.weights[role]].data
    assert data is not None, "the graph's weights are bound before it is lowered"
    return data


def epilogue(
    planner: Planner, region: Region, base: Value | None = None, bias: Array | None = None, merged: bool = False
) -> tuple[Epilogue, dict[str, Word], list[Buffer]]:
    """The epilogue of a region's kernel, its words, and the buffers that it reads.

    `base` is the value that an elementwise region's kernel loads itself; `bias` has a number a channel. Where rows are
    `merged`, tensors that have a rim have gaps between them.
    """
    output = region.node.output
    extras = [value for value in region.extras if base is None or value.name != base.name]
    links, tables = chain(planner, region, extras)
    tables = tables if bias is None else [bias, *tables]
    kinds: list[Extra] = []
    words: dict[str, Word] = {}
    reads: list[Buffer] = []
    for i, value in enumerate(extras):
        kind, where, plane, row, buffer = _extra(planner, value, output)
        kinds.append(kind)
        words |= {f"extra{i}": where, f"extra{i}_plane": plane, f"extra{i}_row": row}
        if merged and kind == "tensor" and buffer and not buffer.is_solid:
            kinds[i], words[f"extra{i}_gap"] = "rimmed", buffer.gap_bytes
        reads += [buffer] if buffer else []
    if tables:
        words["tables"] = planner.constant(f"{region.node.name} tables", pack_tables(tables, output, planner.lanes))
    return Epilogue(links, tuple(kinds), bias is not None), words, reads


def chain(planner: Planner, region: Region, extras: Sequence[Value]) -> tuple[tuple[Link, ...], list[Array]]:
    """The links of a region's tail and their tables; what it reads is an extra, an earlier result, or result 0."""
    operands = {region.anchor.output.name: Operand("result", 0)} if region.anchor else {}
    for inside, outside in region.outer.items():
        operands[inside] = Operand("extra", extras.index(outside)) if outside in extras else Operand("result", 0)
    links: list[Link] = []
    tables: list[Array] = []
    for node, read in region.tail:
        named = node.op.tables(**{role: param(planner, node, role) for role in node.weights})
        tables += named.values()
        given = [operands[value.name] for value in read]
        if len(given) == 2 and node.op.name in _COMMUTATIVE:
            given.sort(key=lambda operand: (operand.kind, operand.index))
        links.append(Link(node.op, tuple(given), tuple(named)))
        operands[node.output.name] = Operand("result", len(links))
    return tuple(links), tables


def pack_tables(tables: Sequence[Array], output: Value, lanes: int) -> Array:
    """`[block][table][lane]`, zeros past the last channel."""
    channels = extent(output)[0]
    packed = np.zeros((-(-channels // lanes) * lanes, len(tables)), np.float32)
    for t, table in enumerate(tables):
        packed[:channels, t] = table
    return packed.reshape(-1, lanes, len(tables)).transpose(0, 2, 1)


def _extra(planner: Planner, value: Value, output: Value) -> tuple[Extra, Word, int, int, Buffer | None]:
    """How an extra operand is read: kind, address, bytes from block to block and row to row, and its buffer."""
    producer, (channels, height, width) = planner.graph.producer(value), extent(output)
    if isinstance(producer.op, Parameter):
        data = param(planner, producer, "value")
        own = data.shape[max(0, data.ndim - output.type.rank + 1) :]  # without a batch of 1, if it has one
        own = (1,) * (output.type.rank - 1 - len(own)) + own
        flat = all(size == 1 for size in own[1:])
        sizes, to = ((channels, 1, 1),) * 2 if flat else (output.type.known, (channels, height, width))
        full = np.broadcast_to(data.reshape(-1, 1, 1) if flat else data.reshape(own), sizes).reshape(to)
        packed = pack_blocks(full, planner.lanes)
        plane, row = packed[0].nbytes, packed[0, 0].nbytes
        return "channel" if flat else "tensor", planner.constant(value.name, packed), plane, row, None
    buffer, (c, h, w) = planner.operand(value), extent(value)
    if (c, h, w) != (channels, height, width) and (h, w) != (1, 1):
        buffer = broadcast(planner, value, output)
        (c, h, w) = (channels, height, width)
    if (c, h, w) == (channels, height, width):
        return "tensor", Address(buffer), buffer.plane_bytes, buffer.row_bytes, buffer
    return ("number", Address(buffer), 0, 0, buffer) if c == 1 else (
        "channel", Address(buffer), buffer.plane_bytes, 0, buffer,
    )  # fmt: skip


def pack_blocks(data: Array, lanes: int) -> Array:
    """`[channel][row][pixel]` as `[block][row][pixel][lane]`, zeros past the last channel."""
    blocks = -(-len(data) // lanes)
    padded = np.zeros((blocks * lanes, *data.shape[1:]), np.float32)
    padded[: len(data)] = data
    return np.ascontiguousarray(padded.reshape(blocks, lanes, *data.shape[1:]).transpose(0, 2, 3, 1))
