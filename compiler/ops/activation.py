"""Activations: elementwise, one value in, one value out."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.operator import Array, Operator, Scalar, operator
from ..ir.types import Type


class Activation(Operator):
    """Base of the operators that keep type and shape."""

    def infer(self, *types: Type) -> Type:
        return types[0]


@operator
class Relu(Activation):
    """max(x, 0); NaN stays NaN."""

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return np.maximum(arrays[0], 0)

    def scalar(self, e: Scalar, x: Any) -> Any:
        return e.select(e.less(x, 0.0), 0.0, x)
