"""Convolution and its relatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..diagnostics import Refusal
from ..ir.kinds import flag, optional_literal, pair, sides, whole
from ..ir.operator import Array, Derived, Operator, ParamSpec, attr, operator
from ..ir.types import Size, Type

Pair = tuple[int, int]
Sides = str | tuple[int, int, int, int]


@dataclass(frozen=True)
class Window:
    """A sliding window over the last two axes: `pad` is (top, left, bottom, right), resolved to numbers."""

    kernel: Pair
    stride: Pair
    pad: tuple[Size, Size, Size, Size]
    dilation: Pair
    ceil: bool = False

    @staticmethod
    def over(x: Type, kernel: Pair, stride: Pair, pad: Sides, dilation: Pair = (1, 1), ceil: bool = False) -> Window:
        """The window of an operator on an input; `same` puts the odd pixel at the end. Raises `Refusal`."""
        if x.rank != 4:
            raise Refusal("E0307", f"a window wants a 4-D tensor, got {x}")
        if isinstance(pad, str):
            down, across = (_same(s, k, st, d) for s, k, st, d in zip(x.shape[2:], kernel, stride, dilation, strict=True))
            pad = (down // 2, across // 2, down - down // 2, across - across // 2)  # type: ignore[assignment]
        window = Window(kernel, stride, pad, dilation, ceil)  # type: ignore[arg-type]
        for name, size, reach, room in zip(("height", "width"), x.shape[2:], window.reach, window.room(x), strict=True):
            if room < reach:
                raise Refusal(
                    "E0308",
                    f"the kernel covers {reach} pixels, but the padded {name} is {room}",
                    label=f"{name} {size}",
                    help="a smaller kernel, or more pad",
                )
        return window

    @property
    def reach(self) -> Pair:
        """Pixels from the first to the last tap, both included."""
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return (kh - 1) * dh + 1, (kw - 1) * dw + 1

    def room(self, x: Type) -> tuple[Size, Size]:
        """Height and width of the padded input."""
        top, left, bottom, right = self.pad
        return x.height + top + bottom, x.width + left + right

    def output_size(self, x: Type) -> tuple[Size, Size]:
        """Windows that fit; with `ceil` also a last one that starts inside the input or its left pad."""
        return tuple(  # type: ignore[return-value]
            _count(size, room, first, reach, stride, self.ceil)
            for size, room, first, reach, stride in zip(
                x.shape[2:], self.room(x), self.pad[:2], self.reach, self.stride, strict=True
            )
        )


def _same(size: Size, kernel: int, stride: int, dilation: int) -> Size:
    """Total padding for `output = ceil(size / stride)`."""
    need = (-(-size // stride) - 1) * stride + (kernel - 1) * dilation + 1 - size
    return need if need > 0 else 0


def _count(size: Size, room: Size, first: Size, reach: int, stride: int, ceil: bool) -> Size:
    if not ceil:
        return (room - reach) // stride + 1
    count = -(-(room - reach) // stride) + 1
    return count - 1 if (count - 1) * stride >= size + first else count


def windows_of(x: Array, window: Window, fill: float, out: Pair) -> Array:
    """`x` [..., H, W] as its windows [..., out_h, out_w, kh, kw], the padding filled with `fill`."""
    top, left, _, _ = window.pad
    (kh, kw), (sh, sw), (dh, dw) = window.kernel, window.stride, window.dilation
    high, wide = (out[0] - 1) * sh + window.reach[0], (out[1] - 1) * sw + window.reach[1]
    high, wide = max(high, top + x.shape[-2]), max(wide, left + x.shape[-1])
    padded = np.full((*x.shape[:-2], high, wide), fill, x.dtype)
    padded[..., top : top + x.shape[-2], left : left + x.shape[-1]] = x
    every = np.lib.stride_tricks.sliding_window_view(padded, window.reach, axis=(-2, -1))
    every = every[..., : out[0] * sh : sh, : out[1] * sw : sw, ::dh, ::dw]
    return every[..., : out[0], : out[1], :kh, :kw]


def _groups_divide(groups: int, channels: Size, out: Size) -> None:
    if channels % groups or out % groups:
        fitting = [g for g in range(1, 65) if channels % g == 0 and out % g == 0]
        raise Refusal(
            "E0311",
            f"{groups} groups do not divide {channels} input and {out} output channels",
            help=f"groups that do: {', '.join(map(str, fitting))}",
        )


UNLESS_LITERAL = Derived("true", lambda given: given["weight"] is None)


@operator
class Conv(Operator):
    """Cross-correlation of an image with learned kernels.

    out[n, o, y, x] = b[o] + sum over i, v, u of in[n, i, y*s - p + v*d, x*s - p + u*d] * w[o, i, v, u]
    (Dumoulin & Visin 2016, arXiv 1603.07285).
    """

    channels: int = attr(whole, "number of output channels", at_least=1)
    kernel: Pair = attr(pair, "height and width of the window", at_least=1)
    stride: Pair = attr(pair, "pixels between windows", default=(1, 1), at_least=1)
    pad: Sides = attr(sides, "zero rim", default=(0, 0, 0, 0), at_least=0)
    dilation: Pair = attr(pair, "pixels between taps", default=(1, 1), at_least=1)
    groups: int = attr(whole, "independent groups of channels", default=1, at_least=1)
    bias: bool = attr(flag, "add a learned constant to each channel", default=UNLESS_LITERAL)
    weight: Any = attr(optional_literal, "literal, frozen kernels instead of learned ones", default=None)

    def window(self, x: Type) -> Window:
        return Window.over(x, self.kernel, self.stride, self.pad, self.dilation)

    def params(self, *types: Type) -> dict[str, ParamSpec]:
        (x,) = types
        weight = ParamSpec((self.channels, x.channels // self.groups, *self.kernel), start="kaiming")
        return {"weight": weight, **({"bias": ParamSpec((self.channels,))} if self.bias else {})}

    def infer(self, *types: Type) -> Type:
        (x,) = types
        window = self.window(x)
        _groups_divide(self.groups, x.channels, self.channels)
        return x.with_shape(self.channels, *window.output_size(x))

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,), weight, bias = arrays, params["weight"], params.get("bias")
        image = Type("f32", x.shape)
        window, out = self.window(image), self.infer(image)
        grouped = x.reshape(len(x), self.groups, -1, *x.shape[2:])
        patches = windows_of(grouped, window, 0.0, out.known[1:])  # [n, g, i, y, x, v, u]
        kernels = weight.reshape(self.groups, -1, *weight.shape[1:])  # [g, o, i, v, u]
        y = np.einsum("ngiyxvu,goivu->ngoyx", patches, kernels, optimize=True)
        y = y.reshape(len(x), *out.known)
        return y if bias is None else y + bias[:, None, None]
