"""Between images of bytes and tensors of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..diagnostics import Refusal
from ..ir.kinds import real, reals
from ..ir.operator import Array, Operator, Scalar, attr, operator
from ..ir.types import Type
from .rules import want_real


def _want_pixels(op: Operator, x: Type) -> None:
    if x.dtype == "i64":
        raise Refusal("E0304", f"{op.name} wants u8 or f32, got {x}", label=x.dtype)


@operator
class Scale(Operator):
    """Times a number, as f32; `scale(1/255)` brings bytes to 0..1: out = x * k."""

    k: float = attr(real, "the factor")

    def infer(self, *types: Type) -> Type:
        _want_pixels(self, *types)
        return types[0].with_dtype("f32")

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return arrays[0] * self.k

    def scalar(self, e: Scalar, x: Any) -> Any:
        return e.mul(x, self.k)


@operator
class Normalize(Operator):
    """Each channel shifted and divided, as f32: out[n, c] = (x - mean[c]) / std[c].

    The numbers are in the units of x: for bytes, mean and std are those of 0..255. A number stands for all channels.
    """

    mean: tuple[float, ...] | float = attr(reals, "what becomes 0, per channel")
    std: tuple[float, ...] | float = attr(reals, "what becomes 1, per channel")

    def infer(self, *types: Type) -> Type:
        (x,) = types
        _want_pixels(self, x)
        for name, values in (("mean", self.mean), ("std", self.std)):
            if isinstance(values, tuple) and len(values) != x.channels:
                raise Refusal(
                    "E0325",
                    f"normalize has {len(values)} values of `{name}`, but {x} has {x.channels} channels",
                    help="one for each channel, or one number for all",
                )
        if not np.all(self.std):
            raise Refusal("E0305", "`std` is 0, and cannot divide")
        return x.with_dtype("f32")

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        each = [1] * max(0, x.ndim - 2)  # a tensor without channels takes a number
        mean, std = (np.reshape(v, (-1, *each) if isinstance(v, tuple) else ()) for v in (self.mean, self.std))
        return (x - mean.astype(x.dtype)) / std.astype(x.dtype)

    def tables(self, **params: Array) -> dict[str, Array]:
        """Scale and shift per channel; none where one number stands for all."""
        if isinstance(self.mean, float) and isinstance(self.std, float):
            return {}
        mean, std = np.broadcast_arrays(self.mean, self.std)
        return {"scale": (1 / std).astype(np.float32), "shift": (-mean / std).astype(np.float32)}

    def scalar(self, e: Scalar, x: Any, **tables: Any) -> Any:
        if isinstance(self.mean, float) and isinstance(self.std, float):
            return e.fma(x, 1 / self.std, -self.mean / self.std)
        return e.fma(x, tables["scale"], tables["shift"])


@operator
class ToU8(Operator):
    """Rounded to the nearest byte, half to even, clamped to 0..255; NaN becomes 0."""

    def infer(self, *types: Type) -> Type:
        want_real(self, *types)
        return types[0].with_dtype("u8")

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return np.nan_to_num(np.clip(np.rint(arrays[0]), 0, 255))

    def scalar(self, e: Scalar, x: Any) -> Any:
        positive = e.select(e.less(0.0, x), x, 0.0)
        return e.round(e.select(e.less(positive, 255.0), positive, 255.0))
