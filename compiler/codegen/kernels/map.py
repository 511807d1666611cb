"""Elementwise operators with no larger neighbour to ride on."""

from __future__ import annotations

from dataclasses import dataclass

from ..emit import Emitter
from .epilogue import Epilogue
from .rows import rows


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
            with rows(e, a, self.epilogue) as row, e.loop("column", a["columns"]) as x:
                at = e.mul_int(x, size)
                value = e.load(e.at(e.at(row.source, e.mul_int(row.number, a["input_row"])), at))
                e.store(row.tail.block(0, at).finish(value, 0), e.at(row.target, at))
