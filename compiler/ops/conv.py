"""Convolution and its relatives."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..diagnostics import Refusal
from ..ir.kinds import flag, optional_literal, padding, pair, whole
from ..ir.operator import Array, Derived, Operator, ParamSpec, attr, operator
from ..ir.types import Size, Type, ints
from .rules import want_image, want_real

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
        if isinstance(pad, str):
            down, across = (
                _same(s, k, st, d) for s, k, st, d in zip(x.shape[2:], kernel, stride, dilation, strict=True)
            )
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
    def sides(self) -> tuple[int, int, int, int]:
        """The pad, once all sizes are known."""
        top, left, bottom, right = ints(self.pad)
        return top, left, bottom, right

    @property
    def reach(self) -> Pair:
        """Pixels from the first to the last tap, both included."""
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return (kh - 1) * dh + 1, (kw - 1) * dw + 1

    def overhang(self, image: Sequence[int], out: Sequence[int]) -> tuple[int, int, int, int]:
        """How far taps reach past each side of an image, once all sizes are known: `sides` or less where windows do not
        come out even."""
        top, left, _, _ = self.sides
        below, right = (
            max(0, (count - 1) * stride + reach - before - size)
            for count, stride, reach, before, size in zip(out, self.stride, self.reach, (top, left), image, strict=True)
        )
        return top, left, below, right

    def room(self, x: Type) -> tuple[Size, Size]:
        """Height and width of the padded input."""
        top, left, bottom, right = self.pad
        return x.height + (top + bottom), x.width + (left + right)

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
        return (room + (stride - reach)) // stride
    count = -(-(room - reach) // stride) + 1
    return count - 1 if (count - 1) * stride >= size + first else count


def windows_of(x: Array, window: Window, fill: float, out: tuple[int, ...]) -> Array:
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
COLUMNS = 1 << 23  # elements of unfolded windows held at a time


@operator
class Conv(Operator):
    """Cross-correlation of an image with learned kernels.

    out[n, o, y, x] = b[o] + sum over i, v, u of in[n, i, y*s - p + v*d, x*s - p + u*d] * w[o, i, v, u]
    (Dumoulin & Visin 2016, arXiv 1603.07285).

    What lies outside of the image is 0. Of H rows it makes `(H + top + bottom - d*(kernel - 1) - 1)//s + 1`; `same`
    pads so that these are H/s, rounded up. With `groups`, the g-th part of the output channels sees only the g-th
    part of the input channels, which i then counts.

    Literal kernels stand in nested lists: `[kh][kw]` for all channels alike, `[out][in/groups][kh][kw]`, or, for a
    1x1 kernel, the numbers in one list.
    """

    channels: int = attr(whole, "number of output channels", at_least=1)
    kernel: Pair = attr(pair, "height and width of the window", at_least=1)
    stride: Pair = attr(pair, "pixels between windows", default=(1, 1), at_least=1)
    pad: Sides = attr(padding, "zero rim", default=(0, 0, 0, 0), at_least=0)
    dilation: Pair = attr(pair, "pixels between taps", default=(1, 1), at_least=1)
    groups: int = attr(whole, "independent groups of channels", default=1, at_least=1)
    bias: bool = attr(
        flag, "add a learned constant to each channel; false beside a literal weight", default=UNLESS_LITERAL
    )
    weight: Any = attr(optional_literal, "literal, frozen kernels instead of learned ones", default=None)

    def window(self, x: Type) -> Window:
        return Window.over(x, self.kernel, self.stride, self.pad, self.dilation)

    def params(self, *types: Type) -> dict[str, ParamSpec]:
        (x,) = types
        shape = (self.channels, x.channels // self.groups, *self.kernel)
        if self.weight is None:
            weight = ParamSpec(shape, start="kaiming")
        else:
            weight = ParamSpec(shape, trained=False, data=self._literal(shape))
        return {"weight": weight, **({"bias": ParamSpec((self.channels,))} if self.bias else {})}

    @cached_property
    def _given(self) -> Array:
        return np.array(self.weight, np.float32)

    def _literal(self, shape: tuple[Size, ...]) -> Callable[[], Array]:
        """What makes the kernels in full: given so, or one [kh][kw] for all channels, or a flat list for 1x1."""
        full, given = ints(shape), self._given
        if given.shape == full:
            return lambda: given
        if given.shape == self.kernel:
            return lambda: np.broadcast_to(given, full)
        if given.ndim == 1 and self.kernel == (1, 1) and given.size == full[0] * full[1]:
            return lambda: given.reshape(full)
        flat = f", or {full[0] * full[1]} numbers" if self.kernel == (1, 1) else ""
        raise Refusal(
            "E0306",
            f"the literal weight has shape {list(given.shape)}, but the kernels have {list(full)}",
            help=f"give {list(full)}, or one kernel {list(self.kernel)} for all channels{flat}",
        )

    def infer(self, *types: Type) -> Type:
        (x,) = types
        want_image(self, x)
        want_real(self, x)
        window = self.window(x)
        _groups_divide(self.groups, x.channels, self.channels)
        return x.with_shape(self.channels, *window.output_size(x))

    def reference(self, *arrays: Array, **params: Array) -> Array:
        """The sum as a product of matrices: kernels [o, i*v*u] times windows [i*v*u, y*x], some rows at a time."""
        (x,), weight, bias = arrays, params["weight"], params.get("bias")
        image = Type("f32", x.shape)
        channels, high, wide = self.infer(image).known
        kernels = weight.reshape(self.groups, channels // self.groups, -1)
        grouped = x.reshape(len(x), self.groups, x.shape[1] // self.groups, *x.shape[2:])
        windows = windows_of(grouped, self.window(image), 0.0, (high, wide))  # [n, g, i, y, x, v, u]
        windows = windows.transpose(0, 1, 2, 5, 6, 3, 4)
        taps = x.shape[1] * math.prod(self.kernel)
        rows = max(1, COLUMNS // (taps * wide))
        y = np.empty((len(x), self.groups, channels // self.groups, high, wide), x.dtype)
        for n, top in itertools.product(range(len(x)), range(0, high, rows)):
            part = windows[n, ..., top : top + rows, :]
            columns = part.reshape(self.groups, taps // self.groups, -1)
            y[n, :, :, top : top + rows] = (kernels @ columns).reshape(*y.shape[1:3], -1, wide)
        y = y.reshape(len(x), channels, high, wide)
        return y if bias is None else y + bias[:, None, None]


@operator
class Depthwise(Operator):
    """A kernel of its own for each channel: convolution with as many groups as channels.

    out[n, c, y, x] = b[c] + sum over v, u of in[n, c, y*s - p + v*d, x*s - p + u*d] * w[c, 0, v, u]
    (Chollet 2016, arXiv 1610.02357).
    """

    kernel: Pair = attr(pair, "height and width of the window", at_least=1)
    stride: Pair = attr(pair, "pixels between windows", default=(1, 1), at_least=1)
    pad: Sides = attr(padding, "zero rim", default=(0, 0, 0, 0), at_least=0)
    dilation: Pair = attr(pair, "pixels between taps", default=(1, 1), at_least=1)
    bias: bool = attr(flag, "add a learned constant to each channel", default=True)

    def window(self, x: Type) -> Window:
        return Window.over(x, self.kernel, self.stride, self.pad, self.dilation)

    def params(self, *types: Type) -> dict[str, ParamSpec]:
        channels = types[0].channels
        weight = ParamSpec((channels, 1, *self.kernel), start="kaiming")
        return {"weight": weight, **({"bias": ParamSpec((channels,))} if self.bias else {})}

    def infer(self, *types: Type) -> Type:
        (x,) = types
        want_image(self, x)
        want_real(self, x)
        return x.with_shape(x.channels, *self.window(x).output_size(x))

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,), weight, bias = arrays, params["weight"], params.get("bias")
        image = Type("f32", x.shape)
        windows = windows_of(x, self.window(image), 0.0, self.infer(image).known[1:])
        y = np.zeros(windows.shape[:-2], x.dtype)
        for v, u in np.ndindex(self.kernel):
            y += windows[..., v, u] * weight[:, :, v, u, None]
        return y if bias is None else y + bias[:, None, None]


@operator
class ConvTranspose(Operator):
    """Each input pixel stamps its multiple of the kernel onto the output: the gradient of a convolution.

    out[n, o, y*s - p + v*d, x*s - p + u*d] += in[n, i, y, x] * w[i, o, v, u] for all i, y, x, v, u, beginning with b[o]
    (Zeiler et al. 2010; Dumoulin & Visin 2016, arXiv 1603.07285).

    Of H rows it makes `(H - 1)*s + d*(kernel - 1) + 1 - top - bottom`, the pad being what is cut off, and
    `output_pad` more at the end. With `same` these are H*s.
    """

    channels: int = attr(whole, "number of output channels", at_least=1)
    kernel: Pair = attr(pair, "height and width of the window", at_least=1)
    stride: Pair = attr(pair, "output pixels between stamps", default=(1, 1), at_least=1)
    pad: Sides = attr(padding, "rim cut off the output", default=(0, 0, 0, 0), at_least=0)
    output_pad: Pair = attr(pair, "rows and columns more at the end", default=(0, 0), at_least=0)
    dilation: Pair = attr(pair, "pixels between taps", default=(1, 1), at_least=1)
    groups: int = attr(whole, "independent groups of channels", default=1, at_least=1)
    bias: bool = attr(flag, "add a learned constant to each channel", default=True)

    @property
    def reach(self) -> Pair:
        """Pixels from the first to the last tap, both included."""
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return (kh - 1) * dh + 1, (kw - 1) * dw + 1

    @property
    def cut(self) -> tuple[int, int, int, int]:
        """The pad as (top, left, bottom, right), `same` resolved."""
        if not isinstance(self.pad, str):
            return self.pad
        down, across = (r + o - s for r, o, s in zip(self.reach, self.output_pad, self.stride, strict=True))
        if min(down, across) < 0:
            raise Refusal("E0305", "same wants a kernel that covers at least the stride", help="pad=0 and output_pad")
        return down // 2, across // 2, down - down // 2, across - across // 2

    def params(self, *types: Type) -> dict[str, ParamSpec]:
        shape = (types[0].channels, self.channels // self.groups, *self.kernel)
        weight = ParamSpec(shape, start="kaiming")
        return {"weight": weight, **({"bias": ParamSpec((self.channels,))} if self.bias else {})}

    def infer(self, *types: Type) -> Type:
        (x,) = types
        want_image(self, x)
        want_real(self, x)
        _groups_divide(self.groups, x.channels, self.channels)
        top, left, bottom, right = self.cut
        for more, stride, dilation in zip(self.output_pad, self.stride, self.dilation, strict=True):
            if more >= max(stride, dilation):
                raise Refusal(
                    "E0305", f"output_pad is {more}, but must be less than the stride or the dilation", label=str(more)
                )
        sizes = zip(x.shape[2:], self.stride, self.reach, self.output_pad, (top + bottom, left + right), strict=True)
        high, wide = ((size - 1) * s + reach + more - cut for size, s, reach, more, cut in sizes)
        for name, size in (("height", high), ("width", wide)):
            if size < 1:
                raise Refusal("E0312", f"the output's {name} would be {size}", help="less pad, or a larger kernel")
        return x.with_shape(self.channels, high, wide)

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,), weight, bias = arrays, params["weight"], params.get("bias")
        channels, high, wide = self.infer(Type("f32", x.shape)).known
        (sh, sw), (dh, dw), (top, left, bottom, right) = self.stride, self.dilation, self.cut
        n, _, h, w = x.shape
        pixels = x.reshape(n, self.groups, -1, h * w)
        kernels = weight.reshape(self.groups, -1, *weight.shape[1:])  # [g, i, o, v, u]
        canvas = np.zeros((n, channels, high + top + bottom, wide + left + right), x.dtype)
        for v, u in np.ndindex(self.kernel):
            stamps = kernels[..., v, u].swapaxes(1, 2) @ pixels
            rows, columns = slice(v * dh, v * dh + h * sh, sh), slice(u * dw, u * dw + w * sw, sw)
            canvas[:, :, rows, columns] += stamps.reshape(n, channels, h, w)
        y = canvas[:, :, top : top + high, left : left + wide]
        return y if bias is None else y + bias[:, None, None]
