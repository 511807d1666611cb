"""What a name of the language can stand for, and how messages call it.

Numbers, strings, bools, `none`, sizes: themselves. Lists and tuples: Python's. An operator: its record class. The rest
is here and in `stages` and `tensors`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops  # noqa: F401  they enter themselves in the registry
from ..diagnostics import Refusal
from ..ir.kinds import show
from ..ir.operator import REGISTRY, Operator
from .stages import Stage
from .tensors import Tensor

NUMBERS = 1_000_000
LEVELS = 64

WORDS = {word for record in REGISTRY.values() for spec in record.attrs for word in spec.kind.words}


class Items(list[Any]):
    """A list of the language. It knows how much it holds, since sharing lets a short text describe a huge list."""

    def __init__(self, items: Sequence[Any]):
        super().__init__(items)
        self.numbers, self.levels = measure(items)


class Group(tuple[Any, ...]):
    """A tuple of the language; like `Items`."""

    numbers: int
    levels: int

    def __new__(cls, items: Sequence[Any]) -> Group:
        group = super().__new__(cls, items)
        group.numbers, group.levels = measure(items)
        return group


def measure(items: Sequence[Any]) -> tuple[int, int]:
    """How many values a list holds, and how deep it nests; raises `Refusal` beyond the limits."""
    numbers = sum([getattr(item, "numbers", 1) for item in items])
    levels = 1 + max([getattr(item, "levels", 0) for item in items], default=0)
    if numbers > NUMBERS:
        raise Refusal("E0333", f"a list of {numbers:,} values; {NUMBERS:,} is the limit")
    if levels > LEVELS:
        raise Refusal("E0334", f"lists nest deeper than {LEVELS}")
    return numbers, levels


def is_operator(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Operator)


def describe(value: Any) -> str:
    """What a value is, for a message: "the number 3", "a tensor f32[N, 8]"."""
    if isinstance(value, Tensor):
        return f"a tensor {value.type}"
    if is_operator(value):
        return f"the operator `{value.name}`"
    if isinstance(value, Stage):
        return f"the stage `{shortened(value)}`"
    if isinstance(value, bool) or value is None:
        return f"`{show(value)}`"
    if isinstance(value, int | float):
        return f"the number {show(value)}"
    if isinstance(value, str):
        return f'the string "{value}"'
    if isinstance(value, tuple):
        return "a tuple"
    if isinstance(value, list):
        return "a list"
    return str(value)


def shortened(value: Any) -> str:
    """A value as text of bearable length."""
    text = show(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
