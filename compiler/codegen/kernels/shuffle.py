"""Channels in another order, or at another offset, a register of them at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..emit import Emitter


@dataclass(frozen=True)
class Shuffle:
    """`channels[r]` says for each lane of output block r which channel it takes, counted from input block `first`; that
    many blocks further on it is the one a block further on. Of the first output block `keep` lanes stay as they are.

    Channels that do not exist, which lanes past the last one ask for, are some that do.
    """

    channels: tuple[tuple[int, ...], ...]
    keep: int = 0

    arguments = (
        "@input", "@output", "blocks", "rows", "columns", "first", "last",
        "input_plane", "input_row", "output_plane", "output_row",
    )  # fmt: skip

    def emit(self, e: Emitter, name: str) -> None:
        size, classes = e.target.vector_bytes, len(self.channels)
        with e.kernel(name, self.arguments) as a:
            for number, channels in enumerate(self.channels):
                blocks = e.div_int(e.add_int(a["blocks"], classes - 1 - number), classes)
                lo, hi = e.share(e.mul_int(blocks, a["rows"]))
                with e.loop("unit", hi, start=lo) as unit:
                    further = e.div_int(unit, a["rows"])
                    row = e.sub_int(unit, e.mul_int(further, a["rows"]))
                    block = e.add_int(e.mul_int(further, classes), number)
                    planes = sorted({channel // e.lanes for channel in channels})
                    sources = [self._row(e, a, e.add_int(further, plane), row) for plane in planes]
                    target = e.at(
                        e.at(a["output"], e.mul_int(block, a["output_plane"])), e.mul_int(row, a["output_row"])
                    )
                    with e.loop("column", a["columns"]) as x:
                        place = e.mul_int(x, size)
                        value = self._gathered(e, channels, planes, [e.load(e.at(s, place)) for s in sources])
                        if self.keep:
                            value = self._kept(e, block, value, e.load(e.at(target, place)))
                        e.store(value, e.at(target, place))

    def _row(self, e: Emitter, a: dict[str, str], further: str, row: str) -> str:
        plane = e.min_int(e.max_int(e.add_int(a["first"], further), 0), a["last"])
        return e.at(e.at(a["input"], e.mul_int(plane, a["input_plane"])), e.mul_int(row, a["input_row"]))

    def _gathered(self, e: Emitter, channels: Sequence[int], planes: list[int], values: list[str]) -> str:
        """Lanes of the first plane's register in their order, then those of one more after the other."""
        total = e.pick(values[0], values[0], [channel % e.lanes for channel in channels])
        for plane, value in zip(planes[1:], values[1:], strict=True):
            here = [channel // e.lanes == plane for channel in channels]
            total = e.pick(total, value, [
                e.lanes + channel % e.lanes if new else lane
                for lane, (new, channel) in enumerate(zip(here, channels, strict=True))
            ])  # fmt: skip
        return total

    def _kept(self, e: Emitter, block: str, value: str, old: str) -> str:
        joined = e.pick(old, value, [lane + e.lanes * (lane >= self.keep) for lane in range(e.lanes)])
        return e.choose(e.compare("eq", block, 0), e.vector, joined, value)
