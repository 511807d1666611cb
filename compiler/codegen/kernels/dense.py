"""Dense layer: a matrix streams past a vector, or past several at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil

from ...schedule.schedule import BATCH_TILE
from ..emit import Emitter, Int, Var
from .epilogue import Epilogue, Tail

_ROUND = 4  # inputs a round: enough loads under way to keep memory busy
STRETCH = 8 << 10  # bytes of weights that all images meet while these are in the L1 cache


@dataclass(frozen=True)
class Dense:
    """`vectors` of outputs at a time, for `together` images where there are so many, else for one. An image's sums are
    added up in the same order either way, so that its batch makes no difference to it.

    Weights are `[group][input][vectors * lanes]`; an image's numbers lie `input_image` bytes from the one before. Where
    the last group would reach past the `blocks` of outputs it begins earlier, and some are computed twice.
    """

    vectors: int
    together: int
    epilogue: Epilogue

    @property
    def arguments(self) -> tuple[str, ...]:
        return (
            "@input", "@weights", "@output",
            "groups", "blocks", "inputs", "images",
            "weights_group", "input_image", "output_image",
            *self.epilogue.arguments,
        )  # fmt: skip

    def emit(self, e: Emitter, name: str) -> None:
        with e.kernel(name, self.arguments) as a:
            a["sums"] = e.array(ceil(BATCH_TILE / self.together) * self.together * self.vectors)
            lo, hi = e.share(a["groups"])
            many = e.compare("sge", a["images"], self.together)
            with e.loop("group", hi, start=lo) as group:
                self._group(e, a, group, e.choose(many, "i64", a["images"], 0), self.together)
                self._group(e, a, group, e.choose(many, "i64", 0, a["images"]), 1)

    def _group(self, e: Emitter, a: dict[str, str], group: str, images: str, count: int) -> None:
        """A group's outputs for `images`, `count` at a time, a stretch of inputs after the other. Between those, sums
        wait in memory."""
        size, each = e.target.vector_bytes, self.vectors * e.target.vector_bytes
        block = e.min_int(e.mul_int(group, self.vectors), e.sub_int(a["blocks"], self.vectors))
        weights = e.at(a["weights"], e.mul_int(group, a["weights_group"]))
        bias = Tail(e, self.epilogue, a, block, 0)
        starts = [bias.block(v, 0).start for v in range(self.vectors)]
        with self._images(e, a, images, count) as (_, _, sums):
            for k, start in enumerate(starts * count):
                e.store(start, sums, k * size)
        stretch = STRETCH // each // _ROUND * _ROUND
        shares = ceil(BATCH_TILE / count)
        lines = ceil(_ROUND * each / (shares * e.target.line_bytes)) if count > 1 else 0  # that a round fetches
        with e.loop("stretch", a["inputs"], step=stretch) as begin:
            inputs = e.min_int(stretch, e.sub_int(a["inputs"], begin))
            source, streamed = e.at(a["input"], e.mul_int(begin, 4)), e.at(weights, e.mul_int(begin, each))
            with self._images(e, a, images, count) as (number, first, sums):
                here = e.at(source, e.mul_int(first, a["input_image"]))
                following = e.mul_int(number, lines * e.target.line_bytes)
                ahead = [e.add_int(following, stretch * each + k * e.target.line_bytes) for k in range(lines)]
                self._tile(e, a, here, streamed, inputs, ahead, sums, count)
        with self._images(e, a, images, count) as (_, first, sums):
            for i in range(count):
                image = e.add_int(first, i)
                tail = Tail(e, self.epilogue, a, block, image)  # to the epilogue, images are rows
                out = e.at(e.at(a["output"], e.mul_int(image, a["output_image"])), e.mul_int(block, size))
                for v in range(self.vectors):
                    e.store(tail.block(v, 0).finish(e.load(sums, i * each + v * size), 0), out, v * size)

    @contextmanager
    def _images(self, e: Emitter, a: dict[str, str], images: str, count: int) -> Iterator[tuple[str, str, str]]:
        """Each tile's number, its first image and its sums, `[image][vector]`. The last tile overlaps the one before
        rather than fall short, with sums of its own."""
        with e.loop("tile", e.div_int(e.add_int(images, count - 1), count)) as number:
            image = e.mul_int(number, count)
            sums = e.at(a["sums"], e.mul_int(image, self.vectors * e.target.vector_bytes))
            yield number, e.min_int(image, e.sub_int(images, count)), sums

    def _tile(
        self,
        e: Emitter,
        a: dict[str, str],
        source: str,
        weights: str,
        inputs: Int,
        ahead: Sequence[Int],
        sums: str,
        count: int,
    ) -> None:
        """Add a stretch of inputs to the sums, which are in registers meanwhile; each round fetches what lies `ahead`
        of its weights."""
        size, w = e.target.vector_bytes, Var("ptr", weights)
        places = [Var("ptr", e.at(source, e.mul_int(a["input_image"], i))) for i in range(count)]
        totals = [
            [Var(e.vector, e.load(sums, (i * self.vectors + v) * size)) for v in range(self.vectors)]
            for i in range(count)
        ]
        carried = [w, *places, *(total for image in totals for total in image)]
        rounds = e.div_int(inputs, _ROUND)
        with e.loop("round", rounds, vary=carried):
            for distance in ahead:
                e.prefetch(e.at(w.value, distance))
            for _ in range(_ROUND):
                self._input(e, places, w, totals)
        with e.loop("rest", e.sub_int(inputs, e.mul_int(rounds, _ROUND)), vary=carried):
            self._input(e, places, w, totals)
        for i, image in enumerate(totals):
            for v, total in enumerate(image):
                e.store(total.value, sums, (i * self.vectors + v) * size)

    def _input(self, e: Emitter, places: Sequence[Var], w: Var, sums: Sequence[Sequence[Var]]) -> None:
        weights = [e.load(w.value, v * e.target.vector_bytes) for v in range(self.vectors)]
        for place, totals in zip(places, sums, strict=True):
            value = e.splat(e.load_float(place.value))
            for weight, total in zip(weights, totals, strict=True):
                total.value = e.fma(weight, value, total.value)
            place.value = e.at(place.value, 4)
        w.value = e.at(w.value, self.vectors * e.target.vector_bytes)
