"""Local response normalization: each channel by the energy of its neighbours, in blocked layout."""

from __future__ import annotations

from dataclasses import dataclass

from ..arithmetic import Arithmetic
from ..emit import Emitter, Var
from .epilogue import Epilogue
from .rows import rows


@dataclass(frozen=True)
class Lrn:
    """x / (k + alpha / size * sum of squares over `size` channels around) ** beta.

    Neighbours that lie in another block come from it by a shift over the block's border; `size` is at most two blocks.
    """

    size: int
    alpha: float
    beta: float
    k: float
    epilogue: Epilogue

    @property
    def arguments(self) -> tuple[str, ...]:
        return (
            "@input", "@output", "blocks", "rows", "columns", "channels",
            "input_plane", "input_row", "output_plane", "output_row",
            *self.epilogue.arguments,
        )  # fmt: skip

    def emit(self, e: Emitter, name: str) -> None:
        size = e.target.vector_bytes
        with e.kernel(name, self.arguments) as a:
            with rows(e, a, self.epilogue) as row:
                source = e.at(row.source, e.mul_int(row.number, a["input_row"]))
                # Lanes past the last channel hold anything, and blocks past the ends do not exist: both count as zero.
                here = e.sub_int(a["channels"], e.mul_int(row.block, e.lanes))
                masks = [e.mask(e.add_int(here, (1 - d) * e.lanes)) for d in range(3)]
                first, last = e.compare("eq", row.block, 0), e.compare("sle", here, e.lanes)
                back = e.choose(first, "i64", 0, e.sub_int(0, a["input_plane"]))
                on = e.choose(last, "i64", 0, a["input_plane"])
                with e.loop("column", a["columns"]) as x:
                    where = e.at(source, e.mul_int(x, size))
                    squares = [
                        self._square(e, e.at(where, back), masks[0], first),
                        self._square(e, where, masks[1], None),
                        self._square(e, e.at(where, on), masks[2], last),
                    ]
                    value = _damped(self, Arithmetic(e), e.load(where), self._energy(e, squares))
                    place = e.mul_int(x, size)
                    e.store(row.tail.block(0, place).finish(value, 0), e.at(row.target, place))

    def _square(self, e: Emitter, where: str, mask: str, missing: str | None) -> str:
        value = e.choose_lanes(mask, e.load(where), "zeroinitializer")
        square = e.set(f"fmul {e.vector} {value}, {value}")
        return square if missing is None else e.choose(missing, e.vector, "zeroinitializer", square)

    def _energy(self, e: Emitter, squares: list[str]) -> str:
        """The sum of the squares from `size // 2` channels before to `(size - 1) // 2` after."""
        before, here, after = squares
        total, lanes = "zeroinitializer", e.lanes
        for shift in range(-(self.size // 2), (self.size - 1) // 2 + 1):
            if shift < 0:
                moved = e.pick(before, here, [lanes + shift + i for i in range(lanes)])
            elif shift > 0:
                moved = e.pick(here, after, [shift + i for i in range(lanes)])
            else:
                moved = here
            total = e.set(f"fadd {e.vector} {total}, {moved}")
        return total


@dataclass(frozen=True)
class WideLrn:
    """The same on planar images, for any `size`: each lane is a position, and a channel sums its neighbours anew."""

    size: int
    alpha: float
    beta: float
    k: float

    arguments = ("@input", "@output", "channels", "positions", "plane")

    def emit(self, e: Emitter, name: str) -> None:
        words = Arithmetic(e)
        with e.kernel(name, self.arguments) as a:
            chunks = e.div_int(e.add_int(a["positions"], e.lanes - 1), e.lanes)
            lo, hi = e.share(e.mul_int(a["channels"], chunks))
            with e.loop("unit", hi, start=lo) as unit:
                channel = e.div_int(unit, chunks)
                x = e.mul_int(e.sub_int(unit, e.mul_int(channel, chunks)), e.lanes)
                mask = e.mask(e.min_int(e.sub_int(a["positions"], x), e.lanes))
                source, target = (e.at(a[side], e.mul_int(x, 4)) for side in ("input", "output"))
                first = e.max_int(0, e.sub_int(channel, self.size // 2))
                past = e.min_int(a["channels"], e.add_int(channel, (self.size + 1) // 2))
                energy = Var(e.vector, "zeroinitializer")
                with e.loop("neighbour", past, start=first, vary=[energy]) as c:
                    value = e.load_masked(e.at(source, e.mul_int(c, a["plane"])), mask)
                    energy.value = words.fma(value, value, energy.value)
                here = e.mul_int(channel, a["plane"])
                value = _damped(self, words, e.load_masked(e.at(source, here), mask), energy.value)
                e.store_masked(value, e.at(target, here), mask)


def _damped(kernel: Lrn | WideLrn, words: Arithmetic, x: str, energy: str) -> str:
    base = words.fma(energy, kernel.alpha / kernel.size, kernel.k)
    if kernel.beta == 0.75:  # the classic: two square roots instead of a logarithm and a power
        root = words.sqrt(base)
        return words.div(x, words.mul(root, words.sqrt(root)))
    return words.mul(x, words.exp(words.mul(words.log(base), -kernel.beta)))
