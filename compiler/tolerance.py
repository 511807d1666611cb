"""How far a float32 kernel may lie from the truth: the error policy, in one place.

The truth is the interpreter's definition in float64, on the inputs that the kernel really received. With u = 2**-24,
the largest relative error of one float32 rounding, an operator adds to what its operands bring along

    weighted sums of n products   (2 + sqrt(n)) u (sum |x||w| + |b|), by Winograd's algorithm some more (`ALGORITHMS`)
    moves, maxima                 nothing
    elementwise operators         a few u of the numbers that are added or multiplied last (the table `ELEMENTWISE`)
    softmax, norms                first-order bounds, argued at their rules

never something relative to the result alone, which cancellation may have left small. n roundings of a sum of absolute
size S amount to n u S at worst and to about sqrt(n) u S when their signs are random (Higham & Mary 2019); 2 u S more
are for the rounding of products on CPUs without fused multiply-add, of folded weights and of the bias. One product that
is missing, or weights of fewer bits, exceed that by far.

Errors of operands pass through linear operators by their absolute weights and are otherwise probed: the operator is
applied to operands moved both ways by their bounds. That is exact for monotone operators; between the ends a smooth
one lies at most an error's square further.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod, sqrt
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ..runtime.errors import InternalError
from .ir.graph import Graph, Node, Param
from .ir.operator import Array
from .ir.types import Type
from .ops.pool import part

U = 2.0**-24
UNDERFLOW = 2.0**-120  # errors below this are float32's floor, not a kernel's: 2**-126 times a factor or two
LARGEST = float(np.finfo(np.float32).max)


class Algorithm(NamedTuple):
    """How an algorithm's errors compare with the plain sum's: `factor` times as large. One with a `reach` mixes each
    pixel with all that are up to so many taps away, and all taps with one another, before it multiplies."""

    factor: float
    reach: int = 0


# Winograd's transforms mix the inputs of a tile, which lie up to m + 1 apart, and the taps of a filter: a large number
# leaves its rounding errors on all outputs of its tile. Random layers of 1 to 512 channels, their numbers normal,
# positive, around 10, or spread over orders of magnitude, need factors of 0.50 and 1.34.
ALGORITHMS = {"winograd2": Algorithm(1.0, 3), "winograd4": Algorithm(2.0, 5)}
PLAIN_SUM = Algorithm(1.0)


class Expected(NamedTuple):
    """A tensor's exact numbers, and for each how far a kernel's may lie from it."""

    exact: Array
    bound: Array

    def error(self, given: Array) -> Array:
        """How far each of a kernel's numbers lies from the truth; past float32's range the infinity is right."""
        exact = self.exact.astype(np.float64)
        overflow = np.abs(exact) + self.bound > LARGEST
        exact = np.where(overflow & np.isinf(given), np.copysign(np.inf, exact), exact)
        return distance(exact, given)

    def misses(self, given: Array) -> Array:
        """Where a kernel's numbers lie outside the bound."""
        return self.error(given) > self.bound


def distance(a: Array, b: Array) -> Array:
    """|a - b|: nothing where both are NaN or the same infinity, infinite where one of them is not finite."""
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(all="ignore"):
        return np.where(same, 0.0, np.nan_to_num(np.abs(a.astype(np.float64) - b), nan=np.inf))


def received(array: Array) -> Expected:
    """What a kernel is given: exact by definition."""
    exact = array if array.dtype.kind == "i" and array.dtype.itemsize == 8 else array.astype(np.float64)
    return Expected(exact, np.zeros(array.shape))


def expected(
    graph: Graph, inputs: Mapping[str, Array], *, algorithms: Mapping[str, str] = {}, keep: bool = False
) -> dict[str, Expected]:
    """What kernels may answer for a graph's outputs, by name; with `keep` for all of its values.

    `algorithms` tells by which one a node is computed, by the node's name; the plain sum is assumed.
    """
    values = {value.name: received(np.asarray(inputs[value.name])) for value in graph.inputs}
    values |= _values(graph, values, graph.params, algorithms)
    return values if keep else {name: values[value.name] for name, value in graph.outputs.items()}


def expected_of(
    node: Node, operands: Sequence[Expected], params: Mapping[str, Param], algorithms: Mapping[str, str] = {}
) -> tuple[Expected, ...]:
    """What a kernel may answer for one node, a fused region among them; `received` makes operands of arrays."""
    if node.body is not None:
        given = {value.name: operand for value, operand in zip(node.body.inputs, operands, strict=True)}
        values = {**given, **_values(node.body, given, params, algorithms)}
        return tuple(values[value.name] for value in node.outputs)
    weights = {role: _data(params, name) for role, name in node.weights.items()}
    case = Case(node.op, operands, weights, ALGORITHMS.get(algorithms.get(node.name, ""), PLAIN_SUM))
    if node.op.name not in RULES:
        raise InternalError(f"no error bound is known for `{node.op.name}`")
    with np.errstate(all="ignore"):
        results = case.apply(*case.exact)
        return tuple(
            Expected(exact, _finished(exact, moved, own))
            for exact, (moved, own) in zip(results, RULES[node.op.name](case, results), strict=True)
        )


def _values(
    graph: Graph, given: Mapping[str, Expected], params: Mapping[str, Param], algorithms: Mapping[str, str]
) -> dict[str, Expected]:
    values = dict(given)
    for node in graph.nodes():
        if node.op.name != "input":
            operands = [values[value.name] for value in graph.operands(node)]
            results = expected_of(node, operands, params, algorithms)
            values |= {value.name: result for value, result in zip(node.outputs, results, strict=True)}
    return values


def _data(params: Mapping[str, Param], name: str) -> Array:
    data = params[name].data
    assert data is not None, "the graph's weights are bound"
    return data.astype(np.float64)


def _finished(exact: Array, moved: Array, own: Array) -> Array:
    """The bound: a result that is not finite allows no other, unless its operands' errors do."""
    bound = np.where(np.isfinite(exact), moved + own + UNDERFLOW * (own > 0), np.where(np.isinf(moved), np.inf, 0.0))
    return np.nan_to_num(bound, nan=np.inf, posinf=np.inf)


@dataclass(frozen=True)
class Case:
    """One application of an operator by an algorithm."""

    op: Any
    operands: Sequence[Expected]
    weights: Mapping[str, Array]
    algorithm: Algorithm

    @property
    def exact(self) -> list[Array]:
        return [operand.exact for operand in self.operands]

    @property
    def errors(self) -> list[Array]:
        return [operand.bound for operand in self.operands]

    @property
    def sizes(self) -> list[Array]:
        """The largest magnitudes that a kernel may have received."""
        return [np.abs(operand.exact) + operand.bound for operand in self.operands]

    def apply(self, *arrays: Array, weights: Mapping[str, Array] | None = None) -> tuple[Array, ...]:
        result = self.op.reference(*arrays, **(self.weights if weights is None else weights))
        return result if isinstance(result, tuple) else (result,)

    def probed(self, result: Array) -> Array:
        """How far the result moves when each operand in turn moves by its error, up or down."""
        total = np.zeros(result.shape)
        for i, (exact, error) in enumerate(self.operands):
            if not error.any():
                continue
            ends = [[*self.exact[:i], exact + sign * error, *self.exact[i + 1 :]] for sign in (1, -1)]
            total += np.maximum(*(distance(self.apply(*end)[0], result) for end in ends))
        return total


Results: TypeAlias = tuple[Array, ...]
Bounds: TypeAlias = "Iterator[tuple[Array, Array]]"  # for each result: what operands' errors move, what is added
RULES: dict[str, Callable[[Case, Results], Bounds]] = {}


# Weighted sums


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


def _weighted_sum(case: Case, _: Results) -> Bounds:
    """The policy itself. Means are sums of equal weights."""
    weights = {role: np.abs(array) for role, array in case.weights.items()}
    (size,) = _mixed(case, weights) if case.algorithm.reach else case.apply(*case.sizes, weights=weights)
    unbiased = {role: array for role, array in weights.items() if role != "bias"}
    moved = case.apply(*case.errors, weights=unbiased)[0] if case.errors[0].any() else np.zeros(size.shape)
    yield moved, case.algorithm.factor * (2 + sqrt(_products(case))) * U * size


def _mixed(case: Case, weights: Mapping[str, Array]) -> Results:
    """The sum of absolute products as if each pixel, of the padding too, and each tap were the largest among those that
    it is mixed with."""
    (x,), (size,) = case.exact, case.sizes
    top, left, bottom, right = case.op.window(Type("f32", x.shape)).sides
    around = np.pad(size, ((0, 0), (0, 0), (top, bottom), (left, right)))
    for axis, dilation in zip((2, 3), case.op.dilation, strict=True):
        reach = case.algorithm.reach * dilation
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
    mean, std = (np.abs(np.reshape(v, (-1, *[1] * (y.ndim - 2)))) for v in (case.op.mean, case.op.std))
    return (case.sizes[0] + mean) / std


def _gelu(case: Case, y: Array) -> Array:
    """x (1 + erf) / 2 cancels below zero, where the parenthesis still is a sum of two numbers of size 1."""
    return case.sizes[0]


def _hardsigmoid(case: Case, y: Array) -> Array:
    """x + 3 before it is cut off."""
    return np.minimum(case.sizes[0] + 3, 6) / 6


def _hardswish(case: Case, y: Array) -> Array:
    return case.sizes[0] * _hardsigmoid(case, y)


# By operator: how many u of which magnitude. Numbers in the source are rounded to float32 (1 u), every operation rounds
# (1 u); exp, log, tanh, sigmoid and erf are good to 3 u, as the tests measure. What only selects adds nothing.
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


RULES |= dict.fromkeys(ELEMENTWISE, _elementwise)


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
    """Exact, unless errors let another number be the maximum: then any place may come out."""
    (x,), (error,), axis = case.exact, case.errors, case.op.axis
    rivals = (x + error >= (x - error).max(axis, keepdims=True)).sum(axis)
    open_ = (rivals > 1) & (error.max(axis) > 0)
    yield np.where(open_, np.inf, 0.0), np.zeros(results[0].shape)


RULES |= {"softmax": _softmax, "log_softmax": _softmax, "lrn": _lrn, "argmax": _argmax}
RULES |= dict.fromkeys(("instancenorm", "groupnorm", "layernorm"), _norm)
