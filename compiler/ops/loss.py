"""What training makes small. Each gives one number without axes: the mean over all that it compares."""

from __future__ import annotations

import numpy as np

from ..diagnostics import Refusal
from ..ir.operator import Array, Operator, operator
from ..ir.types import Type
from .rules import axis_name, first_difference, want_axis, want_real
from .softmax import LogSoftmax


def _want_equal(op: Operator, a: Type, b: Type, shape: Type) -> None:
    """Refuse unless `a`, seen as `shape`, and `b` have equal sizes."""
    axis = first_difference(shape.shape, b.shape) if shape.rank == b.rank else None
    if axis is not None or shape.rank != b.rank:
        where = f"{shape.rank} and {b.axes}" if axis is None else axis_name(axis, b.rank)
        raise Refusal("E0302", f"{op.name} cannot compare {a} and {b}", label=where)


def _mean(x: Array) -> Array:
    """Of all numbers; NaN of none, without a warning."""
    return np.divide(x.sum(), x.dtype.type(x.size))


@operator
class CrossEntropy(Operator):
    """How little probability scores give to the right classes: out = mean of -log(softmax(scores)[label]).

    Scores [N, C, ...], labels [N, ...] of i64 from 0 to C - 1, classes on axis 1; the mean is over all labels. It
    wants the scores before softmax, which it takes itself. A label that is no class makes the loss NaN.
    """

    inputs = 2

    def infer(self, *types: Type) -> Type:
        scores, labels = types
        want_real(self, scores)
        want_axis(self, 1, scores)
        if labels.dtype != "i64":
            raise Refusal("E0304", f"cross_entropy wants i64 labels, got {labels}", label=labels.dtype)
        _want_equal(self, scores, labels, Type("i64", (*scores.shape[:1], *scores.shape[2:])))
        return Type("f32", ())

    def reference(self, *arrays: Array, **params: Array) -> Array:
        scores, labels = arrays
        logs = LogSoftmax().reference(scores)
        known = (labels >= 0) & (labels < scores.shape[1])
        right = np.take_along_axis(logs, np.where(known, labels, 0)[:, None], axis=1)[:, 0]
        return -_mean(np.where(known, right, np.nan))


@operator
class Mse(Operator):
    """The mean squared difference of two tensors: out = mean of (a - b)^2."""

    inputs = 2

    def infer(self, *types: Type) -> Type:
        a, b = types
        want_real(self, a, b)
        _want_equal(self, a, b, a)
        return Type("f32", ())

    def reference(self, *arrays: Array, **params: Array) -> Array:
        a, b = arrays
        return _mean(np.square(a - b))
