"""Scores as probabilities, and the best of them."""

from __future__ import annotations

import numpy as np

from ..ir.kinds import whole
from ..ir.operator import Array, Operator, attr, operator
from ..ir.types import Type
from .rules import want_axis, want_real


@operator
class Softmax(Operator):
    """Scores as probabilities, which sum to 1 along one axis: out = exp(x - m) / sum of exp(x - m).

    m is the maximum along the axis, so that nothing overflows; the sum is along the axis too.
    """

    axis: int = attr(whole, "the axis that sums to 1", default=1, at_least=1)

    def infer(self, *types: Type) -> Type:
        want_real(self, *types)
        want_axis(self, self.axis, *types)
        return types[0]

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        weights = np.exp(x - x.max(self.axis, keepdims=True))
        return weights / weights.sum(self.axis, keepdims=True)


@operator
class LogSoftmax(Operator):
    """The logarithms of softmax, exact where those are tiny: out = (x - m) - log(sum of exp(x - m)).

    m is the maximum along the axis, and the sum is along it too.
    """

    axis: int = attr(whole, "the axis of the classes", default=1, at_least=1)

    def infer(self, *types: Type) -> Type:
        want_real(self, *types)
        want_axis(self, self.axis, *types)
        return types[0]

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        below = x - x.max(self.axis, keepdims=True)
        return below - np.log(np.exp(below).sum(self.axis, keepdims=True))


@operator
class Argmax(Operator):
    """Where the maximum is along one axis, which goes; the first of equals, and NaN counts as the maximum."""

    axis: int = attr(whole, "the axis that goes", default=1, at_least=1)

    def infer(self, *types: Type) -> Type:
        (x,) = types
        want_real(self, x)
        want_axis(self, self.axis, x)
        return Type("i64", (*x.shape[: self.axis], *x.shape[self.axis + 1 :]))

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return arrays[0].argmax(self.axis)
