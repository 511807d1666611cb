"""Pooling: a window, or the whole image, as one number per channel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..diagnostics import Refusal
from ..ir.kinds import flag, padding, pair, whole
from ..ir.operator import Array, Derived, Operator, attr, operator
from ..ir.types import Type, ints
from .conv import Pair, Sides, Window, windows_of
from .rules import want_image, want_real

KERNEL = Derived("kernel", lambda given: given["kernel"])


def _not_all_pad(op: Operator, window: Window) -> Window:
    """Refuse a pad in which a whole window would lie: it would have no maximum and no mean."""
    for p, reach in zip(window.pad, (*window.reach, *window.reach), strict=True):
        if p >= reach:
            raise Refusal(
                "E0308", f"{op.name} has windows of {reach} pixels that lie in the pad of {p}", help="less pad"
            )
    return window


@operator
class MaxPool(Operator):
    """The maximum of each window; the pad is -inf, and NaN wins.

    out[n, c, y, x] = max over v, u of in[n, c, y*s - p + v*d, x*s - p + u*d]

    Of H rows it makes `(H + top + bottom - d*(kernel - 1) - 1)//s + 1`. `ceil` rounds up instead, which keeps a last
    window that ends past the pad if it begins in the input or the pad before it: PyTorch's `ceil_mode`.
    """

    name = "maxpool"

    kernel: Pair = attr(pair, "height and width of the window", at_least=1)
    stride: Pair = attr(pair, "pixels between windows", default=KERNEL, at_least=1)
    pad: Sides = attr(padding, "rim of -inf", default=(0, 0, 0, 0), at_least=0)
    dilation: Pair = attr(pair, "pixels between taps", default=(1, 1), at_least=1)
    ceil: bool = attr(flag, "keep a last window that is not whole", default=False)

    def window(self, x: Type) -> Window:
        return _not_all_pad(self, Window.over(x, self.kernel, self.stride, self.pad, self.dilation, self.ceil))

    def infer(self, *types: Type) -> Type:
        (x,) = types
        want_image(self, x)
        want_real(self, x)
        return x.with_shape(x.channels, *self.window(x).output_size(x))

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        image = Type("f32", x.shape)
        windows = windows_of(x, self.window(image), -np.inf, self.infer(image).known[1:])
        y = windows[..., 0, 0]
        for v, u in np.ndindex(self.kernel):
            y = np.maximum(y, windows[..., v, u])
        return y


@operator
class AvgPool(Operator):
    """The mean of each window.

    out[n, c, y, x] = sum over v, u of in[n, c, y*s - p + v, x*s - p + u] / how many of these lie in the input

    With `count_pad` the divisor counts the pad too, but not what `ceil` adds past it, as in PyTorch. How many windows
    there are, and what `ceil` keeps, is as with maxpool.
    """

    name = "avgpool"

    kernel: Pair = attr(pair, "height and width of the window", at_least=1)
    stride: Pair = attr(pair, "pixels between windows", default=KERNEL, at_least=1)
    pad: Sides = attr(padding, "rim of zeros", default=(0, 0, 0, 0), at_least=0)
    ceil: bool = attr(flag, "keep a last window that is not whole", default=False)
    count_pad: bool = attr(flag, "divide by the pixels of the pad too", default=False)

    def window(self, x: Type) -> Window:
        return _not_all_pad(self, Window.over(x, self.kernel, self.stride, self.pad, ceil=self.ceil))

    def infer(self, *types: Type) -> Type:
        (x,) = types
        want_image(self, x)
        want_real(self, x)
        return x.with_shape(x.channels, *self.window(x).output_size(x))

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        image = Type("f32", x.shape)
        window, out = self.window(image), self.infer(image).known[1:]
        total = windows_of(x, window, 0.0, out).sum((-2, -1))
        if self.count_pad:
            counted = windows_of(
                np.ones(ints(window.room(image)), x.dtype), replace(window, pad=(0, 0, 0, 0)), 0.0, out
            )
        else:
            counted = windows_of(np.ones(x.shape[2:], x.dtype), window, 0.0, out)
        return total / counted.sum((-2, -1))


@operator
class GlobalAvgpool(Operator):
    """The mean of each channel: out[n, c, 0, 0] = mean over y, x of in[n, c, y, x].

    (Lin, Chen & Yan 2013, arXiv 1312.4400.)
    """

    def infer(self, *types: Type) -> Type:
        (x,) = types
        want_image(self, x)
        want_real(self, x)
        return x.with_shape(x.channels, 1, 1)

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return arrays[0].mean((2, 3), keepdims=True)


@operator
class GlobalMaxpool(Operator):
    """The maximum of each channel: out[n, c, 0, 0] = max over y, x of in[n, c, y, x]."""

    def infer(self, *types: Type) -> Type:
        (x,) = types
        want_image(self, x)
        want_real(self, x)
        return x.with_shape(x.channels, 1, 1)

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return arrays[0].max((2, 3), keepdims=True)


@operator
class AdaptiveAvgpool(Operator):
    """Means over h x w nearly equal parts, as in PyTorch.

    out[n, c, i, j] = mean of the rows from floor(i*H/h) up to, not including, ceil((i+1)*H/h), columns likewise

    Neighbours overlap where h does not divide H.
    """

    h: int = attr(whole, "rows of the output", at_least=1)
    w: int = attr(whole, "columns of the output", at_least=1)

    def infer(self, *types: Type) -> Type:
        (x,) = types
        want_image(self, x)
        want_real(self, x)
        return x.with_shape(x.channels, self.h, self.w)

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        y = np.empty((*x.shape[:2], self.h, self.w), x.dtype)
        for i, j in np.ndindex(self.h, self.w):
            rows, columns = part(i, self.h, x.shape[2]), part(j, self.w, x.shape[3])
            y[:, :, i, j] = x[:, :, rows, columns].mean((2, 3))
        return y


def part(index: int, parts: int, size: int) -> slice:
    return slice(index * size // parts, -(-(index + 1) * size // parts))
