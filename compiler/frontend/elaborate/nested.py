"""Lists and tuples. They know how much they hold, since sharing lets a short text describe a huge one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...diagnostics import Refusal

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
    tensors: bool | None = None  # whether it holds nothing else, once somebody has looked

    def __new__(cls, items: Sequence[Any]) -> Group:
        group = super().__new__(cls, items)
        group.values, group.levels = _measure(items)
        return group


def held(*values: Any) -> int:
    """How many values lists and tuples hold in all; others count as one."""
    return sum(value.values if isinstance(value, (Items, Group)) else 1 for value in values)


def _measure(items: Sequence[Any]) -> tuple[int, int]:
    """How many values are in it, and how deep it nests."""
    values = held(*items)
    if values > VALUES:
        raise Refusal("E0333", f"a list of {values:,} values; {VALUES:,} is the limit")
    return values, levels_of("lists", items)


def levels_of(what: str, inside: Iterable[Any]) -> int:
    """How deep lists, tuples and stages nest with one more around these; raises `Refusal` beyond the limit."""
    levels = 1 + max((getattr(value, "levels", 0) for value in inside), default=0)
    if levels > LEVELS:
        raise Refusal("E0334", f"{what} nest deeper than {LEVELS}")
    return levels
