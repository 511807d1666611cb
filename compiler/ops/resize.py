"""Images in another size."""

from __future__ import annotations

import numpy as np

from ..ir.kinds import choice, whole
from ..ir.operator import Array, Operator, attr, operator
from ..ir.types import Type
from .rules import want_image, want_real

MODE = choice("nearest", "bilinear", "bicubic")
CUBIC = -0.75


def _nearest(size: int, out: int, coords: str) -> Array:
    """The pixel of each output index, in whole numbers so that no rounding decides a tie."""
    i = np.arange(out)
    if coords == "asymmetric":
        return i * size // out
    if coords == "half_pixel":
        return (2 * i + 1) * size // (2 * out)
    return (2 * i * (size - 1) + (out - 1)) // (2 * (out - 1)) if out > 1 else i * 0


def _places(size: int, out: int, coords: str) -> Array:
    """Divided last, so that places on a pixel are whole numbers."""
    i = np.arange(out, dtype=np.float64)
    if coords == "asymmetric":
        return i * size / out
    if coords == "half_pixel":
        return (i + 0.5) * size / out - 0.5
    return i * (size - 1) / (out - 1) if out > 1 else i * 0


def _cubic(distance: Array) -> Array:
    """Keys' kernel: 1 at 0, 0 at the other whole distances, with one derivative everywhere."""
    d, a = np.abs(distance), CUBIC
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def taps(size: int, out: int, mode: str, coords: str) -> tuple[Array, Array]:
    """What one axis of a resize reads: pixels [out, taps] and their weights, which sum to 1.

    A place on a pixel reads that one with every tap: neighbours of weight 0 would make NaN of infinities.
    """
    if mode == "nearest":
        return _nearest(size, out, coords)[:, None], np.ones((out, 1))
    place = _places(size, out, coords)[:, None]
    around = np.floor(place) + (np.arange(0, 2) if mode == "bilinear" else np.arange(-1, 3))
    weights = 1 - np.abs(place - around) if mode == "bilinear" else _cubic(place - around)
    whole = place == np.floor(place)
    around, weights = np.where(whole, place, around), np.where(whole, 1 / around.shape[1], weights)
    return np.clip(around, 0, size - 1).astype(np.int64), weights


def _resized(x: Array, axis: int, out: int, mode: str, coords: str) -> Array:
    pixels, weights = taps(x.shape[axis], out, mode, coords)
    weights = weights.astype(x.dtype).reshape(out, -1, *[1] * (x.ndim - 1 - axis))
    return sum(x.take(pixels[:, t], axis) * weights[:, t] for t in range(pixels.shape[1]))  # type: ignore[return-value]


@operator
class Resize(Operator):
    """Images of h x w pixels, first along the rows, then along the columns.

    Each output index i of an axis of `size` pixels, made `out` long, has a place in the input:

        half_pixel      (i + 1/2) * size/out - 1/2      pixels are areas; what images mean
        align_corners   i * (size - 1)/(out - 1)        the outermost pixels stay outermost; place 0 where out is 1
        asymmetric      i * size/out                    pixels are points, the first stays first

    `bilinear` weighs the 2 pixels around the place by their distance, `bicubic` the 4 around it by Keys' kernel with
    a = -0.75 (Keys 1981); pixels past the border repeat it. `nearest` takes the pixel nearest the place, of two
    equally near the later; with `asymmetric` it takes the pixel at or before it. No mode averages where it
    shrinks. A pixel of weight 0 does not count; in PyTorch one that is infinite or NaN makes NaN of the output. These
    are otherwise PyTorch's `interpolate`: half_pixel is align_corners=False (for nearest: "nearest-exact"),
    asymmetric nearest is its "nearest".
    """

    h: int = attr(whole, "rows of the output", at_least=1)
    w: int = attr(whole, "columns of the output", at_least=1)
    mode: str = attr(MODE, "how pixels are mixed", default="bilinear")
    coords: str = attr(
        choice("half_pixel", "align_corners", "asymmetric"), "where an output pixel lies", default="half_pixel"
    )

    def infer(self, *types: Type) -> Type:
        (x,) = types
        want_image(self, x)
        want_real(self, x)
        return x.with_shape(x.channels, self.h, self.w)

    def reference(self, *arrays: Array, **params: Array) -> Array:
        high = _resized(arrays[0], 2, self.h, self.mode, self.coords)
        return _resized(high, 3, self.w, self.mode, self.coords)


@operator
class Upsample(Operator):
    """Images n times as high and wide: `resize(n*H, n*W, mode)` with half_pixel coordinates."""

    n: int = attr(whole, "how many times larger", at_least=1)
    mode: str = attr(MODE, "how pixels are mixed", default="nearest")

    def infer(self, *types: Type) -> Type:
        (x,) = types
        want_image(self, x)
        want_real(self, x)
        return x.with_shape(x.channels, x.height * self.n, x.width * self.n)

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        return Resize(x.shape[2] * self.n, x.shape[3] * self.n, self.mode).reference(x)
