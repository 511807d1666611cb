"""The fully connected layer."""

from __future__ import annotations

from ..diagnostics import Refusal
from ..ir.kinds import flag, whole
from ..ir.operator import Array, Operator, ParamSpec, attr, operator
from ..ir.types import Type
from .rules import product, want_real


@operator
class Dense(Operator):
    """Every output is a weighted sum of all inputs: out[n, o] = b[o] + sum over i of in[n, i] * w[o, i]."""

    units: int = attr(whole, "number of output features", at_least=1)
    bias: bool = attr(flag, "add a learned constant to each feature", default=True)

    def params(self, *types: Type) -> dict[str, ParamSpec]:
        weight = ParamSpec((self.units, types[0].channels), start="kaiming")
        return {"weight": weight, **({"bias": ParamSpec((self.units,))} if self.bias else {})}

    def infer(self, *types: Type) -> Type:
        (x,) = types
        if x.rank != 2:
            raise Refusal("E0307", f"dense wants a 2-D tensor, got {x}", label=x.axes, help=_cure(x))
        want_real(self, x)
        return x.with_shape(self.units)

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,), weight, bias = arrays, params["weight"], params.get("bias")
        y = x @ weight.T
        return y if bias is None else y + bias


def _cure(x: Type) -> str:
    if x.rank < 2:
        return ""
    known = all(isinstance(size, int) for size in x.shape[1:])
    flat = f"insert flatten ({product(x.shape[1:]):,} features)" if known else "insert flatten"
    if x.rank != 4 or x.shape[2:] == (1, 1):
        return flat
    return f"{flat}, or global_avgpool -> flatten" + (f" ({x.channels})" if known else "")
