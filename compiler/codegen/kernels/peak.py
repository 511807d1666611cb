"""What a core can do at best, as kernels to be timed: what the figures of real ones are measured against."""

from __future__ import annotations

from dataclasses import dataclass

from ...schedule.target import Target
from ..emit import Emitter, Var

_SUMS = 8  # loads under way at once


@dataclass(frozen=True)
class Multiplying:
    """`pixels` x `vectors` sums and `channels` multiply-adds to each a round, on registers alone or, `fed`, with both
    operands from memory: a register tile of a convolution over and over.

    No kernel gets as far as registers alone, where the clock may be higher because nothing is loaded.
    """

    fed: bool
    pixels: int = 5
    channels: int = 4
    arguments = ("@pixels", "@weights", "rounds")

    @staticmethod
    def vectors(target: Target) -> int:
        """So many that sums and operands stay in registers."""
        return 4 if target.registers == 32 else 2

    def operations(self, target: Target) -> int:
        """Floating-point operations a round."""
        return 2 * target.lanes * self.pixels * self.vectors(target) * self.channels

    def emit(self, e: Emitter, name: str) -> None:
        size, vectors = e.target.vector_bytes, self.vectors(e.target)
        with e.kernel(name, self.arguments) as a:
            sums = [[Var(e.vector, "zeroinitializer") for _ in range(vectors)] for _ in range(self.pixels)]
            with e.loop("round", a["rounds"], vary=[s for pixel in sums for s in pixel]):
                for c in range(self.channels):
                    pixels, weights = e.launder(a["pixels"]), e.launder(a["weights"])
                    columns = range(vectors)
                    kernels = [e.load(weights, (c * vectors + v) * size) for v in columns] if self.fed else []
                    for p in range(self.pixels):
                        value = e.splat(e.load_float(pixels, p * size + 4 * c)) if self.fed else ""
                        for v in columns:
                            old = sums[p][v].value
                            sums[p][v].value = e.fma(kernels[v], value, old) if self.fed else e.fma(old, old, old)
            for pixel in sums:
                for total in pixel:
                    e.do(f'call void asm sideeffect "", "v"({e.vector} {total.value})')


@dataclass(frozen=True)
class Reading:
    """Every byte of a stretch of memory, once."""

    arguments = ("@data", "rounds")

    @staticmethod
    def bytes(vector_bytes: int) -> int:
        """Bytes a round."""
        return _SUMS * vector_bytes

    def emit(self, e: Emitter, name: str) -> None:
        size = e.target.vector_bytes
        with e.kernel(name, self.arguments) as a:
            sums = [Var(e.vector, "zeroinitializer") for _ in range(_SUMS)]
            place = Var("ptr", a["data"])
            with e.loop("round", a["rounds"], vary=[place, *sums]):
                for i, total in enumerate(sums):
                    total.value = e.set(f"fadd {e.vector} {total.value}, {e.load(place.value, i * size)}")
                place.value = e.at(place.value, _SUMS * size)
            for total in sums:
                e.do(f'call void asm sideeffect "", "v"({e.vector} {total.value})')
