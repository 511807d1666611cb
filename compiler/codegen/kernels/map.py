"""Elementwise operators with no larger neighbour to ride on."""

from __future__ import annotations

from dataclasses import dataclass

from ..emit import Emitter
from .epilogue import Epilogue, Tail


@dataclass(frozen=True)
class Map:
    """Reads a tensor, applies the epilogue, writes a tensor of the same shape."""

    epilogue: Epilogue

    @property
    def arguments(self) -> tuple[str, ...]:
        return (
            "@input", "@output", "blocks", "rows", "columns",
            "input_plane", "input_row", "output_plane", "output_row",
            *self.epilogue.arguments,
        )  # fmt: skip

    def emit(self, e: Emitter, name: str) -> None:
        size = e.target.vector_bytes
        with e.kernel(name, self.arguments) as a:
            lo, hi = e.share(e.mul_int(a["blocks"], a["rows"]))
            with e.loop("unit", hi, start=lo) as unit:
                block = e.div_int(unit, a["rows"])
                row = e.sub_int(unit, e.mul_int(block, a["rows"]))
                source = e.at(e.at(a["input"], e.mul_int(block, a["input_plane"])), e.mul_int(row, a["input_row"]))
                target = e.at(e.at(a["output"], e.mul_int(block, a["output_plane"])), e.mul_int(row, a["output_row"]))
                tail = Tail(e, self.epilogue, a, block, row)
                with e.loop("column", a["columns"]) as x:
                    at = e.mul_int(x, size)
                    value = tail.block(0, x).finish(e.load(e.at(source, at)), 0)
                    e.store(value, e.at(target, at))
