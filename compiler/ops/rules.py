"""Rules that many operators share: what they ask of their inputs, and the shape rule of elementwise ones."""

from __future__ import annotations

from ..diagnostics import Refusal
from ..ir.operator import Operator
from ..ir.types import Size, Type, same_size

AXES = ("batch", "channels", "height", "width")


def want_real(op: Operator, *types: Type) -> None:
    """Refuse tensors of other element types than f32."""
    for x in types:
        if x.dtype != "f32":
            cure = "turn it into f32 before: scale(1/255) or normalize(mean, std)" if x.dtype == "u8" else ""
            raise Refusal("E0304", f"{op.name} wants f32, got {x}", label=x.dtype, help=cure)


def want_image(op: Operator, x: Type) -> None:
    """Refuse what is not a batch of images with channels."""
    if x.rank != 4:
        raise Refusal("E0307", f"{op.name} wants a 4-D tensor [N, C, H, W], got {x}", label=x.axes)


def want_axis(op: Operator, axis: int, x: Type) -> None:
    """Refuse an axis that the tensor does not have; the batch is none to choose."""
    if axis >= x.rank:
        there = "only the batch" if x.rank < 2 else "only axis 1" if x.rank == 2 else f"axes 1 to {x.rank - 1}"
        raise Refusal("E0310", f"{op.name} wants axis {axis}, but {x} has {there}")


def axis_name(axis: int, rank: int) -> str:
    """What people call an axis."""
    return AXES[axis] if axis < 2 or rank == 4 else f"axis {axis}"


def product(sizes: tuple[Size, ...]) -> Size:
    """Elements of a shape; raises `Undecided` where letters multiply."""
    total: Size = 1
    for size in sizes:
        total = total * size
    return total


def is_one(size: Size) -> bool:
    """Whether a size is the number 1, and not a letter that may become it."""
    return isinstance(size, int) and size == 1


def first_difference(a: tuple[Size, ...], b: tuple[Size, ...], skip: int | None = None) -> int | None:
    """The first axis in which two shapes of one rank differ, `skip` left out."""
    for axis, (m, n) in enumerate(zip(a, b, strict=True)):
        if axis != skip and not same_size(m, n):
            return axis
    return None


class Elementwise(Operator):
    """Base of the operators that keep the shape and map each element on its own."""

    def infer(self, *types: Type) -> Type:
        want_real(self, *types)
        return types[0]
