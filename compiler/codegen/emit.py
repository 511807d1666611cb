"""LLVM IR as text: the vocabulary in which kernels are written.

Values are strings (SSA names) or plain numbers. A `Var` is a value that loops carry: inside `with e.loop(n, vary=[v])`
reading `v.value` gives the phi and assigning it says what the next round sees, so that a loop nest in a kernel's source
looks like the loop nest that it emits.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

import numpy as np

from ..schedule.target import Target

Int: TypeAlias = "str | int"


@dataclass
class Var:
    """A value that changes from round to round of a loop."""

    type: str
    value: str


def float_constant(x: float) -> str:
    """A float as LLVM writes it exactly: the bits of the double that equals it."""
    with np.errstate(over="ignore"):
        single = float(np.float32(x))
    return f"0x{struct.unpack('<Q', struct.pack('<d', single))[0]:016X}"


class Emitter:
    """Emits the functions of one module for one target; `vector` is the type of a register full of floats."""

    def __init__(self, target: Target):
        self.target = target
        self.lanes = target.lanes
        self.vector = f"<{self.lanes} x float>"
        self._lines: list[str] = []
        self._declared: dict[str, str] = {}
        self._numbers = count(1)
        self._block = "entry"

    def resized(self, lanes: int) -> Emitter:
        """For the same function, registers of so many lanes: of fewer where channels are few. It opens no blocks."""
        twin = copy(self)
        twin.lanes, twin.vector = lanes, f"<{lanes} x float>"
        return twin

    # Functions

    @contextmanager
    def function(self, name: str, parameters: Sequence[str], *, internal: bool = False) -> Iterator[None]:
        """A void function. Its stack is aligned so that no spill slot straddles a page (performance.md, finding 3)."""
        linkage = "internal " if internal else ""
        inline = " noinline" if internal else ""
        self._lines.append(f"define {linkage}void @{name}({', '.join(parameters)}) alignstack(64) nounwind{inline} {{")
        self._label("entry")
        yield
        self._lines += ["  ret void", "}", ""]

    @contextmanager
    def kernel(self, name: str, arguments: Sequence[str]) -> Iterator[dict[str, str]]:
        """A function of the kernels' calling convention: `arguments` name the words of the block that it is given.

        A name that begins with `@` is an address. Gives the loaded arguments by name, without the `@`.
        """
        with self.function(name, ["ptr noalias nonnull %args", "i64 %part", "i64 %parts", "ptr %scratch"]):
            loaded = {}
            for index, argument in enumerate(arguments):
                kind = "ptr" if argument.startswith("@") else "i64"
                where = self.at("%args", 8 * index)
                loaded[argument.lstrip("@")] = self.set(f"load {kind}, ptr {where}, align 8")
            yield loaded

    def array(self, count: int) -> str:
        """Memory for so many vectors until the kernel returns; only before its first loop."""
        return self.set(f"alloca [{count} x {self.vector}], align {self.target.line_bytes}")

    def share(self, units: Int) -> tuple[str, str]:
        """The half-open range of `units` that falls to this part."""
        lo = self.div_int(self.mul_int("%part", units), "%parts")
        hi = self.div_int(self.mul_int(self.add_int("%part", 1), units), "%parts")
        return lo, hi

    @contextmanager
    def grid(self, name: str, outer: Int, inner: Int, across: Int) -> Iterator[tuple[str, str, str]]:
        """Loop over this part's share of `outer` x `inner` units: gives the outer one's number, and a range within it.

        A part has a stretch of all units in order; but where `across` is not 0 and parts come out equal, to a
        sixteenth, of each outer unit the same stretch of inner ones. If those are rows, a thread finds in its own cache
        what it made of them one step before. It takes them in equal pieces, of `across` units at most: all outer units
        of one before the next one.
        """
        each = self.ceil_int(inner, "%parts")
        most = self.div_int(self.mul_int(inner, 17), 16)
        equal = self.compare("sle", self.mul_int(each, "%parts"), most)
        crossing = self.set(f"and i1 {equal}, {self.compare('ne', across, 0)}")
        lo, hi = self.share(self.choose(crossing, "i64", inner, self.mul_int(outer, inner)))
        first = self.choose(crossing, "i64", 0, self.div_int(lo, inner))
        after = self.choose(crossing, "i64", outer, self.ceil_int(hi, inner))
        units = self.max_int(1, self.sub_int(hi, lo))
        pieces = self.ceil_int(units, self.choose(crossing, "i64", across, units))
        piece = self.ceil_int(units, pieces)
        with self.loop("piece", hi, start=lo, step=piece) as start, self.loop(name, after, start=first) as number:
            end = self.min_int(hi, self.add_int(start, piece))
            before = self.choose(crossing, "i64", 0, self.mul_int(number, inner))
            yield number, self.max_int(0, self.sub_int(start, before)), self.min_int(inner, self.sub_int(end, before))

    @property
    def length(self) -> int:
        """The lines so far."""
        return len(self._lines)

    def text(self) -> str:
        """The module so far, with a declaration for every intrinsic in use."""
        return "\n".join([*self._lines, *self._declared.values(), ""])

    def call(self, name: str, arguments: Sequence[tuple[str, Int]]) -> None:
        self._lines.append(f"  call void @{name}({', '.join(f'{kind} {value}' for kind, value in arguments)})")

    def _label(self, label: str) -> None:
        self._lines.append(f"{label}:")
        self._block = label

    def _name(self, stem: str = "v") -> str:
        return f"{stem}.{next(self._numbers)}"

    def set(self, expression: str) -> str:
        """Name an instruction's result."""
        name = f"%{self._name()}"
        self._lines.append(f"  {name} = {expression}")
        return name

    def do(self, instruction: str) -> None:
        self._lines.append(f"  {instruction}")

    def intrinsic(self, result: str, name: str, arguments: Sequence[tuple[str, Int]]) -> str:
        """Call an LLVM intrinsic, declaring it once."""
        self._declare(result, name, [kind for kind, _ in arguments])
        return self.set(f"call {result} @{name}({', '.join(f'{kind} {value}' for kind, value in arguments)})")

    def _declare(self, result: str, name: str, kinds: Sequence[str]) -> None:
        self._declared[name] = f"declare {result} @{name}({', '.join(kinds)})"

    # Control

    @contextmanager
    def loop(self, name: str, stop: Int, *, start: Int = 0, step: Int = 1, vary: Sequence[Var] = ()) -> Iterator[str]:
        """Count from `start` to before `stop`; zero rounds are fine. After it each `vary` holds its last value."""
        if isinstance(stop, int) and isinstance(start, int) and isinstance(step, int) and start + step == stop:
            yield str(start)
            return
        head, body, done = (self._name(f"{name}.{part}") for part in ("head", "body", "done"))
        counter, before = f"%{self._name(name)}", self._block
        self.do(f"br label %{head}")
        self._label(head)
        phis = [(counter, "i64", str(start))]
        for var in vary:
            phi = f"%{self._name()}"
            phis.append((phi, var.type, var.value))
            var.value = phi
        place = len(self._lines)
        more = self.set(f"icmp slt i64 {counter}, {stop}")
        self.do(f"br i1 {more}, label %{body}, label %{done}")
        self._label(body)
        yield counter
        following = [self.add_int(counter, step), *(var.value for var in vary)]
        self._lines[place:place] = [
            f"  {phi} = phi {kind} [{first}, %{before}], [{after}, %{self._block}]"
            for (phi, kind, first), after in zip(phis, following, strict=True)
        ]
        self.do(f"br label %{head}")
        self._label(done)
        for var, (phi, _, _) in zip(vary, phis[1:], strict=True):
            var.value = phi

    @contextmanager
    def walk(self, pointer: str, axes: Sequence[tuple[str, Int, Int]], vary: Sequence[Var]) -> Iterator[str]:
        """Nested loops over addresses: each axis has a name, a count and a distance in bytes. Gives the address."""
        if not axes:
            yield pointer
            return
        (name, count, distance), *inner = axes
        here = Var("ptr", pointer)
        with self.loop(name, count, vary=[here, *vary]):
            with self.walk(here.value, inner, vary) as address:
                yield address
            here.value = self.at(here.value, distance)

    @contextmanager
    def when(self, condition: str, *, vary: Sequence[Var] = ()) -> Iterator[None]:
        """Do something only where `condition` (an i1) holds."""
        then, done = self._name("then"), self._name("done")
        before, old = self._block, [var.value for var in vary]
        self.do(f"br i1 {condition}, label %{then}, label %{done}")
        self._label(then)
        yield
        after, new = self._block, [var.value for var in vary]
        self.do(f"br label %{done}")
        self._label(done)
        for var, a, b in zip(vary, old, new, strict=True):
            var.value = self.set(f"phi {var.type} [{a}, %{before}], [{b}, %{after}]")

    # Whole numbers and addresses

    def add_int(self, a: Int, b: Int) -> str:
        if isinstance(a, int) and isinstance(b, int):
            return str(a + b)
        if b == 0:
            return str(a)
        return self.set(f"add nsw i64 {a}, {b}")

    def sub_int(self, a: Int, b: Int) -> str:
        return self.set(f"sub nsw i64 {a}, {b}")

    def mul_int(self, a: Int, b: Int) -> str:
        if isinstance(a, int) and isinstance(b, int):
            return str(a * b)
        return str(a) if b == 1 else self.set(f"mul nsw i64 {a}, {b}")

    def div_int(self, a: Int, b: Int) -> str:
        """Quotient of whole numbers that are not negative."""
        return str(a) if b == 1 else self.set(f"udiv i64 {a}, {b}")

    def ceil_int(self, a: Int, b: Int) -> str:
        """Quotient of such numbers, rounded up."""
        return self.div_int(self.add_int(a, self.sub_int(b, 1)), b)

    def min_int(self, a: Int, b: Int) -> str:
        return self.intrinsic("i64", "llvm.smin.i64", [("i64", a), ("i64", b)])

    def max_int(self, a: Int, b: Int) -> str:
        return self.intrinsic("i64", "llvm.smax.i64", [("i64", a), ("i64", b)])

    def compare(self, how: str, a: Int, b: Int) -> str:
        """`how` is an LLVM predicate: eq, ne, slt, sle, sgt, sge, ult."""
        return self.set(f"icmp {how} i64 {a}, {b}")

    def choose(self, condition: str, kind: str, a: Int, b: Int) -> str:
        return self.set(f"select i1 {condition}, {kind} {a}, {kind} {b}")

    def at(self, pointer: str, offset: Int) -> str:
        """The address `offset` bytes further on."""
        if offset in (0, "0"):
            return pointer
        return self.set(f"getelementptr i8, ptr {pointer}, i64 {offset}")

    def launder(self, pointer: str) -> str:
        """The same address as a stranger: LLVM may not merge loads across it (performance.md, finding 2)."""
        return self.set(f'call ptr asm "", "=r,0"(ptr {pointer})')

    def prefetch(self, pointer: str) -> None:
        """Have a cache line brought into the L2 cache; any address will do."""
        self._declare("void", "llvm.prefetch.p0", ["ptr", "i32", "i32", "i32"])
        self.do(f"call void @llvm.prefetch.p0(ptr {pointer}, i32 0, i32 2, i32 1)")

    def load_int(self, table: str, index: Int) -> str:
        """An entry of a table of `i64`."""
        return self.set(f"load i64, ptr {self.at(table, self.mul_int(index, 8))}, align 8")

    # Vectors of floats

    def fma(self, a: str, b: str, c: str) -> str:
        """a * b + c, rounded once where the hardware can."""
        name = "fma" if self.target.fma else "fmuladd"  # without hardware, `fma` is a library call for each lane
        return self.intrinsic(self.vector, f"llvm.{name}.v{self.lanes}f32", [(self.vector, x) for x in (a, b, c)])

    def constant(self, x: float) -> str:
        return "zeroinitializer" if x == 0 and str(x) != "-0.0" else f"splat (float {float_constant(x)})"

    def load(self, pointer: str, offset: Int = 0, *, align: int | None = None) -> str:
        return self.set(f"load {self.vector}, ptr {self.at(pointer, offset)}, align {align or 4 * self.lanes}")

    def store(self, value: str, pointer: str, offset: Int = 0, *, align: int | None = None) -> None:
        where = self.at(pointer, offset)
        self.do(f"store {self.vector} {value}, ptr {where}, align {align or 4 * self.lanes}")

    def load_float(self, pointer: str, offset: Int = 0) -> str:
        return self.set(f"load float, ptr {self.at(pointer, offset)}, align 4")

    def store_float(self, value: str, pointer: str) -> None:
        self.do(f"store float {value}, ptr {pointer}, align 4")

    def splat(self, scalar: str) -> str:
        """A float in every lane."""
        first = self.set(f"insertelement {self.vector} poison, float {scalar}, i64 0")
        return self.set(
            f"shufflevector {self.vector} {first}, {self.vector} poison, <{self.lanes} x i32> zeroinitializer"
        )

    def joined(self, scalars: Sequence[str]) -> str:
        """A float for each lane."""
        value = "poison"
        for lane, scalar in enumerate(scalars):
            value = self.set(f"insertelement {self.vector} {value}, float {scalar}, i64 {lane}")
        return value

    def mask(self, count: Int) -> str:
        """True in the first `count` lanes."""
        lanes = self.lanes
        wanted = self.set(f"trunc i64 {count} to i32") if isinstance(count, str) else str(count)
        first = self.set(f"insertelement <{lanes} x i32> poison, i32 {wanted}, i64 0")
        every = self.set(
            f"shufflevector <{lanes} x i32> {first}, <{lanes} x i32> poison, <{lanes} x i32> zeroinitializer"
        )
        index = f"<{', '.join(f'i32 {i}' for i in range(lanes))}>"
        return self.set(f"icmp slt <{lanes} x i32> {index}, {every}")

    def load_masked(self, pointer: str, mask: str, otherwise: float = 0.0) -> str:
        """Lanes outside the mask are not touched in memory and hold `otherwise`."""
        kind = f"<{self.lanes} x i1>"
        name = f"llvm.masked.load.v{self.lanes}f32.p0"
        arguments = [("ptr align 4", pointer), (kind, mask), (self.vector, self.constant(otherwise))]
        return self.intrinsic(self.vector, name, arguments)

    def store_masked(self, value: str, pointer: str, mask: str) -> None:
        name = f"llvm.masked.store.v{self.lanes}f32.p0"
        kinds = [self.vector, "ptr align 4", f"<{self.lanes} x i1>"]
        self._declare("void", name, kinds)
        self.do(f"call void @{name}({kinds[0]} {value}, {kinds[1]} {pointer}, {kinds[2]} {mask})")

    def load_bytes(self, pointer: str, mask: str = "") -> str:
        """Unsigned bytes as floats, all or those of a mask."""
        lanes, kind = self.lanes, f"<{self.lanes} x i8>"
        if mask:
            arguments = [("ptr align 1", pointer), (f"<{lanes} x i1>", mask), (kind, "zeroinitializer")]
            value = self.intrinsic(kind, f"llvm.masked.load.v{lanes}i8.p0", arguments)
        else:
            value = self.set(f"load {kind}, ptr {pointer}, align 1")
        return self.set(f"uitofp {kind} {value} to {self.vector}")

    def gather(self, base: str, offsets: str) -> str:
        """The floats at `base` plus each lane's byte offset; `offsets` is where the lanes' offsets lie, as `i64`."""
        lanes, ints = self.lanes, f"<{self.lanes} x i64>"
        where = self.set(f"load {ints}, ptr {offsets}, align 8")
        pointers = self.set(f"getelementptr i8, ptr {base}, {ints} {where}")
        kinds = [(f"<{lanes} x ptr> align 4", pointers), (f"<{lanes} x i1>", "splat (i1 true)")]
        name = f"llvm.masked.gather.v{lanes}f32.v{lanes}p0"
        return self.intrinsic(self.vector, name, [*kinds, (self.vector, "zeroinitializer")])

    def choose_lanes(self, condition: str, a: str, b: str) -> str:
        return self.set(f"select <{self.lanes} x i1> {condition}, {self.vector} {a}, {self.vector} {b}")

    def across(self, value: str, combine: Callable[[str, str], str]) -> str:
        """All lanes combined, in every lane: a butterfly."""
        distance = self.lanes // 2
        while distance:
            value = combine(value, self.pick(value, value, [i ^ distance for i in range(self.lanes)]))
            distance //= 2
        return value

    def pick(self, a: str, b: str, lanes: Sequence[int]) -> str:
        """Lanes of `a` followed by `b`, by index; constant."""
        index = ", ".join(f"i32 {i}" for i in lanes)
        return self.set(f"shufflevector {self.vector} {a}, {self.vector} {b}, <{len(lanes)} x i32> <{index}>")
