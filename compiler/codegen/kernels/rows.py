"""The outer loop that most kernels share: every row of every channel block that falls to this part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from ..emit import Emitter
from .epilogue import Epilogue, Tail


@dataclass(frozen=True)
class Row:
    """One output row of one channel block. `source` is the block's input plane, `target` the row's first pixel."""

    block: str
    number: str
    source: str
    target: str
    tail: Tail


@contextmanager
def rows(e: Emitter, a: Mapping[str, str], epilogue: Epilogue, across: bool = False) -> Iterator[Row]:
    """Loop over the part's share of `blocks` x `rows`: `across` all blocks, if so, where parts come out equal."""
    together = a["rows"] if across else 0
    with e.grid("block", a["blocks"], a["rows"], together) as (block, lo, hi), e.loop("row", hi, start=lo) as number:
        source = e.at(a["input"], e.mul_int(block, a["input_plane"]))
        target = e.at(e.at(a["output"], e.mul_int(block, a["output_plane"])), e.mul_int(number, a["output_row"]))
        yield Row(block, number, source, target, Tail(e, epilogue, a, block, number))
