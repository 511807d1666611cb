"""Normalisations that measure what they divide by: by group of channels, by channel, or by position."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..arithmetic import Arithmetic
from ..emit import Emitter, Int
from .total import Total


@dataclass(frozen=True)
class GroupNorm:
    """Planar images: each of `groups` runs of `size` numbers is brought to mean 0 and variance 1, in two passes for
    accuracy; then each of its `channels` of `plane` numbers is scaled and shifted by its own."""

    eps: float

    arguments = ("@input", "@output", "@scale", "@shift", "groups", "channels", "plane", "size")

    def emit(self, e: Emitter, name: str) -> None:
        words = Arithmetic(e)
        with e.kernel(name, self.arguments) as a:
            lo, hi = e.share(a["groups"])
            with e.loop("group", hi, start=lo) as group:
                start = e.mul_int(e.mul_int(group, a["size"]), 4)
                source, target = e.at(a["input"], start), e.at(a["output"], start)
                count = e.splat(e.set(f"sitofp i64 {a['size']} to float"))
                mean = words.div(self._sum(e, source, a["size"], lambda x: x), count)

                def square(x: str, mean: str = mean) -> str:
                    away = words.sub(x, mean)
                    return words.mul(away, away)

                variance = words.div(self._sum(e, source, a["size"], square), count)
                spread = words.div(1.0, words.sqrt(words.add(variance, self.eps)))
                with e.loop("channel", a["channels"]) as c:
                    number = e.mul_int(e.add_int(e.mul_int(group, a["channels"]), c), 4)
                    scale = words.mul(e.splat(e.load_float(e.at(a["scale"], number))), spread)
                    shift = e.splat(e.load_float(e.at(a["shift"], number)))
                    plane = e.mul_int(e.mul_int(c, a["plane"]), 4)
                    with e.loop("x", a["plane"], step=e.lanes) as x:
                        mask = e.mask(e.min_int(e.sub_int(a["plane"], x), e.lanes))
                        here = e.add_int(plane, e.mul_int(x, 4))
                        value = words.sub(e.load_masked(e.at(source, here), mask), mean)
                        e.store_masked(words.fma(value, scale, shift), e.at(target, here), mask)

    def _sum(self, e: Emitter, source: str, size: Int, of: Callable[[str], str]) -> str:
        """The sum of a function over a run, in every lane."""
        total = Total(e)
        with e.loop("sum", size, step=e.lanes, vary=[total.sum]) as x:
            mask = e.mask(e.min_int(e.sub_int(size, x), e.lanes))
            value = of(e.load_masked(e.at(source, e.mul_int(x, 4)), mask))
            total.add(e.choose_lanes(mask, value, "zeroinitializer"))
        return e.across(total.value, Arithmetic(e).add)


@dataclass(frozen=True)
class InstanceNorm:
    """Blocked images: each channel of `rows` x `columns` pixels is brought to mean 0 and variance 1, then scaled and
    shifted by its own numbers. Each lane is a channel."""

    eps: float

    arguments = (
        "@input", "@output", "@scale", "@shift", "blocks", "rows", "columns",
        "input_plane", "input_row", "output_plane", "output_row",
    )  # fmt: skip

    def emit(self, e: Emitter, name: str) -> None:
        words, size = Arithmetic(e), e.target.vector_bytes
        with e.kernel(name, self.arguments) as a:
            lo, hi = e.share(a["blocks"])
            with e.loop("block", hi, start=lo) as block:
                source, target = (e.at(a[side], e.mul_int(block, a[f"{side}_plane"])) for side in ("input", "output"))
                scale, shift = (e.load(e.at(a[table], e.mul_int(block, size))) for table in ("scale", "shift"))
                pixels = e.mul_int(a["rows"], a["columns"])
                count = e.splat(e.set(f"sitofp i64 {pixels} to float"))
                axes = [("row", a["rows"], a["input_row"]), ("column", a["columns"], size)]
                total, square = Total(e), Total(e)
                with e.walk(source, axes, [total.sum]) as at:
                    total.add(e.load(at))
                mean = words.div(total.value, count)
                with e.walk(source, axes, [square.sum]) as at:
                    away = words.sub(e.load(at), mean)
                    square.add(words.mul(away, away))
                spread = words.div(1.0, words.sqrt(words.add(words.div(square.value, count), self.eps)))
                scale = words.mul(scale, spread)
                with e.loop("row", a["rows"]) as row:
                    here, there = (
                        e.at(source, e.mul_int(row, a["input_row"])),
                        e.at(target, e.mul_int(row, a["output_row"])),
                    )
                    with e.loop("column", a["columns"]) as x:
                        place = e.mul_int(x, size)
                        value = words.sub(e.load(e.at(here, place)), mean)
                        e.store(words.fma(value, scale, shift), e.at(there, place))


@dataclass(frozen=True)
class PixelNorm:
    """Blocked images without spare lanes: the channels of each of `rows` x `columns` pixels are brought to mean 0 and
    variance 1, then each is scaled and shifted by its own numbers. Lanes are channels; so many `pixels` at a time, no
    more than a row has, lie side by side in each block."""

    eps: float
    pixels: int

    arguments = InstanceNorm.arguments

    def emit(self, e: Emitter, name: str) -> None:
        words, size = Arithmetic(e), e.target.vector_bytes
        with e.kernel(name, self.arguments) as a:
            count = e.splat(e.set(f"sitofp i64 {e.mul_int(a['blocks'], e.lanes)} to float"))
            last = e.sub_int(a["columns"], self.pixels)
            lo, hi = e.share(a["rows"])
            with e.loop("row", hi, start=lo) as row, e.loop("tile", a["columns"], step=self.pixels) as x:
                first = e.mul_int(e.min_int(x, last), size)
                source, target = (
                    e.at(e.at(a[side], e.mul_int(row, a[f"{side}_row"])), first) for side in ("input", "output")
                )
                means = self._means(e, source, a, count, lambda x, _: x)

                def square(x: str, pixel: int, means: list[str] = means) -> str:
                    away = words.sub(x, means[pixel])
                    return words.mul(away, away)

                variances = self._means(e, source, a, count, square)
                spreads = [words.div(1.0, words.sqrt(words.add(variance, self.eps))) for variance in variances]
                with e.loop("block", a["blocks"]) as block:
                    here, there = (
                        e.at(side, e.mul_int(block, a[plane]))
                        for side, plane in ((source, "input_plane"), (target, "output_plane"))
                    )
                    channels = e.mul_int(block, size)
                    scale, shift = (e.load(e.at(a[table], channels)) for table in ("scale", "shift"))
                    for pixel, (mean, spread) in enumerate(zip(means, spreads, strict=True)):
                        value = words.mul(words.sub(e.load(here, pixel * size), mean), spread)
                        e.store(words.fma(value, scale, shift), there, pixel * size)

    def _means(
        self, e: Emitter, source: str, a: dict[str, str], count: str, of: Callable[[str, int], str]
    ) -> list[str]:
        """For each pixel the mean of a function over its channels, in every lane."""
        words, totals = Arithmetic(e), [Total(e) for _ in range(self.pixels)]
        with e.loop("block", a["blocks"], vary=[total.sum for total in totals]) as block:
            here = e.at(source, e.mul_int(block, a["input_plane"]))
            for pixel, total in enumerate(totals):
                total.add(of(e.load(here, pixel * e.target.vector_bytes), pixel))
        return [words.div(e.across(total.value, words.add), count) for total in totals]


@dataclass(frozen=True)
class LayerNorm:
    """Planar images: the `channels` numbers at each of `positions`, `plane` bytes apart, are brought to mean 0 and
    variance 1, then scaled and shifted channel by channel. Each lane is a position."""

    eps: float

    arguments = ("@input", "@output", "@scale", "@shift", "channels", "positions", "plane")

    def emit(self, e: Emitter, name: str) -> None:
        words = Arithmetic(e)
        with e.kernel(name, self.arguments) as a:
            lo, hi = e.share(e.div_int(e.add_int(a["positions"], e.lanes - 1), e.lanes))
            with e.loop("unit", hi, start=lo) as unit:
                x = e.mul_int(unit, e.lanes)
                source, target = (e.at(a[side], e.mul_int(x, 4)) for side in ("input", "output"))
                mask = e.mask(e.min_int(e.sub_int(a["positions"], x), e.lanes))
                count = e.splat(e.set(f"sitofp i64 {a['channels']} to float"))
                total, square = Total(e), Total(e)
                axis = [("channel", a["channels"], a["plane"])]
                with e.walk(source, axis, [total.sum]) as at:
                    total.add(e.load_masked(at, mask))
                mean = words.div(total.value, count)
                with e.walk(source, axis, [square.sum]) as at:
                    away = words.sub(e.load_masked(at, mask), mean)
                    square.add(words.mul(away, away))
                spread = words.div(1.0, words.sqrt(words.add(words.div(square.value, count), self.eps)))
                with e.loop("channel", a["channels"]) as c:
                    scale, shift = (e.splat(e.load_float(e.at(a[t], e.mul_int(c, 4)))) for t in ("scale", "shift"))
                    here = e.mul_int(c, a["plane"])
                    value = words.mul(words.sub(e.load_masked(e.at(source, here), mask), mean), spread)
                    e.store_masked(words.fma(value, scale, shift), e.at(target, here), mask)
