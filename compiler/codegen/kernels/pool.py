"""Pooling over windows that are cut off at the image's edge, a vector of channels at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..emit import Emitter, Int, Var
from .epilogue import Epilogue
from .rows import Row, rows

Reach: TypeAlias = tuple[str, str, str]  # the first tap inside the image, how many taps are, and by how many to divide


@dataclass(frozen=True)
class Pool:
    """Maximum or mean of windows. `step` input pixels lie between outputs of a row.

    Outputs from `inner_start` to `inner_stop`, none or `pixels` at least, have whole windows in their row and are made
    `pixels` at a time, the last ones anew if they must, the others one by one. `adaptive` windows are the n-th parts of
    the image (PyTorch's: floor to ceil). With `count_pad` the mean divides by what lies in the padded image, else by
    what lies in the image.
    """

    kind: Literal["max", "mean"]
    pixels: int
    step: int
    adaptive: bool
    count_pad: bool
    epilogue: Epilogue

    @property
    def arguments(self) -> tuple[str, ...]:
        return (
            "@input", "@output",
            "blocks", "rows", "columns", "inner_start", "inner_stop",
            "input_height", "input_width", "kernel_height", "kernel_width", "stride_height",
            "dilation_height", "dilation_width", "pad_top", "pad_left", "pad_bottom", "pad_right",
            "input_plane", "input_row", "output_plane", "output_row",
            *self.epilogue.arguments,
        )  # fmt: skip

    def emit(self, e: Emitter, name: str) -> None:
        with e.kernel(name, self.arguments) as a:
            with rows(e, a, self.epilogue) as row:
                down = self._reach(e, a, row.number, "height", a["stride_height"])
                with e.loop("left", a["inner_start"]) as x:
                    self._pixels(e, a, row, down, self._across(e, a, x), x, 1)
                last = e.sub_int(a["inner_stop"], self.pixels)
                with e.loop("inner", a["inner_stop"], start=a["inner_start"], step=self.pixels) as x:
                    x = e.min_int(x, last)
                    left = e.sub_int(e.mul_int(x, self.step), a["pad_left"])
                    self._pixels(e, a, row, down, (left, a["kernel_width"], a["kernel_width"]), x, self.pixels)
                with e.loop("right", a["columns"], start=a["inner_stop"]) as x:
                    self._pixels(e, a, row, down, self._across(e, a, x), x, 1)

    def _across(self, e: Emitter, a: dict[str, str], x: Int) -> Reach:
        return self._reach(e, a, x, "width", self.step)

    def _reach(self, e: Emitter, a: dict[str, str], out: Int, axis: str, stride: Int) -> Reach:
        """How far a window reaches along one axis."""
        size, before = a[f"input_{axis}"], a["pad_top" if axis == "height" else "pad_left"]
        after, kernel = a["pad_bottom" if axis == "height" else "pad_right"], a[f"kernel_{axis}"]
        if self.adaptive:
            parts = a["rows" if axis == "height" else "columns"]
            first = e.div_int(e.mul_int(out, size), parts)
            past = e.mul_int(e.add_int(out, 1), size)
            past = e.ceil_int(past, parts)
            count = e.sub_int(past, first)
            return first, count, count
        dilation = a[f"dilation_{axis}"]
        start = e.sub_int(e.mul_int(out, stride), before)
        # Taps before the image are skipped whole dilations at a time.
        skipped = e.max_int(e.sub_int(0, start), 0)
        skipped = e.ceil_int(skipped, dilation)
        first = e.add_int(start, e.mul_int(skipped, dilation))
        room = e.max_int(e.sub_int(size, first), 0)
        fits = e.ceil_int(room, dilation)
        count = e.min_int(fits, e.sub_int(kernel, skipped))
        if self.count_pad:
            padded_end = e.add_int(size, after)
            return first, count, e.min_int(kernel, e.sub_int(padded_end, start))
        return first, count, count

    def _pixels(self, e: Emitter, a: dict[str, str], row: Row, down: Reach, across: Reach, x: Int, n: int) -> None:
        """`n` neighbouring outputs, from the windows' reach down and, of the first, across."""
        size = e.target.vector_bytes
        top, high, divide_rows = down
        left, wide, divide_columns = across
        corner = e.at(e.at(row.source, e.mul_int(top, a["input_row"])), e.mul_int(left, size))
        axes = [
            ("kh", high, a["input_row"] if self.adaptive else e.mul_int(a["input_row"], a["dilation_height"])),
            ("kw", wide, size if self.adaptive else e.mul_int(a["dilation_width"], size)),
        ]
        start = e.constant(float("-inf")) if self.kind == "max" else "zeroinitializer"
        values = [Var(e.vector, start) for _ in range(n)]
        with e.walk(corner, axes[:1], values) as line:
            # A row's sum for itself: roundings of many equal numbers, which have one sign, would add up.
            partial = values if self.kind == "max" else [Var(e.vector, start) for _ in range(n)]
            with e.walk(line, axes[1:], partial) as tap:
                for p, value in enumerate(partial):
                    value.value = self._take(e, value.value, e.load(tap, p * self.step * size))
            if self.kind == "mean":
                for value, row_sum in zip(values, partial, strict=True):
                    value.value = self._take(e, value.value, row_sum.value)
        place = e.mul_int(x, size)
        shared, out = row.tail.block(0, place), e.at(row.target, place)
        part = None
        if self.kind == "mean":
            count = e.set(f"sitofp i64 {e.mul_int(divide_rows, divide_columns)} to float")
            part = e.splat(e.set(f"fdiv float 1.0, {count}"))
        for p, value in enumerate(values):
            result = value.value if part is None else e.set(f"fmul {e.vector} {value.value}, {part}")
            e.store(shared.finish(result, p), out, p * size)

    def _take(self, e: Emitter, so_far: str, tap: str) -> str:
        return larger(e, so_far, tap) if self.kind == "max" else e.set(f"fadd {e.vector} {so_far}, {tap}")


def larger(e: Emitter, so_far: str, tap: str) -> str:
    """The larger number of each lane; NaN wins."""
    bools = f"<{e.lanes} x i1>"
    above = e.set(f"fcmp ogt {e.vector} {so_far}, {tap}")
    taken = e.set(f"select {bools} {above}, {e.vector} {so_far}, {e.vector} {tap}")  # the tap, if either is NaN
    lost = e.set(f"fcmp uno {e.vector} {so_far}, {so_far}")
    return e.set(f"select {bools} {lost}, {e.vector} {so_far}, {e.vector} {taken}")
