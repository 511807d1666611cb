"""From graph and schedule to a program: `Planner` is what lowerings talk to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from ...runtime.abi import DTYPES
from ...runtime.errors import InternalError
from ..ir.graph import Graph, Node, Value
from ..ir.operator import Array
from ..ir.region import Region
from ..ir.structure import Input, Parameter
from ..schedule.schedule import POOLED, Layout, Schedule
from . import moves
from .buffer import Buffer, extent
from .kernels.epilogue import Epilogue
from .kernels.image import Image
from .packed import Packed
from .program import Address, Constant, Kernel, Program, Step, Word


class Planner:
    """Builds a program: lowerings ask it for the buffers of values, and give it steps."""

    def __init__(self, graph: Graph, schedule: Schedule):
        self.graph, self.schedule, self.lanes = graph, schedule, schedule.target.lanes
        self.program = Program(graph.unbound(), schedule)
        self._buffers: dict[str, Buffer] = {}
        self._node: Node | None = None
        self._values = {value.name: value for node in graph.nodes() for value in node.outputs}

    def begin(self, node: Node) -> None:
        """Steps from here on are this node's."""
        self._node = node

    # Buffers

    def port(self, kind: str, index: int, value: Value) -> Buffer:
        """The caller's array for an input or output."""
        return Buffer(f"{kind} {value.name}", *extent(value), Layout(1), port=(kind, index), dtype=value.type.dtype)

    def operand(self, value: Value) -> Buffer:
        """The buffer in which a value lies; a graph input is fetched from the caller's array when first asked for, or
        read there if it is the same number for number."""
        if value.name not in self._buffers:
            producer = self.graph.producer(value)
            if not isinstance(producer.op, Input):
                raise InternalError(f"`{value.name}` is read before it is computed")
            source = self.port("input", self.graph.inputs.index(value), value)
            layout = self.schedule.layouts[value.name]
            if value.type.dtype == "i64" or (value.type.dtype == "f32" and layout == source.layout):
                self.alias(value, source)  # no float of the arena holds every i64
            else:
                self.load_image(source, self.buffer(value), Epilogue(), {})
        return self._buffers[value.name]

    def result(self, value: Value) -> Buffer:
        """The buffer for a value that is about to be computed, its rim zeroed."""
        buffer = self.buffer(value)
        self._zero_rim(buffer)
        return buffer

    def buffer(self, value: Value) -> Buffer:
        """The buffer for a value, inside another one where the schedule says so; nothing is written."""
        if value.name not in self._buffers:
            place = self.schedule.places.get(value.name)
            layout, root, first = self.schedule.layouts[value.name], None, 0
            if place:
                outer = self.buffer(self._values[place.root])
                root, first = outer.storage, outer.first + place.first
            self._buffers[value.name] = Buffer(value.name, *extent(value), layout, root, first)
        return self._buffers[value.name]

    def alias(self, value: Value, buffer: Buffer) -> None:
        """A value that needs no step: it lies in a buffer that exists already."""
        self._buffers[value.name] = buffer

    def pooling(self, value: Value) -> Node | None:
        """The node that pools a value, where whoever computes the value is to store only what it gives."""
        reader = self.graph.sole_reader(value)
        return reader if reader and self.schedule.choices[reader.name].algorithm == POOLED else None

    # Steps

    def constant(self, name: str, data: Array | Packed) -> Constant:
        """Put numbers beside the program; `name` says what it is, a number is added where that is taken."""
        base, k = name, 1
        while name in self.program.constants:
            k += 1
            name = f"{base} {k}"
        self.program.constants[name] = data if isinstance(data, Packed) else Packed.of(data)
        return Constant(name)

    def step(
        self,
        kernel: Kernel,
        words: Mapping[str, Word],
        reads: Sequence[Buffer],
        writes: Sequence[Buffer],
        scratch: int = 0,
        once: bool = False,
    ) -> None:
        """Add a step; `words` are the kernel's arguments by name, no more and no less."""
        wanted = [name.lstrip("@") for name in kernel.arguments]
        if set(wanted) != set(words):
            raise InternalError(f"{type(kernel).__name__} wants {sorted(wanted)}, got {sorted(words)}")
        family = type(kernel).__name__.lower()
        symbol = self.program.kernels.setdefault(kernel, f"{family}_{len(self.program.kernels)}")
        node = self._node.name if self._node else "input"
        spans = self._node.spans if self._node else ()
        ordered = tuple(words[name] for name in wanted)
        self.program.steps.append(Step(symbol, ordered, tuple(reads), tuple(writes), node, spans, scratch, once))

    def _zero_rim(self, buffer: Buffer) -> None:
        if not buffer.is_solid:
            self.step(*moves.rim(buffer), [], [buffer])

    def planar(self, buffer: Buffer) -> Buffer:
        """The same numbers in NCHW order without a gap: the buffer itself if it is so, or a copy."""
        flat = buffer.beside()
        if flat.storage is not buffer.storage:
            self.copy(buffer, flat, buffer.channels)
        return flat

    def copy(self, source: Buffer, target: Buffer, channels: int, source_first: int = 0, target_first: int = 0) -> None:
        """Move channels between buffers of the same height and width; the caller's array may be of another type."""
        self.step(*moves.copy(source, target, channels, source_first, target_first, self.lanes), [source], [target])

    def load_image(self, source: Buffer, target: Buffer, epilogue: Epilogue, tables: Mapping[str, Word]) -> None:
        """The caller's array into the arena, through a chain of elementwise operators, into the target's layout and
        with its rim."""
        channels, rows, columns = target.channels, target.height, target.width
        # A row of numbers is the same in every layout; but tables go by channel, and it is one channel then.
        flat = rows == columns == 1 and target.is_solid and not epilogue.tables
        if flat:
            channels, columns = 1, channels
        planar = target.layout.block == 1 or flat
        if not planar:
            self._zero_rim(target)
        if not planar and source.dtype == "f32" and not epilogue.links:
            return self.copy(source, target, channels)
        image = target if planar else Buffer(f"{target.name} planar", channels, rows, columns, Layout(1))
        top, left, bottom, right = image.layout.rim
        words: dict[str, Word] = {
            "input": Address(source), "output": Address(image),
            "channels": channels, "rows": rows, "columns": columns,
            "output_plane": image.plane_bytes, "output_row": image.row_bytes,
            "before": top * image.row_bytes + left * image.pixel_bytes, "between": image.gap_bytes,
            "after": right * image.pixel_bytes + bottom * image.row_bytes, **tables,
        }  # fmt: skip
        self.step(Image("u8" if source.dtype == "u8" else "f32", epilogue), words, [source], [image])
        if not planar:
            self.copy(image, target, channels)


Lowering: TypeAlias = Callable[[Planner, Region], None]


def plan(graph: Graph, schedule: Schedule, lowerings: Mapping[str, Lowering]) -> Program:
    """Lower every node by the algorithm that the schedule chose for it, then hand the outputs over."""
    planner = Planner(graph, schedule)
    for node in graph.nodes():
        if not isinstance(node.op, Input | Parameter):
            planner.begin(node)
            lowerings[schedule.choices[node.name].algorithm](planner, Region.of(graph, node))
    for index, (name, value) in enumerate(graph.outputs.items()):
        producer = graph.producer(value)
        if isinstance(producer.op, Parameter):
            data = graph.params[producer.weights["value"]].data
            assert data is not None
            planner.program.fixed[name] = planner.constant(f"output {name}", np.asarray(data, DTYPES[value.type.dtype]))
            continue
        source, target = planner.operand(value), planner.port("output", index, Value(name, value.type))
        if target.height == target.width == 1 and source.is_solid and value.type.dtype == "f32":
            planner.load_image(source, target, Epilogue(), {})
        else:
            planner.copy(source, target, source.channels)
    return planner.program
