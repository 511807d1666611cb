"""Operators that move numbers and change none: other shapes, other orders, parts, and parts put together.

The batch stays on axis 0: no axis to choose is 0, and `reshape` and `transpose` speak of the axes after it.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from ..diagnostics import Refusal
from ..ir.kinds import choice, real, sides, whole, whole_or_wholes, wholes
from ..ir.operator import Array, Operator, attr, operator
from ..ir.types import BATCH, Dim, Size, Type, same_size
from .rules import axis_name, first_difference, product, want_axis, want_image, want_real


@operator
class Identity(Operator):
    """What it is given."""

    def infer(self, *types: Type) -> Type:
        return types[0]

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return arrays[0]


@operator
class Dropout(Operator):
    """In training, zero with probability p, else x / (1 - p); elsewhere x (Srivastava et al. 2014)."""

    p: float = attr(real, "probability of zero", at_least=0, below=1)

    def infer(self, *types: Type) -> Type:
        want_real(self, *types)
        return types[0]

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return arrays[0]


@operator
class Flatten(Operator):
    """All axes after the batch as one, the last moving fastest: [N, C, H, W] becomes [N, C*H*W]."""

    def infer(self, *types: Type) -> Type:
        (x,) = types
        want_real(self, x)
        return x.with_shape(product(x.shape[1:]))

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        return x.reshape(len(x), math.prod(x.shape[1:]))


@operator
class Reshape(Operator):
    """The same numbers in other axes after the batch; one size may be -1, and is what remains."""

    dims: tuple[int, ...] = attr(wholes, "sizes of the axes after the batch", at_least=-1)

    def infer(self, *types: Type) -> Type:
        (x,) = types
        want_real(self, x)
        if any(isinstance(size, Dim) and BATCH in size.letters() for size in self.dims):
            raise Refusal(
                "E0319", f"reshape speaks of the axes after the batch, got {BATCH}", help=f"leave out {BATCH}"
            )
        if 0 in self.dims or self.dims.count(-1) > 1:
            raise Refusal("E0305", f"reshape wants sizes of at least 1 and at most one -1, got {list(self.dims)}")
        have, given = math.prod(x.known), math.prod(size for size in self.dims if size != -1)
        if have % given or (have != given and -1 not in self.dims):
            raise Refusal(
                "E0325",
                f"{x} has {have:,} numbers for each image, which {list(self.dims)} cannot hold",
                help="the product of the sizes must be the same; the batch is not among them",
            )
        return x.with_shape(*(have // given if size == -1 else size for size in self.dims))

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        return x.reshape(self.infer(Type("f32", x.shape)).shape)  # type: ignore[arg-type]


@operator
class Transpose(Operator):
    """The axes after the batch in another order: `transpose([2, 3, 1])` makes [N, C, H, W] into [N, H, W, C]."""

    order: tuple[int, ...] = attr(wholes, "for each axis after the batch, where it comes from", at_least=0)

    def infer(self, *types: Type) -> Type:
        (x,) = types
        want_real(self, x)
        if sorted(self.order) != list(range(1, x.rank)):
            cure = "leave out 0: the batch stays where it is" if 0 in self.order else ""
            every = ", ".join(map(str, range(1, x.rank)))
            raise Refusal("E0310", f"transpose wants each of {every} once for {x}, got {list(self.order)}", help=cure)
        return x.with_shape(*(x.shape[axis] for axis in self.order))

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return arrays[0].transpose(0, *self.order)


@operator
class Concat(Operator):
    """Tensors one after the other along one axis; their other sizes are equal."""

    inputs = None

    axis: int = attr(whole, "the axis that grows; 1 is the channels", default=1, at_least=1)

    def infer(self, *types: Type) -> Type:
        first = types[0]
        want_real(self, *types)
        want_axis(self, self.axis, first)
        for other in types[1:]:
            if other.rank != first.rank:
                raise Refusal("E0302", f"cannot concat {first} and {other}", label=f"{first.rank} and {other.axes}")
            axis = first_difference(first.shape, other.shape, skip=self.axis)
            if axis is not None:
                raise Refusal(
                    "E0302",
                    f"cannot concat {first} and {other}",
                    label=f"{axis_name(axis, first.rank)} {first.shape[axis]} and {other.shape[axis]}",
                    help="crop, pad or resize one of them" if axis > 1 else "",
                )
        total: Size = sum((x.shape[self.axis] for x in types), 0)
        return Type(first.dtype, (*first.shape[: self.axis], total, *first.shape[self.axis + 1 :]))

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return np.concatenate(arrays, self.axis)


MOST_PARTS = 65_536


@operator
class Split(Operator):
    """A tensor cut along one axis: into n equal parts, or into parts of the sizes listed."""

    outputs = None

    parts: int | tuple[int, ...] = attr(whole_or_wholes, "how many parts, or their sizes", at_least=1)
    axis: int = attr(whole, "the axis that is cut; 1 is the channels", default=1, at_least=1)

    def sizes(self, x: Type) -> tuple[Size, ...]:
        """The size of each part along the axis."""
        want_axis(self, self.axis, x)
        size = x.shape[self.axis]
        if isinstance(self.parts, tuple):
            if not same_size(sum(self.parts), size):
                raise Refusal(
                    "E0325",
                    f"split into {list(self.parts)} makes {sum(self.parts)}, but axis {self.axis} of {x} is {size}",
                )
            return self.parts
        if self.parts > MOST_PARTS:
            raise Refusal("E0336", f"split into {self.parts:,} parts; {MOST_PARTS:,} is the limit")
        if not same_size(size % self.parts, 0):
            raise Refusal(
                "E0311",
                f"{self.parts} equal parts do not divide axis {self.axis} of {x}, which is {size}",
                help="list the sizes: split([a, b])",
            )
        return (size // self.parts,) * self.parts

    def infer(self, *types: Type) -> tuple[Type, ...]:
        (x,) = types
        want_real(self, x)
        before, after = x.shape[: self.axis], x.shape[self.axis + 1 :]
        return tuple(Type(x.dtype, (*before, size, *after)) for size in self.sizes(x))

    def reference(self, *arrays: Array, **params: Array) -> tuple[Array, ...]:
        (x,) = arrays
        *cuts, _ = itertools.accumulate(self.sizes(Type("f32", x.shape)))
        return tuple(np.split(x, cuts, self.axis))  # type: ignore[arg-type]


@operator
class Slice(Operator):
    """The part from `start` up to, not including, `stop` along one axis."""

    start: int = attr(whole, "the first index, from 0", at_least=0)
    stop: int = attr(whole, "the index after the last", at_least=1)
    axis: int = attr(whole, "the axis that is cut; 1 is the channels", default=1, at_least=1)

    def infer(self, *types: Type) -> Type:
        (x,) = types
        want_real(self, x)
        want_axis(self, self.axis, x)
        if self.start >= self.stop:
            raise Refusal("E0312", f"the slice from {self.start} to {self.stop} is empty")
        if self.stop > x.shape[self.axis]:
            raise Refusal(
                "E0315", f"the slice ends at {self.stop}, but axis {self.axis} of {x} is {x.shape[self.axis]}"
            )
        return Type(x.dtype, (*x.shape[: self.axis], self.stop - self.start, *x.shape[self.axis + 1 :]))

    def reference(self, *arrays: Array, **params: Array) -> Array:
        return arrays[0][(slice(None),) * self.axis + (slice(self.start, self.stop),)]


@operator
class Pad(Operator):
    """A rim around each image: zeros, the image mirrored in its border pixels, or the border pixels repeated."""

    size: tuple[int, int, int, int] = attr(sides, "pixels of rim", at_least=0)
    mode: str = attr(choice("zero", "reflect", "edge"), "what the rim holds", default="zero")

    def infer(self, *types: Type) -> Type:
        (x,) = types
        want_image(self, x)
        want_real(self, x)
        top, left, bottom, right = self.size
        if self.mode == "reflect":
            for name, size, rim in (("height", x.height, max(top, bottom)), ("width", x.width, max(left, right))):
                if rim >= size:
                    raise Refusal(
                        "E0308", f"a reflection of {rim} pixels wants a {name} of at least {rim + 1}, got {size}"
                    )
        return x.with_shape(x.channels, x.height + top + bottom, x.width + left + right)

    def reference(self, *arrays: Array, **params: Array) -> Array:
        top, left, bottom, right = self.size
        rims = ((0, 0), (0, 0), (top, bottom), (left, right))
        mode = {"zero": "constant", "reflect": "reflect", "edge": "edge"}[self.mode]
        return np.pad(arrays[0], rims, mode)  # type: ignore[call-overload]


@operator
class Crop(Operator):
    """The middle h x w pixels, from row (H - h)//2 and column (W - w)//2.

    Where the rest is odd, the pixel more is cut off the end, as in Keras and ONNX; torchvision rounds half to even.
    """

    h: int = attr(whole, "rows of the output", at_least=1)
    w: int = attr(whole, "columns of the output", at_least=1)

    def infer(self, *types: Type) -> Type:
        (x,) = types
        want_image(self, x)
        want_real(self, x)
        for name, wanted, size in (("height", self.h, x.height), ("width", self.w, x.width)):
            if wanted > size:
                raise Refusal(
                    "E0308", f"the crop's {name} is {wanted}, but the image's is {size}", help="resize, or pad"
                )
        return x.with_shape(x.channels, self.h, self.w)

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        top, left = (x.shape[2] - self.h) // 2, (x.shape[3] - self.w) // 2
        return x[:, :, top : top + self.h, left : left + self.w]


@operator
class PixelShuffle(Operator):
    """Channels as pixels of a finer image: [N, C*n*n, H, W] becomes [N, C, H*n, W*n].

    out[b, c, y*n + v, x*n + u] = in[b, c*n*n + v*n + u, y, x] (Shi et al. 2016, arXiv 1609.05158).

    ONNX's DepthToSpace is this with mode="CRD"; its default takes the channels in another order.
    """

    n: int = attr(whole, "how many times finer", at_least=1)

    def infer(self, *types: Type) -> Type:
        (x,) = types
        want_image(self, x)
        want_real(self, x)
        if x.channels % self.n**2:
            raise Refusal(
                "E0311", f"pixel_shuffle({self.n}) wants a multiple of {self.n**2} channels, got {x.channels}"
            )
        return x.with_shape(x.channels // self.n**2, x.height * self.n, x.width * self.n)

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        batch, channels, high, wide = x.shape
        blocks = x.reshape(batch, channels // self.n**2, self.n, self.n, high, wide)  # [b, c, v, u, y, x]
        return blocks.transpose(0, 1, 4, 2, 5, 3).reshape(batch, -1, high * self.n, wide * self.n)


@operator
class ChannelShuffle(Operator):
    """Channels of n groups dealt out in turn: out[b, j*n + g] = in[b, g*(C/n) + j].

    (Zhang et al. 2017, arXiv 1707.01083.)
    """

    n: int = attr(whole, "number of groups", at_least=1)

    def infer(self, *types: Type) -> Type:
        (x,) = types
        want_image(self, x)
        want_real(self, x)
        if x.channels % self.n:
            raise Refusal("E0311", f"channel_shuffle({self.n}) wants a multiple of {self.n} channels, got {x.channels}")
        return x

    def reference(self, *arrays: Array, **params: Array) -> Array:
        (x,) = arrays
        groups = x.reshape(len(x), self.n, -1, *x.shape[2:])
        return groups.swapaxes(1, 2).reshape(x.shape)
