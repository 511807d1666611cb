"""The program: steps over buffers. Addresses are still names here; `memory` gives them numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

import numpy as np

from ...runtime.abi import ALIGNMENT, DTYPES
from ...runtime.errors import InternalError
from ..diagnostics import Span
from ..ir.graph import Graph, Node, Value
from ..ir.operator import Array
from ..ir.region import Region
from ..ir.structure import Input, Parameter
from ..ir.types import DType
from ..schedule.schedule import POOLED, Layout, Schedule
from .emit import Emitter
from .kernels.copy import Copy
from .kernels.epilogue import Epilogue
from .kernels.image import Image
from .kernels.rim import Rim
from .kernels.shuffle import Shuffle
from .kernels.transpose import Transpose
from .packed import Packed


class Kernel(Protocol):
    """A frozen dataclass: equal kernels are one function. `arguments` name the words of a step, in order."""

    @property
    def arguments(self) -> tuple[str, ...]: ...

    def emit(self, e: Emitter, name: str) -> None: ...


@dataclass(frozen=True, eq=False)
class Buffer:
    """A tensor of one image in memory: `[block][row with rim][pixel with rim][lane]`.

    It lies in the arena, or inside `root` from block `first` on, or belongs to the caller (`port`: ("input", 0)), who
    gives it planar and without a rim. What is `lasting` keeps its numbers from image to image.
    """

    name: str
    channels: int
    height: int
    width: int
    layout: Layout
    root: Buffer | None = None
    first: int = 0
    port: tuple[str, int] | None = None
    lasting: bool = False
    dtype: DType = "f32"  # others only of the caller's arrays: in the arena every number is a float

    @property
    def blocks(self) -> int:
        return -(-self.channels // self.layout.block)

    @property
    def pixel_bytes(self) -> int:
        return DTYPES[self.dtype].itemsize * self.layout.block

    @property
    def row_bytes(self) -> int:
        _, left, _, right = self.layout.rim
        return (left + self.width + right) * self.pixel_bytes

    @property
    def gap_bytes(self) -> int:
        """Between rows."""
        return self.row_bytes - self.width * self.pixel_bytes

    @property
    def plane_bytes(self) -> int:
        top, _, bottom, _ = self.layout.rim
        return (top + self.height + bottom) * self.row_bytes

    def channel_bytes(self, channels: Array) -> Array:
        """How far channels of a pixel lie from its first."""
        return channels // self.layout.block * self.plane_bytes + channels % self.layout.block * 4

    @property
    def bytes(self) -> int:
        return self.blocks * self.plane_bytes

    @property
    def origin(self) -> int:
        """Bytes from where the storage begins to the image's first pixel."""
        top, left, _, _ = self.layout.rim
        return self.first * self.plane_bytes + top * self.row_bytes + left * self.pixel_bytes

    @property
    def storage(self) -> Buffer:
        return self.root or self

    @property
    def image_bytes(self) -> int:
        """Bytes from image to image where the storage has a place for each, whole cache lines."""
        return -(-self.storage.bytes // ALIGNMENT) * ALIGNMENT

    @property
    def is_solid(self) -> bool:
        """Rows follow one another without a gap."""
        return not any(self.layout.rim)


@dataclass(frozen=True)
class Address:
    """Bytes from the first pixel of a buffer."""

    buffer: Buffer
    offset: int = 0


@dataclass(frozen=True)
class Constant:
    """The beginning of one of the program's constants."""

    name: str


@dataclass(frozen=True)
class Images:
    """How many images a step that runs once for a tile has to do."""


@dataclass(frozen=True)
class ImageNumber:
    """How many images of the batch came before this one."""


Word: TypeAlias = int | Address | Constant | Images | ImageNumber


@dataclass(frozen=True)
class Step:
    """One kernel on some buffers. It can be cut into any number of parts, each with `scratch` bytes of its own. It runs
    for each image, or `once` for all images of a tile, whose addresses are then those of the first."""

    kernel: str
    words: tuple[Word, ...]
    reads: tuple[Buffer, ...]
    writes: tuple[Buffer, ...]
    node: str
    spans: tuple[Span, ...] = ()
    scratch: int = 0
    once: bool = False


@dataclass
class Program:
    """What runs, in order. `kernels` maps each kernel in use to its function's name; `fixed` has the outputs that no
    step computes, since they depend on no input. The graph has no numbers: they are behind the constants alone."""

    graph: Graph
    schedule: Schedule
    steps: list[Step] = field(default_factory=list)
    constants: dict[str, Packed] = field(default_factory=dict)
    kernels: dict[Kernel, str] = field(default_factory=dict)
    fixed: dict[str, Constant] = field(default_factory=dict)

    def ir(self) -> str:
        """All kernels as one LLVM module."""
        e = Emitter(self.schedule.target)
        for kernel, name in self.kernels.items():
            kernel.emit(e, name)
        return e.text()

    def __str__(self) -> str:
        """One line a step: kernel, what it reads and writes."""
        lines = [f"{len(self.steps)} steps, {len(self.kernels)} kernels", ""]
        lines += [f"{name} = {kernel}" for kernel, name in self.kernels.items()] + [""]
        for number, step in enumerate(self.steps):
            reads = ", ".join(b.name for b in step.reads)
            writes = ", ".join(f"{b.name} {b.layout}" for b in step.writes)
            lines.append(f"{number:3}  {step.kernel:<14} {reads} -> {writes}")
        return "\n".join(lines) + "\n"


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
        """The buffer in which a value lies; a graph input is fetched from the caller's array when first asked for."""
        if value.name not in self._buffers:
            producer = self.graph.producer(value)
            if not isinstance(producer.op, Input):
                raise InternalError(f"`{value.name}` is read before it is computed")
            source = self.port("input", self.graph.inputs.index(value), value)
            if value.type.dtype == "i64":  # stays where it is: a float does not hold it
                self.alias(value, source)
            else:
                self.load_image(source, self.result(value), Epilogue(), {})
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
        top, left, bottom, right = buffer.layout.rim
        if not (top or left or bottom or right):
            return
        words: dict[str, Word] = {
            "output": Address(buffer, -(top * buffer.row_bytes + left * buffer.pixel_bytes)),
            "planes": buffer.blocks, "plane": buffer.plane_bytes, "row": buffer.row_bytes,
            "top": top, "rows": buffer.height, "bottom": bottom,
            "before": left * buffer.pixel_bytes, "inside": buffer.width * buffer.pixel_bytes,
            "after": right * buffer.pixel_bytes,
        }  # fmt: skip
        self.step(Rim(buffer.layout.block == 1), words, [], [buffer])

    def planar(self, buffer: Buffer) -> Buffer:
        """The same numbers in NCHW order without a gap: the buffer itself if it is so, or a copy."""
        flat = self.beside(buffer)
        if flat.storage is not buffer.storage:
            self.copy(buffer, flat, buffer.channels)
        return flat

    def beside(self, buffer: Buffer) -> Buffer:
        """Room for a buffer's numbers in NCHW order without a gap: the buffer itself if it is so, or a new one."""
        if buffer.is_solid and (buffer.layout.block == 1 or (buffer.height, buffer.width) == (1, 1)):
            return self.under(buffer, buffer.channels, buffer.height, buffer.width)
        return Buffer(f"{buffer.name} planar", buffer.channels, buffer.height, buffer.width, Layout(1))

    def under(self, buffer: Buffer, channels: int, height: int, width: int) -> Buffer:
        """Numbers in NCHW order as an image of other sizes, in the same memory."""
        first, over = divmod(buffer.origin, 4 * height * width)
        if over:
            raise InternalError(f"`{buffer.name}` begins inside a plane of {height} x {width}")
        return Buffer(f"{buffer.name} planar", channels, height, width, Layout(1), buffer.storage, first)

    def copy(self, source: Buffer, target: Buffer, channels: int, source_first: int = 0, target_first: int = 0) -> None:
        """Move channels between buffers of the same height and width; the caller's array may be of another type."""
        sides = (source, source_first), (target, target_first)
        blocked = [buffer.layout.block > 1 for buffer, _ in sides]
        if all(blocked):
            return self._shift(source, target, channels, source_first, target_first)
        flat = source.is_solid and target.is_solid
        rows, columns = (1, target.height * target.width) if flat else (target.height, target.width)
        whole = all(first % buffer.layout.block == 0 for buffer, first in sides)
        if any(blocked) and whole and source.dtype == target.dtype == "f32" and columns >= self.lanes:
            begin = [Address(buffer, first // buffer.layout.block * buffer.plane_bytes) for buffer, first in sides]
            words: dict[str, Word] = {"input": begin[0], "output": begin[1]}
            kernel: Kernel = Transpose(blocked[1])
        else:
            words = {"input": Address(source), "output": Address(target)}
            words |= {"input_first": source_first, "output_first": target_first}
            kernel = Copy(source.layout.block, target.layout.block, source.dtype, target.dtype)
        words |= {
            "channels": channels, "rows": rows, "columns": columns,
            "input_plane": source.plane_bytes, "input_row": source.row_bytes,
            "output_plane": target.plane_bytes, "output_row": target.row_bytes,
        }  # fmt: skip
        self.step(kernel, words, [source], [target])

    def _shift(self, source: Buffer, target: Buffer, channels: int, source_first: int, target_first: int) -> None:
        """Move channels between blocked buffers."""
        lanes = self.lanes
        begin, keep = divmod(target_first, lanes)
        first, shift = divmod(source_first - keep, lanes)
        kernel = Shuffle((tuple(range(shift, shift + lanes)),), keep)
        self.shuffle(kernel, source, target, first, begin, -(-(keep + channels) // lanes))

    def shuffle(self, kernel: Shuffle, source: Buffer, target: Buffer, first: int, begin: int, blocks: int) -> None:
        """Fill blocks of a target from `begin` on; `first` is the source's block from which its channels count."""
        flat = source.is_solid and target.is_solid
        words: dict[str, Word] = {
            "input": Address(source), "output": Address(target, begin * target.plane_bytes),
            "blocks": blocks, "first": first, "last": source.blocks - 1,
            "rows": 1 if flat else target.height, "columns": target.width * (target.height if flat else 1),
            "input_plane": source.plane_bytes, "input_row": source.row_bytes,
            "output_plane": target.plane_bytes, "output_row": target.row_bytes,
        }  # fmt: skip
        self.step(kernel, words, [source], [target])

    def load_image(self, source: Buffer, target: Buffer, epilogue: Epilogue, tables: Mapping[str, Word]) -> None:
        """The caller's array into the arena, through a chain of elementwise operators, into the target's layout."""
        channels, rows, columns = target.channels, target.height, target.width
        # A row of numbers is the same in every layout; but tables go by channel, and it is one channel then.
        flat = rows == columns == 1 and target.is_solid and not epilogue.tables
        if flat:
            channels, columns = 1, channels
        planar = target.layout.block == 1 or flat
        if not planar and source.dtype == "f32" and not epilogue.links:
            return self.copy(source, target, channels)
        image = target if planar else Buffer(f"{target.name} planar", channels, rows, columns, Layout(1))
        words: dict[str, Word] = {
            "input": Address(source), "output": Address(image),
            "channels": channels, "rows": rows, "columns": columns,
            "output_plane": image.plane_bytes, "output_row": image.row_bytes, **tables,
        }  # fmt: skip
        self.step(Image("u8" if source.dtype == "u8" else "f32", epilogue), words, [source], [image])
        if not planar:
            self.copy(image, target, channels)


def row_by_row(x: Buffer, y: Buffer) -> dict[str, Word]:
    """The words of kernels that go from rows of channel blocks to rows of channel blocks."""
    return {
        "input": Address(x), "output": Address(y),
        "blocks": y.blocks, "rows": y.height, "columns": y.width,
        "input_plane": x.plane_bytes, "input_row": x.row_bytes,
        "output_plane": y.plane_bytes, "output_row": y.row_bytes,
    }  # fmt: skip


def extent(value: Value) -> tuple[int, int, int]:
    """Channels, height and width of one image; what comes after its rows is its width."""
    channels, height, *rest = axes(value)
    return channels, height, math.prod(rest)


def axes(value: Value) -> tuple[int, ...]:
    """The sizes after the batch, at least three: features are channels of one pixel."""
    return (*value.type.known, *[1] * (4 - value.type.rank))


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
