"""Normalisation: shift and scale to mean 0 and variance 1, over some axes, then by learned numbers per channel.

Variances are the biased ones, divided by the count. `batchnorm` uses the statistics of its training; the others take
those of the image at hand.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..diagnostics import Refusal
from ..ir.kinds import flag, real, whole
from ..ir.operator import Array, Operator, ParamSpec, Scalar, attr, operator
from ..ir.types import Type
from .rules import want_image, want_real

NO_CHANNELS = "the tensor that arrives says how many channels it has"


def _affine(x: Type) -> dict[str, ParamSpec]:
    return {"weight": ParamSpec((x.channels,), start="ones"), "bias": ParamSpec((x.channels,))}


def _along_channels(table: Array, x: Array) -> Array:
    """One number per channel, shaped to broadcast over [N, C, ...]."""
    return table.reshape(-1, *[1] * (x.ndim - 2))


def _standard(x: Array, axes: tuple[int, ...], eps: float) -> Array:
    centred = x - x.mean(axes, keepdims=True)
    return centred / np.sqrt((centred * centred).mean(axes, keepdims=True) + eps)


def _want_channels(op: Operator, x: Type) -> None:
    want_real(op, x)
    if x.rank < 2:
        raise Refusal("E0307", f"{op.name} wants a tensor with channels on axis 1, got {x}")


@operator
class Batchnorm(Operator):
    """Each channel by its mean and variance in training, then scaled and shifted.

    out[n, c] = (in[n, c] - running_mean[c]) / sqrt(running_var[c] + eps) * weight[c] + bias[c]
    (Ioffe & Szegedy 2015, arXiv 1502.03167)

    In training the statistics are those of the batch, and running = (1 - momentum) * running + momentum * batch. This
    is PyTorch's momentum: Keras' and ONNX's is 1 - momentum.
    """

    eps: float = attr(real, "added to the variance", default=1e-5, at_least=0, below=1, hint=NO_CHANNELS)
    momentum: float = attr(real, "weight of a new batch in the running statistics", default=0.1, at_least=0, at_most=1)

    def params(self, *types: Type) -> dict[str, ParamSpec]:
        (x,) = types
        mean = ParamSpec((x.channels,), trained=False)
        variance = ParamSpec((x.channels,), start="ones", trained=False)
        return {**_affine(x), "running_mean": mean, "running_var": variance}

    def infer(self, *types: Type) -> Type:
        _want_channels(self, *types)
        return types[0]

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        weight, bias, mean, variance = (
            _along_channels(params[role], x) for role in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / np.sqrt(variance + self.eps) * weight + bias

    def tables(self, **params: Array) -> dict[str, Array]:
        wide = {role: np.asarray(table, np.float64) for role, table in params.items()}
        scale = wide["weight"] / np.sqrt(wide["running_var"] + self.eps)
        shift = wide["bias"] - wide["running_mean"] * scale
        return {"scale": scale.astype(np.float32), "shift": shift.astype(np.float32)}

    def scalar(self, e: Scalar, x: Any, *, scale: Any, shift: Any) -> Any:
        return e.fma(x, scale, shift)


@operator
class Instancenorm(Operator):
    """Each channel of each image by its own mean and variance, then scaled and shifted if `affine`.

    out[n, c] = (in[n, c] - mean) / sqrt(variance + eps) * weight[c] + bias[c], both over y, x
    (Ulyanov, Vedaldi & Lempitsky 2016, arXiv 1607.08022).
    """

    eps: float = attr(real, "added to the variance", default=1e-5, at_least=0, below=1, hint=NO_CHANNELS)
    affine: bool = attr(flag, "scale and shift by learned numbers", default=True)

    def params(self, *types: Type) -> dict[str, ParamSpec]:
        return _affine(types[0]) if self.affine else {}

    def infer(self, *types: Type) -> Type:
        (x,) = types
        want_image(self, x)
        want_real(self, x)
        return x

    def reference(self, *arrays: Array, **params: Array) -> Array:
        y = _standard(arrays[0], (2, 3), self.eps)
        return y * _along_channels(params["weight"], y) + _along_channels(params["bias"], y) if self.affine else y


@operator
class Groupnorm(Operator):
    """Groups of neighbouring channels of each image by their joint mean and variance.

    out[n, c] = (in[n, c] - mean) / sqrt(variance + eps) * weight[c] + bias[c], both over y, x and the group of c
    (Wu & He 2018, arXiv 1803.08494).
    """

    groups: int = attr(whole, "number of groups", at_least=1)
    eps: float = attr(real, "added to the variance", default=1e-5, at_least=0, below=1, hint=NO_CHANNELS)

    def params(self, *types: Type) -> dict[str, ParamSpec]:
        return _affine(types[0])

    def infer(self, *types: Type) -> Type:
        (x,) = types
        _want_channels(self, x)
        if x.channels % self.groups:
            fitting = [g for g in range(1, 65) if x.channels % g == 0]
            raise Refusal(
                "E0311",
                f"{self.groups} groups do not divide {x.channels} channels",
                help=f"groups that do: {', '.join(map(str, fitting))}",
            )
        return x

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        y = _standard(x.reshape(len(x), self.groups, -1), (2,), self.eps).reshape(x.shape)
        return y * _along_channels(params["weight"], x) + _along_channels(params["bias"], x)


@operator
class Layernorm(Operator):
    """The channels at each position by their mean and variance, as in ConvNeXt: over axis 1, not over the last axes.

    out[n, c, y, x] = (in[n, c, y, x] - mean) / sqrt(variance + eps) * weight[c] + bias[c], both over c
    (Ba, Kiros & Hinton 2016, arXiv 1607.06450).
    """

    eps: float = attr(real, "added to the variance", default=1e-5, at_least=0, below=1, hint=NO_CHANNELS)

    def params(self, *types: Type) -> dict[str, ParamSpec]:
        return _affine(types[0])

    def infer(self, *types: Type) -> Type:
        _want_channels(self, *types)
        return types[0]

    def reference(self, *arrays: Array, **params: Array) -> Array:
        y = _standard(arrays[0], (1,), self.eps)
        return y * _along_channels(params["weight"], y) + _along_channels(params["bias"], y)


@operator
class Lrn(Operator):
    """Each value damped by its neighbours across channels (Krizhevsky, Sutskever & Hinton 2012).

    out[c] = in[c] / (k + alpha/size * sum of in[j]^2)^beta, j from c - size//2 to c + (size-1)//2

    PyTorch's and ONNX's alpha, which is divided by `size`. An even size reaches one further back, as in PyTorch; in
    ONNX one further on.
    """

    size: int = attr(whole, "channels in the neighbourhood", at_least=1)
    alpha: float = attr(real, "weight of the mean square", default=1e-4, at_least=0)
    beta: float = attr(real, "exponent", default=0.75, at_least=0)
    k: float = attr(real, "added to the weighted mean square", default=1.0, above=0)

    def infer(self, *types: Type) -> Type:
        _want_channels(self, *types)
        return types[0]

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        channels = x.shape[1]
        total = np.zeros_like(x)
        for offset in range(max(-(self.size // 2), 1 - channels), min((self.size - 1) // 2 + 1, channels)):
            low, high = max(0, -offset), min(channels, channels - offset)
            total[:, low:high] += x[:, low + offset : high + offset] ** 2
        return x / (self.k + self.alpha / self.size * total) ** self.beta
