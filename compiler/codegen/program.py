"""The program: steps over buffers. Addresses are still names here; `memory` gives them numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from ..diagnostics import Span
from ..ir.graph import Graph
from ..schedule.schedule import Schedule
from .buffer import Buffer
from .emit import Emitter
from .packed import Packed

_MODULE = 800  # lines of LLVM IR; a tile of Winograd's has 1,900


class Kernel(Protocol):
    """A frozen dataclass: equal kernels are one function. `arguments` name the words of a step, in order."""

    @property
    def arguments(self) -> tuple[str, ...]: ...

    def emit(self, e: Emitter, name: str) -> None: ...


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

    def modules(self) -> Iterator[str]:
        """All kernels as LLVM modules: some for threads to share, not one for each, which would cost LLVM 2 ms."""
        e = Emitter(self.schedule.target)
        for kernel, name in self.kernels.items():
            kernel.emit(e, name)
            if e.length > _MODULE:
                yield e.text()
                e = Emitter(self.schedule.target)
        yield e.text()

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
