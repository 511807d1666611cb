"""Arithmetic and comparison at compile time: whole numbers of 64 bits, reals, sizes with free letters."""

from __future__ import annotations

import math
from collections.abc import Callable
from operator import add, floordiv, ge, gt, le, lt, mod, mul, sub, truediv
from typing import Any

from ...diagnostics import Refusal
from ...ir.kinds import show, told
from ...ir.types import BATCH, Dim, Undecided, same_size

Number = int | float | Dim
LOWEST, HIGHEST = -(2**63), 2**63 - 1

_KNOWN = (int, float)  # numbers without letters
_ALIKE = (int, float, bool, str)  # equal where Python says so
_ORDER: dict[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}
_PLAIN: dict[str, Callable[[Any, Any], Any]] = {
    "+": add,
    "-": sub,
    "*": mul,
    "/": truediv,
    "//": floordiv,
    "%": mod,
}


def is_number(value: object) -> bool:
    return isinstance(value, (int, float, Dim)) and not isinstance(value, bool)


def calculate(operator: str, a: Any, b: Any) -> Number:
    """`a operator b`; raises `Refusal` for what is no number, does not fit 64 bits or divides by zero."""
    if type(a) not in _KNOWN or type(b) not in _KNOWN:
        for side in (a, b):
            if not is_number(side):
                raise Refusal("E0303", f"`{operator}` wants numbers, got {told(side)}")
        if isinstance(a, Dim) or isinstance(b, Dim):
            return _with_letters(operator, a, b)
    if operator in ("/", "//", "%") and b == 0:
        raise Refusal("E0313", f"{show(a)} {operator} 0 divides by zero")
    try:
        result = _power(a, b) if operator == "**" else _PLAIN[operator](a, b)
    except OverflowError:
        raise Refusal("E0314", f"{show(a)} {operator} {show(b)} is too large") from None
    return fitting(result, lambda: f"{show(a)} {operator} {show(b)}")


def fitting(result: Any, what: Callable[[], str]) -> Number:
    """A result that the language can hold; `what` says how it came about."""
    if isinstance(result, int) and not LOWEST <= result <= HIGHEST:
        raise Refusal("E0314", f"{what()} does not fit a whole number of 64 bits")
    if isinstance(result, float) and not math.isfinite(result):
        raise Refusal("E0314", f"{what()} is no finite number")
    return result


def negated(value: Any) -> Number:
    if not is_number(value):
        raise Refusal("E0303", f"`-` wants a number, got {told(value)}")
    return fitting(-value, lambda: f"-({show(value)})")


def _power(a: int | float, b: int | float) -> Any:
    whole = isinstance(a, int) and isinstance(b, int)
    if whole and b >= 0:
        if b > 63 and abs(a) > 1:  # not worth computing, and perhaps not possible
            raise OverflowError
        return a**b
    if a == 0 and b < 0:
        raise Refusal("E0313", f"0 ** {show(b)} divides by zero")
    result = float(a) ** b
    if isinstance(result, complex):
        raise Refusal("E0313", f"({show(a)}) ** {show(b)} is no real number")
    return result


def _with_letters(operator: str, a: Number, b: Number) -> Number:
    """Exact where the form stays linear: `+ - *`, and `//` and `%` by a known number."""
    if operator in ("/", "**") or isinstance(a, float) or isinstance(b, float):
        raise Undecided(f"the value of {a if isinstance(a, Dim) else b}")
    if operator in ("//", "%") and isinstance(b, int) and b <= 0:
        raise Refusal("E0313", f"{a} {operator} {b}: a size is divided by a positive number")
    return _PLAIN[operator](a, b)


def compare(operator: str, a: Any, b: Any) -> bool:
    """`a operator b`; raises `Refusal` for values that have no order or equality with one another."""
    if operator == "==":
        return equal(a, b)
    if operator == "!=":
        return not equal(a, b)
    if not (is_number(a) and is_number(b)):
        raise Refusal("E0323", f"`{operator}` wants numbers, got {told(a)} and {told(b)}")
    _want_answer(a, b)
    return _ORDER[operator](a, b)


def equal(a: Any, b: Any) -> bool:
    """Numbers by value, strings, bools, lists elementwise; anything with `none`."""
    if type(a) is type(b) and type(a) in _ALIKE:
        return bool(a == b)
    if a is None or b is None:
        return a is b
    if is_number(a) and is_number(b):
        _want_answer(a, b)
        return a == b if isinstance(a, float) or isinstance(b, float) else same_size(a, b)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(equal, a, b))
    help = "numbers with numbers, strings with strings, bools with bools, lists with lists; anything with `none`"
    raise Refusal("E0323", f"{told(a)} and {told(b)} cannot be compared", help=help)


def _want_answer(a: Any, b: Any) -> None:
    """Refuse what depends on the batch, and say that a real beside free letters has no answer yet."""
    if isinstance(a, Dim) or isinstance(b, Dim):
        real = isinstance(a, float) or isinstance(b, float)
        difference: Any = a - b if not real else a if isinstance(a, Dim) else b  # type: ignore[operator]
        if isinstance(difference, Dim) and BATCH in difference.letters():
            raise Refusal("E0319", f"the batch `{BATCH}` is never known while compiling, so nothing may depend on it")
        if real:
            raise Undecided(f"the value of {difference}")
