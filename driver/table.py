"""Tables for terminals: words to the left, numbers to the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    name: str
    right: bool = False
    widest: int = 200


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], total: Sequence[str]) -> str:
    """Rows under their columns' names, and a last row of sums, between rules."""
    cells = [[_cut(cell, column.widest) for cell, column in zip(row, columns, strict=True)] for row in (*rows, total)]
    lines = [[column.name for column in columns], *cells]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    head, *body, last = [_line(line, columns, widths) for line in lines]
    rule = "─" * max(map(len, (head, *body, last)))
    return "\n".join([head, rule, *body, rule, last])


def _cut(cell: str, widest: int) -> str:
    return cell if len(cell) <= widest else cell[: widest - 1] + "…"


def _line(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    placed = zip(cells, columns, widths, strict=True)
    return "  ".join(c.rjust(width) if column.right else c.ljust(width) for c, column, width in placed).rstrip()
