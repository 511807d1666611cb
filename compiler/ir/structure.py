"""The records that no user writes as a stage: where tensors enter a graph, and regions that fusion made."""

from __future__ import annotations

from .kinds import choice, real, wholes
from .operator import Array, Operator, ParamSpec, attr, operator
from .types import DTYPES, Type


@operator
class Input(Operator):
    """A tensor that the caller gives. Its type is its value's."""

    inputs = 0
    stage = False

    dtype: str = attr(choice(*DTYPES), "element type")


@operator
class Parameter(Operator):
    """A learned tensor as a value: `param gamma: f32[C, 1, 1] = 1e-6`. It has no batch axis. What the compiler makes of
    parameters may be of another type."""

    name = "param"
    inputs = 0
    stage = False

    shape: tuple[int, ...] = attr(wholes, "all sizes", at_least=1)
    start: float = attr(real, "the value that training starts from", default=0.0)
    dtype: str = attr(choice(*DTYPES), "element type", default="f32")

    def params(self, *types: Type) -> dict[str, ParamSpec]:
        return {"value": ParamSpec(self.shape, start=str(self.start))}

    def infer(self, *types: Type) -> Type:
        return Type(self.dtype, self.shape)  # type: ignore[arg-type]

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return params["value"]


@operator
class Fused(Operator):
    """A region: the node's `body` says what it computes. One kernel's work: an anchor, then elementwise operators."""

    inputs = None
    outputs = None
    stage = False
