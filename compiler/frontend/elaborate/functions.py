"""The functions of the language: numbers from numbers, and `repeat`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ...diagnostics import Refusal
from ...ir.kinds import show, told
from .numbers import fitting, is_number
from .values import Callee


@dataclass(frozen=True)
class Function(Callee):
    """`parameters` are None where any number of arguments will do."""

    noun = "function"

    name: str
    parameters: tuple[str, ...] | None
    call: Callable[..., Any]

    def __str__(self) -> str:
        return self.name


def _numbers(name: str, values: Sequence[Any]) -> Sequence[Any]:
    if len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    if not values:
        raise Refusal("E0206", f"`{name}` wants at least one number")
    for value in values:
        if not is_number(value):
            raise Refusal("E0303", f"`{name}` wants numbers, got {told(value)}")
    return values


def _least(*values: Any) -> Any:
    return min(_numbers("min", values))


def _greatest(*values: Any) -> Any:
    return max(_numbers("max", values))


def _round(x: Any) -> Any:
    (x,) = _numbers("round", (x,))
    return fitting(round(x), lambda: f"round({show(x)})") if isinstance(x, float) else x


def _length(x: Any) -> int:
    if not isinstance(x, (list, tuple)):
        raise Refusal("E0303", f"`len` wants a list or a tuple, got {told(x)}")
    return len(x)


REPEAT = Function("repeat", ("n", "f", "keep"), lambda: None)  # needs a place: `expressions` calls it
FUNCTIONS = {
    f.name: f
    for f in (
        Function("min", None, _least),
        Function("max", None, _greatest),
        Function("round", ("x",), _round),
        Function("len", ("x",), _length),
        REPEAT,
    )
}
