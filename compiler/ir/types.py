"""Sizes and types: what is known of a tensor before it exists.

A size is an `int` or a `Dim`: an integer-linear form in free letters and their floors, kept canonical so that
`(16*H - 1)//2 + 1` *is* `8*H`. Letters stand for whole numbers of at least 1. A question about sizes that has
no answer yet raises `Undecided`; when a model is compiled every letter but the batch `N` is bound, so none is left.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from math import gcd, inf
from typing import Literal, TypeAlias, get_args

from ..diagnostics import Refusal

DType = Literal["f32", "u8", "i64"]
DTYPES: tuple[DType, ...] = get_args(DType)
BATCH = "N"
AXES = 32  # of a tensor: what NumPy has room for
MOST = 2**63 - 1  # in a size's numbers
ATOMS = 100  # in a size


class Undecided(Exception):
    """A comparison of sizes that depends on letters still free."""

    def __init__(self, question: str):
        super().__init__(question)
        self.question = question

    @property
    def of_batch(self) -> bool:
        """Whether it is about the batch, which no choice of sizes answers."""
        return re.search(rf"\b{BATCH}\b", self.question) is not None


_assumed: ContextVar[list[str] | None] = ContextVar("assumed", default=None)


@contextmanager
def assuming() -> Iterator[list[str]]:
    """Answer such questions as large letters would, sizes that may be equal being so; collects what was assumed."""
    conditions: list[str] = []
    token = _assumed.set(conditions)
    try:
        yield conditions
    finally:
        _assumed.reset(token)


def _assume(condition: str) -> None:
    conditions = _assumed.get()
    if conditions is None:
        raise Undecided(condition)
    conditions.append(condition)


@dataclass(frozen=True)
class Floor:
    """`inner // by`, where it does not divide."""

    inner: Dim
    by: int

    atoms: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "atoms", 1 + _atoms(self.inner.terms))

    def __str__(self) -> str:
        inner = str(self.inner)
        return f"({inner})//{self.by}" if " " in inner or "*" in inner else f"{inner}//{self.by}"


Atom: TypeAlias = "str | Floor"


@dataclass(frozen=True)
class Dim:
    """`sum(coefficient * atom) + constant`, atoms sorted, no coefficient zero, at least one atom."""

    terms: tuple[tuple[Atom, int], ...]
    constant: int = 0

    @staticmethod
    def letter(name: str) -> Dim:
        return Dim(((name, 1),))

    def letters(self) -> set[str]:
        inner = (atom.inner.letters() if isinstance(atom, Floor) else {atom} for atom, _ in self.terms)
        return set().union(*inner)

    def substitute(self, sizes: dict[str, int]) -> Size:
        total: Size = self.constant
        for atom, k in self.terms:
            if isinstance(atom, Floor):
                inner = atom.inner.substitute(sizes)
                total = total + k * (inner // atom.by)
            else:
                total = total + k * (sizes[atom] if atom in sizes else Dim.letter(atom))
        return total

    def __add__(self, other: Size) -> Size:
        if isinstance(other, int):
            return Dim(self.terms, self.constant + other) if other else self
        return _linear((*self.terms, *other.terms), self.constant + other.constant)

    __radd__ = __add__

    def __neg__(self) -> Size:
        return self * -1

    def __sub__(self, other: Size) -> Size:
        return self + -other

    def __rsub__(self, other: int) -> Size:
        return -self + other

    def __mul__(self, k: Size) -> Size:
        if isinstance(k, Dim):
            raise Undecided(f"{self} times {k}")
        return _linear(tuple((atom, c * k) for atom, c in self.terms), self.constant * k)

    __rmul__ = __mul__

    def __floordiv__(self, by: int) -> Size:
        if not isinstance(by, int):
            raise Undecided(f"{self} // {by}")
        if by <= 0:
            raise Undecided(f"{self} // {by}")
        if by == 1:
            return self
        whole = _linear(tuple((atom, c // by) for atom, c in self.terms), self.constant // by)
        rest = _linear(tuple((atom, c % by) for atom, c in self.terms), self.constant % by)
        return whole if isinstance(rest, int) else whole + _floor(rest, by)

    def __mod__(self, by: int) -> Size:
        return self - (self // by) * by

    def __rfloordiv__(self, other: int) -> Size:
        raise Undecided(f"{other} // ({self})")

    def __rmod__(self, other: int) -> Size:
        raise Undecided(f"{other} % ({self})")

    def __lt__(self, other: Size) -> bool:
        return _decide(self, "<", ">=", other, below=0)

    def __le__(self, other: Size) -> bool:
        return _decide(self, "<=", ">", other, below=1)

    def __gt__(self, other: Size) -> bool:
        return not self <= other

    def __ge__(self, other: Size) -> bool:
        return not self < other

    def __bool__(self) -> bool:
        return not same_size(self, 0)

    def __str__(self) -> str:
        text = ""
        for atom, k in self.terms:
            sign = " - " if k < 0 else " + "
            factor = f"({atom})" if isinstance(atom, Floor) else atom
            text += (sign if text else "-" if k < 0 else "") + (f"{abs(k)}*{factor}" if abs(k) != 1 else str(atom))
        if self.constant:
            text += (" - " if self.constant < 0 else " + ") + str(abs(self.constant))
        return text


Size: TypeAlias = int | Dim


def same_size(a: Size, b: Size) -> bool:
    """Whether two sizes are equal; raises `Undecided` where that depends on a free letter. `N` equals only itself."""
    difference = a - b
    if isinstance(difference, int):
        return difference == 0
    if BATCH in difference.letters():
        return False
    low, high = _range(difference)
    if low > 0 or high < 0:
        return False
    _assume(f"{a} = {b}")
    return True


@dataclass(frozen=True)
class Type:
    """A tensor's dtype and shape; NCHW, axis 0 the batch."""

    dtype: DType
    shape: tuple[Size, ...]

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def axes(self) -> str:
        """How many there are, in words."""
        return "1 axis" if self.rank == 1 else f"{self.rank} axes"

    @property
    def batch(self) -> Size:
        return self._size(0, "batch")

    @property
    def batched(self) -> bool:
        """Whether there is an image of it for each of the batch."""
        return self.rank > 0 and self.shape[0] == Dim.letter(BATCH)

    @property
    def channels(self) -> Size:
        return self._size(1, "channels")

    @property
    def height(self) -> Size:
        return self._size(2, "height")

    @property
    def width(self) -> Size:
        return self._size(3, "width")

    def _size(self, axis: int, name: str) -> Size:
        if axis >= self.rank:
            raise Refusal("E0307", f"{self} has no {name}", label=self.axes)
        return self.shape[axis]

    def with_shape(self, *rest: Size) -> Type:
        """The same dtype and batch, other sizes after it."""
        return Type(self.dtype, (self.batch, *rest))

    def with_dtype(self, dtype: DType) -> Type:
        return Type(dtype, self.shape)

    @property
    def known(self) -> tuple[int, ...]:
        """The sizes after the batch, once they are numbers."""
        return ints(self.shape[1:])

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


def ints(sizes: tuple[Size, ...]) -> tuple[int, ...]:
    """Sizes that must be numbers by now, as numbers; raises `Undecided` otherwise."""
    numbers = tuple([size for size in sizes if isinstance(size, int)])
    if len(numbers) < len(sizes):
        free = next(size for size in sizes if not isinstance(size, int))
        raise Undecided(f"the value of {free}")
    return numbers


def _linear(terms: tuple[tuple[Atom, int], ...], constant: int) -> Size:
    total: dict[Atom, int] = {}
    for atom, k in terms:
        total[atom] = total.get(atom, 0) + k
    if not all(-MOST <= k <= MOST for k in (*total.values(), constant)):
        raise Refusal("E0314", "a size with free letters does not fit a whole number of 64 bits")
    kept = sorted(((a, k) for a, k in total.items() if k), key=lambda t: (isinstance(t[0], Floor), str(t[0])))
    if _atoms(kept) > ATOMS:
        raise Refusal("E0314", f"a size of more than {ATOMS} letters and floors")
    return Dim(tuple(kept), constant) if kept else constant


def _floor(form: Dim, by: int) -> Size:
    """`form // by`, all coefficients in `[0, by)`: floor((g*x + c) / (g*b)) = floor((x + floor(c/g)) / b)."""
    g = gcd(by, *(k for _, k in form.terms))
    form, by = Dim(tuple((a, k // g) for a, k in form.terms), form.constant // g), by // g
    if by == 1:
        return form
    if len(form.terms) == 1 and form.terms[0][1] == 1 and isinstance(form.terms[0][0], Floor):
        inner = form.terms[0][0]  # floor((floor(x/a) + c) / b) = floor((x + a*c) / (a*b))
        return (inner.inner + inner.by * form.constant) // (inner.by * by)
    return Dim(((Floor(form, by), 1),))


def _atoms(terms: Iterable[tuple[Atom, int]]) -> int:
    """How many letters and floors are in terms, those inside of floors counted as often as they are written."""
    return sum(atom.atoms if isinstance(atom, Floor) else 1 for atom, _ in terms)


def _range(size: Size) -> tuple[float, float]:
    """The least and greatest value a size can take, letters being at least 1."""
    if isinstance(size, int):
        return size, size
    low = high = float(size.constant)
    for atom, k in size.terms:
        if isinstance(atom, Floor):
            inner = _range(atom.inner)
            ends = [end if end in (inf, -inf) else end // atom.by for end in inner]
        else:
            ends = [1.0, inf]
        low += k * ends[0] if k > 0 else k * ends[1]
        high += k * ends[1] if k > 0 else k * ends[0]
    return low, high


def _decide(a: Size, sign: str, opposite: str, b: Size, below: int) -> bool:
    """Whether `a - b` is less than `below`, which is what `a sign b` asks; `opposite` is the other answer."""
    difference = a - b
    low, high = _range(difference)
    if high < below:
        return True
    if low >= below:
        return False
    if isinstance(difference, Dim) and (BATCH in difference.letters() or (low == -inf and high == inf)):
        raise Undecided(f"{a} {sign} {b}")
    _assume(f"{a} {sign if low == -inf else opposite} {b}")
    return low == -inf
