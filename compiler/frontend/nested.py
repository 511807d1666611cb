"""Lists and tuples. They know how much they hold, since sharing lets a short text describe a huge one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..diagnostics import Refusal

VALUES = 1_000_000
LEVELS = 200


class Items(list[Any]):
    """A list. Raises `Refusal` beyond the limits."""

    def __init__(self, items: Sequence[Any]):
        super().__init__(items)
        self.values, self.levels = _measure(items)


class Group(tuple[Any, ...]):
    """A tuple. Raises `Refusal` beyond the limits."""

    values: int
    levels: int

    def __new__(cls, items: Sequence[Any]) -> Group:
        group = super().__new__(cls, items)
        group.values, group.levels = _measure(items)
        return group


def _measure(items: Sequence[Any]) -> tuple[int, int]:
    """How many values are in it, and how deep it nests."""
    values, levels = 0, 0
    for item in items:
        nested = isinstance(item, Items | Group)
        values += item.values if nested else 1
        levels = max(levels, item.levels if nested else 0)
    if values > VALUES:
        raise Refusal("E0333", f"a list of {values:,} values; {VALUES:,} is the limit")
    if levels >= LEVELS:
        raise Refusal("E0334", f"lists nest deeper than {LEVELS}")
    return values, levels + 1
