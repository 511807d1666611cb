"""What happens to a vector of results before it is stored: the elementwise tail of a fused region.

A chain of links, each an operator with a `scalar` rule. Its operands are earlier results or extra inputs: tensors of
the output's shape read at the same place (*rimmed* ones have gaps between rows that are one for the kernel), tensors
with one number a channel, or single numbers. Its per-channel tables (bias, scale, slope) lie beside one another in
memory: `[block][table][lane]`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ...ir.operator import Operator
from ..arithmetic import Arithmetic
from ..emit import Emitter, Int

Extra = Literal["tensor", "rimmed", "channel", "number"]

_TENSORS = ("tensor", "rimmed")
_LONG = 12  # instructions: no polynomial takes less


@dataclass(frozen=True)
class Operand:
    """`result 0` is the anchor's value, `result k` link k's; `extra` counts the region's other inputs."""

    kind: Literal["result", "extra"]
    index: int


@dataclass(frozen=True)
class Link:
    op: Operator
    operands: tuple[Operand, ...]
    tables: tuple[str, ...] = ()


@dataclass(frozen=True)
class Epilogue:
    """Part of a kernel's key: kernels with equal epilogues share code. With `bias`, sums begin with table 0."""

    links: tuple[Link, ...] = ()
    extras: tuple[Extra, ...] = ()
    bias: bool = False

    @property
    def tables(self) -> int:
        return self.bias + sum(len(link.tables) for link in self.links)

    @property
    def arguments(self) -> tuple[str, ...]:
        each, gap = ("@extra{}", "extra{}_plane", "extra{}_row"), ("extra{}_gap",)
        names = (name.format(i) for i, kind in enumerate(self.extras) for name in each + gap * (kind == "rimmed"))
        return (*(("@tables",) if self.tables else ()), *names)

    def room(self, e: Emitter, pixels: int) -> str:
        """Memory for a vector's sums while a long chain goes over them by pairs, or none: of 16 registers LLVM would
        leave it the stack, so that each step waits for the one before. To be asked for first in a kernel."""
        trial = Emitter(e.target)
        extras, seam = len(self.extras), Seam(trial, "%row", "%left")
        Block(trial, self, 0, ["%table"] * self.tables, ["%extra"] * extras, ["%gap"] * extras, seam).finish("%sum", 0)
        long = trial.text().count("\n") > _LONG
        return e.array(pixels) if pixels > 1 and long and e.target.registers == 16 else ""


@dataclass(frozen=True)
class Seam:
    """Where a tile of a long row passes from one row of the image to the next: the row of its first pixel, and how many
    of its pixels that has `left`. A tile is no longer than a row."""

    e: Emitter
    row: str
    left: str

    @staticmethod
    def of(e: Emitter, x: str, width: str) -> Seam:
        row = e.div_int(x, width)
        return Seam(e, row, e.sub_int(e.mul_int(e.add_int(row, 1), width), x))

    def gaps(self, pixel: Int, gap: str) -> str:
        """Bytes of all gaps before a pixel, `gap` each."""
        e = self.e
        before = e.mul_int(self.row, gap)
        return e.choose(e.compare("slt", pixel, self.left), "i64", before, e.add_int(before, gap))


class Tail:
    """The epilogue along one output row, for channel blocks counted from `first`; its pixels are `spread` apart."""

    def __init__(self, e: Emitter, epilogue: Epilogue, a: Mapping[str, str], first: Int, row: Int, spread: int = 1):
        self.e, self.epilogue, self.a, self.pitch = e, epilogue, a, spread * e.target.vector_bytes
        self._tables = e.at(a["tables"], e.mul_int(first, self._tables_pitch)) if epilogue.tables else ""
        self._extras = []
        for i, kind in enumerate(epilogue.extras):
            plane = e.at(a[f"extra{i}"], e.mul_int(first, a[f"extra{i}_plane"]))
            self._extras.append(e.at(plane, e.mul_int(row, a[f"extra{i}_row"])) if kind in _TENSORS else plane)

    @property
    def _tables_pitch(self) -> int:
        return self.epilogue.tables * self.e.target.vector_bytes

    def block(self, number: Int, place: Int, seam: Seam | None = None) -> Block:
        """One channel block from `place` bytes into the row on: what its pixels share is loaded here. A row that is
        several of the image's has a `seam`, if any tensor has gaps there."""
        e, size = self.e, self.e.target.vector_bytes
        base = e.at(self._tables, e.mul_int(number, self._tables_pitch)) if self.epilogue.tables else ""
        tables = [e.load(base, t * size) for t in range(self.epilogue.tables)]
        extras = []
        for i, kind in enumerate(self.epilogue.extras):
            plane = e.at(self._extras[i], e.mul_int(self.a[f"extra{i}_plane"], number))
            if kind in _TENSORS:
                extras.append(e.at(plane, place))
            else:
                extras.append(e.load(plane) if kind == "channel" else e.splat(e.load_float(plane)))
        gaps = [self.a.get(f"extra{i}_gap", "") for i in range(len(extras))]
        return Block(e, self.epilogue, self.pitch, tables, extras, gaps, seam)


@dataclass(frozen=True)
class Block:
    """Tables and what all pixels share as registers, tensors as addresses of their first pixel."""

    e: Emitter
    epilogue: Epilogue
    pitch: int
    tables: list[str]
    extras: list[str]
    gaps: list[str]
    seam: Seam | None

    @property
    def start(self) -> str:
        """What sums begin with, so that the bias costs nothing."""
        return self.tables[0] if self.epilogue.bias else "zeroinitializer"

    def fetch(self, pixels: int) -> None:
        """Have the tensors that `finish` reads for these pixels brought into the cache."""
        for i, kind in enumerate(self.epilogue.extras):
            if kind in _TENSORS:
                for pixel in range(pixels):
                    self.e.prefetch(self._place(i, pixel))

    def finish(self, value: str, pixel: Int) -> str:
        """The chain applied to the vector of one pixel, counted from the block's first, whose bias it has."""
        return self._chain(self.e, value, self.tables, [self._extra(i, pixel) for i in range(len(self.extras))])

    def put_away(self, values: Sequence[str], room: str) -> None:
        """Leave registers to `finish_all`, which takes the sums of all pixels from their room, if they have one."""
        for pixel, value in enumerate(values if room else ()):
            self.e.store(value, room, pixel * self.e.target.vector_bytes)

    def finish_all(self, values: Sequence[str], room: str) -> Iterator[str]:
        """The chain applied to all pixels from the first on, each when it is asked for, to be stored before the next
        one is computed, which costs less than all stores at the end. Where they have `room` it is a loop over pairs:
        two chains side by side keep a CPU busy that would have to look far ahead for the next one. Two half registers
        go through it as a whole one."""
        e, size, count = self.e, self.e.target.vector_bytes, len(values)
        if not self.epilogue.links or (e.lanes == e.target.lanes and not room):
            for pixel, value in enumerate(values):
                yield self.finish(value, pixel)
        elif e.lanes < e.target.lanes:
            for p in range(0, count, 2):
                q = min(p + 1, count - 1)
                yield from self._finish_two(values[p], values[q], p, q)[: count - p]
        else:
            paired = count // 2 * 2
            with e.loop("pixel", paired, step=2) as pixel:
                here = e.at(room, e.mul_int(pixel, size))
                a, b = self._finish_two(e.load(here), e.load(here, size), pixel, e.add_int(pixel, 1))
                e.store(a, here)
                e.store(b, here, size)
            for pixel in range(count):
                value = e.load(room, pixel * size)
                yield value if pixel < paired else self.finish(value, pixel)

    def _finish_two(self, a: str, b: str, first: Int, second: Int) -> list[str]:
        """The chain applied to two pixels as one register."""
        lanes = self.e.lanes
        both = self.e.resized(2 * lanes)

        def join(x: str, y: str) -> str:
            return self.e.pick(x, y, range(2 * lanes))

        tables = [join(table, table) for table in self.tables]
        extras = [join(self._extra(i, first), self._extra(i, second)) for i in range(len(self.extras))]
        value = self._chain(both, join(a, b), tables, extras)
        return [both.pick(value, value, range(start, start + lanes)) for start in (0, lanes)]

    def _chain(self, e: Emitter, value: str, tables: Sequence[str], extras: Sequence[str]) -> str:
        words, rest = Arithmetic(e), iter(tables[self.epilogue.bias :])
        results = [value]
        for link in self.epilogue.links:
            values = [results[o.index] if o.kind == "result" else extras[o.index] for o in link.operands]
            assert link.op.scalar is not None
            results.append(link.op.scalar(words, *values, **{name: next(rest) for name in link.tables}))
        return results[-1]

    def _extra(self, index: int, pixel: Int) -> str:
        if self.epilogue.extras[index] not in _TENSORS:
            return self.extras[index]
        return self.e.load(self._place(index, pixel))

    def _place(self, index: int, pixel: Int) -> str:
        """Where a tensor's pixel lies."""
        place = self.e.at(self.extras[index], self.e.mul_int(pixel, self.pitch))
        if self.epilogue.extras[index] == "tensor":
            return place
        assert self.seam
        return self.e.at(place, self.seam.gaps(pixel, self.gaps[index]))
