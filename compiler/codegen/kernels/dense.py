"""Dense layer: a matrix streams past a vector, or past several at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..emit import Emitter, Int, Var
from .epilogue import Epilogue, Tail

_ROUND = 4  # inputs a round: enough loads under way to keep memory busy


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
            lo, hi = e.share(a["groups"])
            many = e.compare("sge", a["images"], self.together)
            with e.loop("group", hi, start=lo) as group:
                with e.when(many), e.loop("image", a["images"], step=self.together) as image:
                    first = e.min_int(image, e.sub_int(a["images"], self.together))
                    self._images(e, a, group, first, self.together)
                alone = e.choose(many, "i64", 0, a["images"])
                with e.loop("alone", alone) as image:
                    self._images(e, a, group, image, 1)

    def _images(self, e: Emitter, a: dict[str, str], group: str, first: Int, count: int) -> None:
        """A group's outputs for some images: `[image][vector]` sums in registers from the first to the last input."""
        size, images = e.target.vector_bytes, [e.add_int(first, i) for i in range(count)]
        w = Var("ptr", e.at(a["weights"], e.mul_int(group, a["weights_group"])))
        places = [Var("ptr", e.at(a["input"], e.mul_int(image, a["input_image"]))) for image in images]
        block = e.min_int(e.mul_int(group, self.vectors), e.sub_int(a["blocks"], self.vectors))
        tails = [Tail(e, self.epilogue, a, block, image) for image in images]  # to the epilogue, images are rows
        blocks = [[tail.block(v, 0) for v in range(self.vectors)] for tail in tails]
        sums = [[Var(e.vector, each.start) for each in row] for row in blocks]
        carried = [w, *places, *(total for image in sums for total in image)]
        rounds = e.div_int(a["inputs"], _ROUND)
        with e.loop("round", rounds, vary=carried):
            for _ in range(_ROUND):
                self._input(e, places, w, sums)
        with e.loop("rest", e.sub_int(a["inputs"], e.mul_int(rounds, _ROUND)), vary=carried):
            self._input(e, places, w, sums)
        for image, totals, row in zip(images, sums, blocks, strict=True):
            out = e.at(e.at(a["output"], e.mul_int(image, a["output_image"])), e.mul_int(block, size))
            for v, (total, each) in enumerate(zip(totals, row, strict=True)):
                e.store(each.finish(total.value, 0), out, v * size)

    def _input(self, e: Emitter, places: Sequence[Var], w: Var, sums: Sequence[Sequence[Var]]) -> None:
        weights = [e.load(w.value, v * e.target.vector_bytes) for v in range(self.vectors)]
        for place, totals in zip(places, sums, strict=True):
            value = e.splat(e.load_float(place.value))
            for weight, total in zip(weights, totals, strict=True):
                total.value = e.fma(weight, value, total.value)
            place.value = e.at(place.value, 4)
        w.value = e.at(w.value, self.vectors * e.target.vector_bytes)
