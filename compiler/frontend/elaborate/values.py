"""What a name of the language can stand for, and how messages call it.

Numbers, strings, bools, `none`, sizes: themselves. Lists and tuples: those of `nested`. An operator: its record class.
The rest is here and in `stages` and `tensors`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ... import ops  # noqa: F401  they enter themselves in the registry
from ...ir.kinds import shortened, show
from ...ir.operator import REGISTRY, Operator
from .stages import Stage
from .tensors import is_tensors

WORDS = {word for record in REGISTRY.values() for spec in record.attrs for word in spec.kind.words}


class Callee:
    """What a call can be of, beside operators: a block or a function."""

    noun: ClassVar[str]
    name: str


def is_operator(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Operator)


def is_recipe(value: object) -> bool:
    """Whether an arrow could apply it."""
    return isinstance(value, Stage) or is_operator(value) or (isinstance(value, Callee) and value.noun == "block")


def describe(value: Any) -> str:
    """What a value is, for a message: "the number 3", "a tensor f32[N, 8]"."""
    if is_operator(value):
        return f"the operator `{value.name}`"
    if isinstance(value, Callee):
        return f"the {value.noun} `{value.name}`"
    if isinstance(value, Stage):
        return f"the stage `{shortened(value)}`"
    if isinstance(value, bool) or value is None:
        return f"`{show(value)}`"
    if isinstance(value, (int, float)):
        return f"the number {show(value)}"
    if isinstance(value, str):
        return f'the string "{value}"'
    if isinstance(value, tuple):
        return f"a tuple of {len(value)} tensor{'s' * (len(value) != 1)}" if is_tensors(value) else "a tuple"
    if isinstance(value, list):
        return "a list"
    return str(value)
