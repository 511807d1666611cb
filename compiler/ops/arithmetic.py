"""Arithmetic: what `+ - * /` on tensors mean, elementwise functions, and sums over an axis.

Tensors of equal rank broadcast: each size is equal or 1. A `param`, which has no batch, may lack leading axes.

In the compiler's graph a number beside a tensor is an attribute: `x - 1.0` is `sub(right=1.0)` of one tensor, `1.0 /
x` is `div(left=1.0)`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..diagnostics import Refusal
from ..ir.kinds import flag, optional_real, real, whole
from ..ir.operator import Array, Operator, Scalar, attr, operator
from ..ir.types import BATCH, Dim, Size, Type, assuming, same_size
from .activation import least, most
from .rules import Elementwise, axis_name, is_one, want_axis, want_real


@dataclass(frozen=True)
class Arithmetic(Operator):
    """Base of the four rules of arithmetic: tensors in order, a number perhaps before or after them."""

    inputs = None
    verb: ClassVar[str]

    left: float | None = attr(optional_real, "a number before the tensors", default=None)
    right: float | None = attr(optional_real, "a number after the tensors", default=None)

    def infer(self, *types: Type) -> Type:
        want_real(self, *types)
        return functools.reduce(self._broadcast, types)

    def _broadcast(self, a: Type, b: Type) -> Type:
        rank = max(a.rank, b.rank)
        if any(t.rank < rank and _has_batch(t) for t in (a, b)):
            raise Refusal(
                "E0302",
                f"cannot {self.verb} {a} and {b}",
                label=f"{a.rank} and {b.axes}",
                help="bring both to the same rank with reshape or flatten",
            )
        pairs = list(zip(_aligned(a, rank), _aligned(b, rank), strict=True))
        if not all(is_one(m) or is_one(n) or same_size(m, n) for m, n in pairs):
            raise self._mismatch(a, b, pairs)
        return Type(a.dtype, tuple(n if is_one(m) else m for m, n in pairs))

    def _mismatch(self, a: Type, b: Type, pairs: list[tuple[Size, Size]]) -> Refusal:
        batched = _has_batch(a) or _has_batch(b)
        with assuming():  # sizes that may be equal are not what is told
            differing = {
                axis: f"{m} and {n}"
                for axis, (m, n) in enumerate(pairs)
                if not (is_one(m) or is_one(n) or same_size(m, n))
            }
        labels = [
            f"axis {axis}: {sizes}" if not batched
            else f"{sizes} channels" if axis == 1
            else f"{axis_name(axis, len(pairs))} {sizes}"
            for axis, sizes in differing.items()
        ]  # fmt: skip
        cure = _cure(a, b, set(differing)) if batched else ""
        return Refusal("E0302", f"cannot {self.verb} {a} and {b}", label=", ".join(labels), help=cure)

    def _operands(self, tensors: tuple[Any, ...]) -> list[Any]:
        """The tensors with the numbers around them."""
        return [v for v in (self.left, *tensors, self.right) if v is not None]


def _aligned(x: Type, rank: int) -> tuple[Size, ...]:
    """The sizes, as many as `rank`, ones before them."""
    return (*[1] * (rank - x.rank), *x.shape)


def _cure(a: Type, b: Type, differing: set[int]) -> str:
    """How to bring two tensors, one of them with a batch, to one shape."""
    param, x = (a, b) if a.rank < b.rank else (b, a)
    if param.rank < x.rank:
        per_channel = x.rank == 4 and param.shape == (x.channels,)
        return f"one number for each channel has the shape [{x.channels}, 1, 1]" if per_channel else ""
    if x.rank != 4 or differing == {1}:
        return f"project one of them, as with conv({a.channels}, 1)" if x.rank == 4 else ""
    if 1 in differing and all(isinstance(size, int) for size in (*a.shape[1:], *b.shape[1:])):
        small, large = sorted((a.known, b.known), key=lambda sizes: sizes[1:])
        stride = -(-large[1] // small[1])
        if all((m - 1) // stride + 1 == n for m, n in zip(large[1:], small[1:], strict=True)):
            return f"project the larger one: conv({small[0]}, 1, stride={stride})"
    return "crop, pad or resize one of them" + (f", and project one: conv({a.channels}, 1)" if 1 in differing else "")


def _has_batch(x: Type) -> bool:
    return x.rank > 0 and isinstance(x.shape[0], Dim) and BATCH in x.shape[0].letters()


def _want_two(op: Arithmetic, types: tuple[Type, ...]) -> None:
    given = len(op._operands(types))
    if given != 2:
        raise Refusal("E0309", f"{op.name} wants two operands, got {given}")


@operator
class Add(Arithmetic):
    """The sum of tensors, element by element: what `a + b` means.

    out = a + b + c + ..., of as many as the tuple has
    """

    verb = "add"

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return functools.reduce(np.add, self._operands(arrays))

    def scalar(self, e: Scalar, *values: Any) -> Any:
        return functools.reduce(e.add, self._operands(values))


@operator
class Mul(Arithmetic):
    """The product of tensors, element by element: what `a * b` means.

    out = a * b * c * ..., of as many as the tuple has
    """

    verb = "multiply"

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return functools.reduce(np.multiply, self._operands(arrays))

    def scalar(self, e: Scalar, *values: Any) -> Any:
        return functools.reduce(e.mul, self._operands(values))


@operator
class Sub(Arithmetic):
    """a - b, element by element."""

    verb = "subtract"
    stage = False

    def infer(self, *types: Type) -> Type:
        _want_two(self, types)
        return super().infer(*types)

    def reference(self, *arrays: Array, **params: Array) -> Array:
        a, b = self._operands(arrays)
        return a - b

    def scalar(self, e: Scalar, *values: Any) -> Any:
        return e.sub(*self._operands(values))


@operator
class Div(Arithmetic):
    """a / b, element by element; IEEE's infinities and NaN where b is 0."""

    verb = "divide"
    stage = False

    def infer(self, *types: Type) -> Type:
        _want_two(self, types)
        return super().infer(*types)

    def reference(self, *arrays: Array, **params: Array) -> Array:
        a, b = self._operands(arrays)
        return a / b

    def scalar(self, e: Scalar, *values: Any) -> Any:
        return e.div(*self._operands(values))


@operator
class Sqrt(Elementwise):
    """The square root, NaN below zero: out = sqrt(x)."""

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return np.sqrt(arrays[0])

    def scalar(self, e: Scalar, x: Any) -> Any:
        return e.sqrt(x)


@operator
class Abs(Elementwise):
    """The distance from zero: out = |x|."""

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return np.abs(arrays[0])

    def scalar(self, e: Scalar, x: Any) -> Any:
        return e.abs(x)


@operator
class Exp(Elementwise):
    """e to the power of x: out = exp(x)."""

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return np.exp(arrays[0])

    def scalar(self, e: Scalar, x: Any) -> Any:
        return e.exp(x)


@operator
class Log(Elementwise):
    """The natural logarithm, -inf at zero and NaN below: out = log(x)."""

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return np.log(arrays[0])

    def scalar(self, e: Scalar, x: Any) -> Any:
        return e.log(x)


@operator
class Clip(Elementwise):
    """Held between two numbers; NaN stays NaN: out = min(max(x, low), high)."""

    low: float = attr(real, "smallest value")
    high: float = attr(real, "largest value")

    def infer(self, *types: Type) -> Type:
        if self.low > self.high:
            raise Refusal("E0305", f"clip wants `low` at most `high`, got {self.low} and {self.high}")
        return super().infer(*types)

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return np.clip(arrays[0], self.low, self.high)

    def scalar(self, e: Scalar, x: Any) -> Any:
        return least(e, most(e, x, self.low), self.high)


@operator
class Threshold(Elementwise):
    """A mask as numbers; NaN gives 0: out = 1 where x > t, else 0."""

    t: float = attr(real, "the value to exceed")

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        return (x > self.t).astype(x.dtype)

    def scalar(self, e: Scalar, x: Any) -> Any:
        return e.select(e.less(self.t, x), 1.0, 0.0)


@dataclass(frozen=True)
class Reduction(Operator):
    """Base of the operators that make one axis a single number."""

    axis: int = attr(whole, "the axis that goes; 1 is the channels", at_least=1)
    keep: bool = attr(flag, "leave the axis with size 1", default=False)

    def infer(self, *types: Type) -> Type:
        (x,) = types
        want_real(self, x)
        want_axis(self, self.axis, x)
        return Type(x.dtype, (*x.shape[: self.axis], *((1,) if self.keep else ()), *x.shape[self.axis + 1 :]))


@operator
class Sum(Reduction):
    """The sum along one axis, which goes: out[n, y, x] = sum over c of in[n, c, y, x], for axis 1."""

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return arrays[0].sum(self.axis, keepdims=self.keep)


@operator
class Mean(Reduction):
    """The mean along one axis, which goes: out[n, y, x] = mean over c of in[n, c, y, x], for axis 1."""

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return arrays[0].mean(self.axis, keepdims=self.keep)
