"""By operator: how far its operands' errors move a result, and what its own roundings add."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from math import prod, sqrt
from typing import TypeAlias

import numpy as np

from ..ir.operator import Array
from ..ir.types import Type
from ..ops.pool import part
from ..ops.softmax import LogSoftmax
from .case import DOUBLE, LARGEST, Case, Expected, U

Results: TypeAlias = tuple[Array, ...]
Bounds: TypeAlias = "Iterator[tuple[Array, Array]]"  # for each result: what operands' errors move, what is added
RULES: dict[str, Callable[[Case, Results], Bounds]] = {}


# Weighted sums


_FAR = 1e200  # stands for numbers that float32 does not hold: still one times any weight


def _products(case: Case) -> int:
    """How many products an output adds up; for transposed convolutions at most."""
    name, op, weight = case.op.name, case.op, case.weights.get("weight")
    if weight is not None:
        return prod(weight.shape) // weight.shape[1 if name == "conv_transpose" else 0]
    (x,) = case.exact
    if name == "avgpool":
        return prod(op.kernel)
    if name == "adaptive_avgpool":
        parts = zip((op.h, op.w), x.shape[2:], strict=True)
        return prod(max(part(i, n, size).stop - part(i, n, size).start for i in range(n)) for n, size in parts)
    return x.shape[op.axis] if name in ("sum", "mean") else prod(x.shape[2:])


def _undecided(case: Case, weights: Mapping[str, Array]) -> Array | bool:
    """Where anything may come out, since float32 does not hold what is added: NaN where terms or partial sums are past
    it with either sign, or infinity meets a weight of 0; infinity where the exact sum still is a number of float32.
    Operands that are infinite themselves leave no doubt."""
    (x,), (size,) = case.exact, case.sizes
    endless, far = np.isinf(x), np.isfinite(x) & (size > LARGEST)
    if not far.any() and case.apply(size, weights=weights)[0].max(initial=0) <= LARGEST:
        return False
    if case.algorithm.reach:
        x = np.where(far, _FAR, np.where(endless, 0.0, x))
        return _mixed(replace(case, operands=[Expected(x, np.zeros(x.shape))]), weights)[0] > LARGEST
    x = np.where(far | endless, np.copysign(_FAR, x), x)
    factors = {role: array for role, array in case.weights.items() if role != "bias"}

    def part(sign: float) -> Array:
        """The sum of all terms of that sign."""
        if not factors:
            return case.apply(np.maximum(sign * x, 0))[0]
        same, other = ({role: np.maximum(s * w, 0) for role, w in factors.items()} for s in (sign, -sign))
        return case.apply(np.maximum(x, 0), weights=same)[0] + case.apply(np.maximum(-x, 0), weights=other)[0]

    def meets(some: Array, factors: Mapping[str, Array]) -> Array:
        return case.apply(1.0 * some, weights=factors)[0] > 0

    less, more = np.sort([part(1), part(-1)], axis=0)
    times_nothing = meets(far, {role: 1.0 * (w == 0) for role, w in factors.items()}) if factors else False
    doubt = (less > LARGEST) | times_nothing | ((more > LARGEST) & (np.abs(case.apply(*case.exact)[0]) <= LARGEST))
    ones = {role: np.ones(w.shape) for role, w in factors.items()}
    return doubt & (meets(far, ones) | ~meets(endless, ones))


def _weighted_sum(case: Case, _: Results) -> Bounds:
    """The policy itself. Means are sums of equal weights."""
    weights = {role: np.abs(array) for role, array in case.weights.items()}
    (size,) = _mixed(case, weights) if case.algorithm.reach else case.apply(*case.sizes, weights=weights)
    unbiased = {role: array for role, array in weights.items() if role != "bias"}
    moved = case.apply(*case.errors, weights=unbiased)[0] if case.errors[0].any() else np.zeros(size.shape)
    moved = np.where(_undecided(case, weights), np.inf, moved)
    yield moved, case.algorithm.factor * (2 + sqrt(_products(case))) * U * size


def _mixed(case: Case, weights: Mapping[str, Array]) -> Results:
    """The sum of absolute products as if each pixel, of the padding too, and each tap were the largest among those that
    it is mixed with."""
    (x,), (size,) = case.exact, case.sizes
    top, left, bottom, right = case.op.window(Type("f32", x.shape)).sides
    around = np.pad(size, ((0, 0), (0, 0), (top, bottom), (left, right)))
    for axis, dilation, stride in zip((2, 3), case.op.dilation, case.op.stride, strict=True):
        reach = case.algorithm.reach * dilation * stride
        rims = [(0, 0)] * around.ndim
        rims[axis] = (reach, reach)
        around = np.lib.stride_tricks.sliding_window_view(np.pad(around, rims), 2 * reach + 1, axis).max(-1)
    taps = weights["weight"]
    largest = np.broadcast_to(taps.max((2, 3), keepdims=True), taps.shape)
    return (replace(case.op, pad=(0, 0, 0, 0)).reference(around, **{**weights, "weight": largest}),)


def _resize(case: Case, _: Results) -> Bounds:
    """Interpolation: up to 4 x 4 taps. The cubic kernel dips below zero; its absolute weights add up to 1.5 an axis at
    most, times the largest pixel of the channel."""
    taps = {"nearest": 1, "bilinear": 2, "bicubic": 4}[case.op.mode]
    if taps < 4:
        (size,), (moved,) = case.apply(*case.sizes), case.apply(*case.errors)
    else:
        shape = case.apply(*case.exact)[0].shape
        size, moved = (
            np.broadcast_to(2.25 * array.max((2, 3), keepdims=True), shape) for array in (*case.sizes, *case.errors)
        )
    yield moved, (0 if taps == 1 else 4 + taps) * U * size  # 4: weights and places are rounded too


RULES |= dict.fromkeys(
    ("conv", "depthwise", "conv_transpose", "dense", "avgpool", "adaptive_avgpool", "global_avgpool", "sum", "mean"),
    _weighted_sum,
)
RULES |= dict.fromkeys(("resize", "upsample"), _resize)


# Moves


def _move(case: Case, _: Results) -> Bounds:
    """Errors move with their numbers; the maximum of some numbers moves no more than the one that moves most. A window
    that lies in the pad alone has nothing to move."""
    for moved in case.apply(*case.errors):
        yield np.maximum(moved, 0.0), np.zeros(moved.shape)


RULES |= dict.fromkeys(
    (
        "identity", "dropout", "flatten", "reshape", "transpose", "concat", "split", "slice", "pad", "crop",
        "pixel_shuffle", "channel_shuffle", "maxpool", "global_maxpool",
    ),
    _move,
)  # fmt: skip


def _parameter(case: Case, results: Results) -> Bounds:
    yield np.zeros(results[0].shape), np.zeros(results[0].shape)


RULES["param"] = _parameter


# Elementwise operators


def _result(case: Case, y: Array) -> Array:
    return np.abs(y)


def _terms(case: Case, y: Array) -> Array:
    """Of a sum or difference: all its terms."""
    numbers = [abs(number) for number in (case.op.left, case.op.right) if number is not None]
    return sum(case.sizes, np.zeros(y.shape)) + sum(numbers)


def _batchnorm(case: Case, y: Array) -> Array:
    """|x * scale| + |shift|: one rounding of the scale, one of the shift, one or two of the sum."""
    shape = (-1, *[1] * (y.ndim - 2))
    weight, bias, mean, variance = (
        case.weights[role].reshape(shape) for role in ("weight", "bias", "running_mean", "running_var")
    )
    scale = weight / np.sqrt(variance + case.op.eps)
    return case.sizes[0] * np.abs(scale) + np.abs(bias - mean * scale)


def _normalize(case: Case, y: Array) -> Array:
    """(|x| + |mean|) / |std|, by channel or, for any tensor, by one number each."""
    channels = (-1, *[1] * max(0, y.ndim - 2))
    mean, std = (np.abs(np.reshape(v, channels if isinstance(v, tuple) else ())) for v in (case.op.mean, case.op.std))
    return (case.sizes[0] + mean) / std


def _gelu(case: Case, y: Array) -> Array:
    """x times a probability that counts from 1/2: where it is small its error is still one of 1/2."""
    return case.sizes[0]


def _hardsigmoid(case: Case, y: Array) -> Array:
    """x + 3 before it is cut off."""
    return np.minimum(case.sizes[0] + 3, 6) / 6


def _hardswish(case: Case, y: Array) -> Array:
    return case.sizes[0] * _hardsigmoid(case, y)


# By operator: how many u of which magnitude. Numbers in the source are rounded to float32 (1 u), every operation rounds
# (1 u); exp, log, tanh and sigmoid are good to 3 u, the normal distribution to 3 u of 1, as the tests measure. What
# only selects adds nothing.
ELEMENTWISE: dict[str, tuple[float, Callable[[Case, Array], Array]]] = {
    "relu": (0, _result), "relu6": (0, _result), "abs": (0, _result), "threshold": (0, _result), "to_u8": (0, _result),
    "prelu": (1, _result), "sqrt": (1, _result), "clip": (1, _result),
    "leaky_relu": (2, _result), "scale": (2, _result),
    "add": (1, _terms), "sub": (1, _terms), "mul": (1, _result), "div": (1, _result),  # an operand
    "batchnorm": (3, _batchnorm), "normalize": (3, _normalize),
    "exp": (3, _result), "log": (3, _result), "tanh": (3, _result), "sigmoid": (3, _result),
    "silu": (4, _result), "gelu": (3, _gelu),
    "elu": (5, _result), "selu": (6, _result),  # exp(x) - 1 is tanh(x/2) (exp(x) + 1)
    "mish": (7, _result),  # n / (n + 2) of n = w (w + 2), w = exp(x)
    "softplus": (5, _result),
    "hardsigmoid": (3, _hardsigmoid), "hardswish": (4, _hardswish),
}  # fmt: skip


def _elementwise(case: Case, results: Results) -> Bounds:
    (y,) = results
    units, magnitude = ELEMENTWISE[case.op.name]
    if case.op.name in ("add", "sub", "mul", "div"):
        units *= len(case.operands) + (case.op.left is not None) + (case.op.right is not None)
    yield case.probed(y), units * U * np.broadcast_to(magnitude(case, y), y.shape)


def _mul(case: Case, results: Results) -> Bounds:
    """Errors of several factors meet: of two that are 0 but for errors, neither moves the product alone."""
    ((moved, own),) = _elementwise(case, results)
    numbers = prod(abs(number) for number in (case.op.left, case.op.right) if number is not None)
    yield np.fmax(moved, numbers * (prod(case.sizes) - prod(map(np.abs, case.exact)))), own


def _div(case: Case, results: Results) -> Bounds:
    """Where errors reach as far as a divisor of 0, anything may come out. Both operands' errors meet."""
    ((moved, own),) = _elementwise(case, results)
    if case.op.right is None:
        divisor = case.operands[-1]
        size, error = np.abs(divisor.exact), divisor.bound
        both = prod(case.errors) / (size * (size - error)) if len(case.operands) == 2 else 0.0
        moved = np.where(error > 0, np.where(size > error, moved + both, np.inf), moved)
    yield moved, own


RULES |= dict.fromkeys(ELEMENTWISE, _elementwise) | {"mul": _mul, "div": _div}


# Scores and norms


def _softmax(case: Case, results: Results) -> Bounds:
    """y = exp(t) / sum of exp(t), t = x - max. d log y = dx - sum of y dx. The difference t is rounded to u |t|, which
    exp makes a relative error; exp and the division add 3 u and 1 u, the sum of n terms (2 + sqrt(n)) u."""
    x, error, axis = case.exact[0], case.errors[0], case.op.axis
    t = x - x.max(axis, keepdims=True)
    y = np.exp(t) / np.exp(t).sum(axis, keepdims=True)

    def averaged(array: Array) -> Array:
        return (y * array).sum(axis, keepdims=True)

    drift = np.expm1(np.minimum(error + averaged(error), 700)) if error.any() else np.zeros(x.shape)
    rounding = np.abs(t) + averaged(np.abs(t)) + 9 + sqrt(x.shape[axis])
    if case.op.name == "softmax":
        yield y * drift, y * rounding * U
    else:  # the logarithm turns relative errors into absolute ones; 3 u of it and 2 u of the differences come on top
        yield error + averaged(error), (rounding + 2 * np.abs(t) + 3 * np.abs(results[0] - t)) * U


def _lrn(case: Case, results: Results) -> Bounds:
    """x * base**-beta, base = k + alpha/size * (sum of squares). A relative error d of the base becomes beta d; the
    power by logarithm and exponential adds u |beta log base| for its argument's rounding and a few u."""
    op, (x,), (error,), (y,) = case.op, case.exact, case.errors, results

    def energy(array: Array) -> Array:
        before, after = (min(reach, array.shape[1]) for reach in (op.size // 2, (op.size - 1) // 2))
        rims = [(0, 0)] * array.ndim
        rims[1] = (before, after)
        return np.lib.stride_tricks.sliding_window_view(np.pad(array, rims), before + 1 + after, 1).sum(-1)

    base, share = op.k + op.alpha / op.size * energy(x * x), abs(op.alpha) / op.size
    size = abs(op.k) + share * energy(x * x)
    moved = share * energy((2 * np.abs(x) + error) * error) / np.abs(base)
    relative = (
        abs(op.beta) * (4 + sqrt(min(op.size, x.shape[1]))) * size / np.abs(base)
        + 4 * np.abs(op.beta * np.log(base))
        + 8
    )
    yield np.abs(base**-op.beta) * error + np.abs(y) * abs(op.beta) * moved, np.abs(y) * relative * U


def _norm(case: Case, results: Results) -> Bounds:
    """(x - mean) / sqrt(variance + eps), then weight and bias: the errors of its steps, one after the other."""
    op, (x,), (error,) = case.op, case.exact, case.errors
    groups = {"instancenorm": x.shape[1], "groupnorm": getattr(op, "groups", 1), "layernorm": 1}[op.name]
    shape = x.shape if op.name == "layernorm" else (len(x), groups, -1)
    axis = 1 if op.name == "layernorm" else 2
    x, error = x.reshape(shape), error.reshape(shape)
    several = (2 + sqrt(x.shape[axis])) * U

    def mean(array: Array) -> Array:
        return array.mean(axis, keepdims=True)

    centred = x - mean(x)
    variance = mean(centred * centred) + op.eps

    def after(before: Array, several: float, u: float) -> Array:
        """The error of the standardised numbers, for operands' errors and the roundings of sums and steps."""
        shifted = before + mean(before) + several * mean(np.abs(x)) + u * np.abs(centred)
        spread = mean((2 * np.abs(centred) + shifted) * shifted) + several * variance
        return shifted / np.sqrt(variance) + np.abs(centred) / np.sqrt(variance) * (spread / variance + 3 * u)

    moved, own = after(error, 0.0, 0.0), after(np.zeros(x.shape), several, U)
    moved, own, y = (array.reshape(results[0].shape) for array in (moved, own, centred / np.sqrt(variance)))
    if case.weights:
        along = (-1, *[1] * (y.ndim - 2))
        weight, bias = (np.abs(case.weights[role]).reshape(along) for role in ("weight", "bias"))
        moved, own = moved * weight, own * weight + 2 * U * (np.abs(y) * weight + bias)
    yield moved, own


def _argmax(case: Case, results: Results) -> Bounds:
    """Exact, unless errors let another number be the maximum: then any place may come out. Numbers past float32 are all
    alike."""
    (x,), (error,), axis = case.exact, case.errors, case.op.axis
    least = np.minimum((x - error).max(axis, keepdims=True), LARGEST)
    rivals = (x + error >= least).sum(axis)
    open_ = (rivals > 1) & ((error.max(axis) > 0) | (x.max(axis) > LARGEST))
    yield np.where(open_, np.inf, 0.0), np.zeros(results[0].shape)


def _mse(case: Case, results: Results) -> Bounds:
    """Differences, squares and their sum are in double precision, as the mean is until it is rounded to u."""
    (a, b), error = case.exact, sum(case.errors)
    moved = ((2 * np.abs(a - b) + error) * error).mean()
    yield moved, (1 + (a.size + 4) * DOUBLE / U) * U * results[0]


def _cross_entropy(case: Case, results: Results) -> Bounds:
    """The mean of log_softmax's errors at the labels, summed in double precision, and one rounding."""
    scores, labels = case.operands
    case = replace(case, op=LogSoftmax(), operands=[scores])
    ((moved, own),) = _softmax(case, case.apply(scores.exact))
    places = np.clip(labels.exact, 0, scores.exact.shape[1] - 1)[:, None]
    moved, own = (np.take_along_axis(bound, places, 1).mean() for bound in (moved, own))
    open_ = np.inf if labels.bound.any() else 0.0  # another class may be the right one
    yield moved + open_, own + (1 + labels.exact.size * DOUBLE / U) * U * np.abs(results[0])


RULES |= {"softmax": _softmax, "log_softmax": _softmax, "lrn": _lrn, "argmax": _argmax}
RULES |= {"mse": _mse, "cross_entropy": _cross_entropy}
RULES |= dict.fromkeys(("instancenorm", "groupnorm", "layernorm"), _norm)
