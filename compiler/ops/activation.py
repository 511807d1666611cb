"""Activations: elementwise, one value in, one value out. NaN stays NaN, as in PyTorch.

What is x times a factor that falls to 0 is -inf * 0 at -inf, which is NaN: gelu, silu, mish and hardswish, again as in
PyTorch.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..ir.kinds import real
from ..ir.operator import Array, ParamSpec, Scalar, attr, operator
from ..ir.types import Type
from .rules import Elementwise

# Each stands twice: `reference` is the formula of its docstring, `scalar` the same in words whose rounding stays small
# at both ends.

_erf = np.frompyfunc(math.erf, 1, 1)


def least(e: Scalar, x: Any, bound: Any) -> Any:
    """min(x, bound); NaN stays NaN."""
    return e.select(e.less(bound, x), bound, x)


def most(e: Scalar, x: Any, bound: Any) -> Any:
    """max(x, bound); NaN stays NaN."""
    return e.select(e.less(x, bound), bound, x)


def _expm1(e: Scalar, x: Any) -> Any:
    """exp(x) - 1 = tanh(x/2) * (exp(x) + 1), which does not cancel near 0."""
    return e.mul(e.tanh(e.mul(x, 0.5)), e.add(e.exp(x), 1.0))


def _log1p(e: Scalar, t: Any) -> Any:
    """log(1 + t) for t >= 0: the rounding of u = 1 + t divides out in log(u) * t / (u - 1) (Kahan; HP-15C, 1982)."""
    u = e.add(t, 1.0)
    rounded = e.sub(u, 1.0)
    return e.select(e.less(0.0, rounded), e.mul(e.log(u), e.div(t, rounded)), t)


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def _softplus(x: Array) -> Array:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


@operator
class Relu(Elementwise):
    """Negative numbers become zero: out = max(x, 0)."""

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return np.maximum(arrays[0], 0)

    def scalar(self, e: Scalar, x: Any) -> Any:
        return most(e, x, 0.0)


@operator
class Relu6(Elementwise):
    """A relu that stops at 6: out = min(max(x, 0), 6) (Howard et al. 2017, arXiv 1704.04861)."""

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return np.clip(arrays[0], 0, 6)

    def scalar(self, e: Scalar, x: Any) -> Any:
        return least(e, most(e, x, 0.0), 6.0)


@operator
class LeakyRelu(Elementwise):
    """Negative numbers stay, but small: out = x where x > 0, else a * x (Maas, Hannun & Ng 2013)."""

    a: float = attr(real, "slope below zero", default=0.01)

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        return np.where(x > 0, x, self.a * x)

    def scalar(self, e: Scalar, x: Any) -> Any:
        return e.select(e.less(0.0, x), x, e.mul(x, self.a))


@operator
class Prelu(Elementwise):
    """A leaky relu that learns its slope, one for each channel (He et al. 2015, arXiv 1502.01852).

    out[n, c] = x where x > 0, else weight[c] * x
    """

    def params(self, *types: Type) -> dict[str, ParamSpec]:
        return {"weight": ParamSpec((types[0].channels,), start="0.25")}

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        slope = params["weight"].reshape(-1, *[1] * (x.ndim - 2))
        return np.where(x > 0, x, slope * x)

    def scalar(self, e: Scalar, x: Any, *, weight: Any) -> Any:
        return e.select(e.less(0.0, x), x, e.mul(x, weight))


@operator
class Elu(Elementwise):
    """Below zero an exponential that levels out at -1 (Clevert, Unterthiner & Hochreiter 2015, arXiv 1511.07289).

    out = x where x > 0, else exp(x) - 1
    """

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        return np.where(x > 0, x, np.expm1(x))

    def scalar(self, e: Scalar, x: Any) -> Any:
        return e.select(e.less(0.0, x), x, _expm1(e, x))


@operator
class Selu(Elementwise):
    """An elu so scaled that layer upon layer keeps mean 0 and variance 1 (Klambauer et al. 2017, arXiv 1706.02515).

    out = 1.0507 * (x where x > 0, else 1.6733 * (exp(x) - 1)), both constants to double precision
    """

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        return _SELU_SCALE * np.where(x > 0, x, _SELU_ALPHA * np.expm1(x))

    def scalar(self, e: Scalar, x: Any) -> Any:
        below = e.mul(_expm1(e, x), _SELU_SCALE * _SELU_ALPHA)
        return e.select(e.less(0.0, x), e.mul(x, _SELU_SCALE), below)


# The fixed point of mean 0 and variance 1; the paper's equation 14.
_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


@operator
class Gelu(Elementwise):
    """x times the probability that a standard normal number lies below it (Hendrycks & Gimpel 2016, arXiv 1606.08415).

    out = x * (1 + erf(x / sqrt(2))) / 2

    It is not the approximation by tanh.
    """

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        return x * (1 + np.asarray(_erf(x / math.sqrt(2)), x.dtype)) / 2

    def scalar(self, e: Scalar, x: Any) -> Any:
        return e.mul(x, e.normal(x))


@operator
class Silu(Elementwise):
    """x times its sigmoid, also called swish: out = x * sigmoid(x) (Elfwing, Uchibe & Doya 2017, arXiv 1702.03118)."""

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        return x * _sigmoid(x)

    def scalar(self, e: Scalar, x: Any) -> Any:
        return e.mul(x, e.sigmoid(x))


@operator
class Mish(Elementwise):
    """Smooth, with a dip below zero: out = x * tanh(softplus(x)) (Misra 2019, arXiv 1908.08681)."""

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        return x * np.tanh(_softplus(x))

    def scalar(self, e: Scalar, x: Any) -> Any:
        """With w = exp(x) and n = w * (w + 2), tanh(log(1 + w)) is n / (n + 2): 1 in float32 from x = 20 on."""
        w = e.exp(least(e, x, 20.0))
        n = e.mul(w, e.add(w, 2.0))
        return e.mul(x, e.div(n, e.add(n, 2.0)))


@operator
class Sigmoid(Elementwise):
    """Squeezed between 0 and 1: out = 1 / (1 + exp(-x))."""

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return _sigmoid(arrays[0])

    def scalar(self, e: Scalar, x: Any) -> Any:
        return e.sigmoid(x)


@operator
class Tanh(Elementwise):
    """Squeezed between -1 and 1: out = tanh(x)."""

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return np.tanh(arrays[0])

    def scalar(self, e: Scalar, x: Any) -> Any:
        return e.tanh(x)


@operator
class Softplus(Elementwise):
    """A relu without a corner: out = log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)) (Dugas et al. 2000)."""

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return _softplus(arrays[0])

    def scalar(self, e: Scalar, x: Any) -> Any:
        return e.add(most(e, x, 0.0), _log1p(e, e.exp(e.sub(0.0, e.abs(x)))))


@operator
class Hardsigmoid(Elementwise):
    """A sigmoid of straight lines: out = min(max(x + 3, 0), 6) / 6 (Howard et al. 2019, arXiv 1905.02244).

    As in PyTorch; ONNX's HardSigmoid has slope 0.2 where nothing else is said, not 1/6.
    """

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return np.clip(arrays[0] + 3, 0, 6) / 6

    def scalar(self, e: Scalar, x: Any) -> Any:
        return _hardsigmoid(e, x)


@operator
class Hardswish(Elementwise):
    """x times its hardsigmoid: out = x * min(max(x + 3, 0), 6) / 6 (Howard et al. 2019, arXiv 1905.02244)."""

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        return x * np.clip(x + 3, 0, 6) / 6

    def scalar(self, e: Scalar, x: Any) -> Any:
        return e.mul(x, _hardsigmoid(e, x))


def _hardsigmoid(e: Scalar, x: Any) -> Any:
    return e.mul(least(e, most(e, e.add(x, 3.0), 0.0), 6.0), 1 / 6)
