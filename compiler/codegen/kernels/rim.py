"""The zero rim around an image, so that the convolutions that read it have no edge cases."""

from __future__ import annotations

from dataclasses import dataclass

from ..emit import Emitter, Int


@dataclass(frozen=True)
class Rim:
    """Writes zeros around the interior of every plane of registers. `before` and `after` are the bytes of rim to the
    left and right of a row, `inside` those between."""

    arguments = ("@output", "planes", "plane", "row", "top", "rows", "bottom", "before", "inside", "after")

    def emit(self, e: Emitter, name: str) -> None:
        with e.kernel(name, self.arguments) as a:
            lo, hi = e.share(a["planes"])
            with e.loop("plane", hi, start=lo) as number:
                corner = e.at(a["output"], e.mul_int(number, a["plane"]))
                interior = e.at(corner, e.mul_int(a["top"], a["row"]))
                below = e.at(interior, e.mul_int(a["rows"], a["row"]))
                self._zero(e, corner, e.mul_int(a["top"], a["row"]))
                self._zero(e, below, e.mul_int(a["bottom"], a["row"]))
                with e.loop("row", a["rows"]) as y:
                    left = e.at(interior, e.mul_int(y, a["row"]))
                    self._zero(e, left, a["before"])
                    self._zero(e, e.at(left, e.add_int(a["before"], a["inside"])), a["after"])

    def _zero(self, e: Emitter, where: str, size: Int) -> None:
        with e.loop("zero", size, step=e.target.vector_bytes) as at:
            e.store("zeroinitializer", e.at(where, at))
