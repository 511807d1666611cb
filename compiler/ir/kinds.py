"""The kinds of attributes: what they accept from the language and how they are printed back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..diagnostics import Refusal
from .operator import Kind
from .types import AXES, Dim


def _refuse(wanted: str, value: Any) -> Refusal:
    hint = ""
    if wanted.startswith("a whole number") and isinstance(value, float):
        whole = f", or write {int(value)}" if value.is_integer() else ""
        hint = f"`/` gives a real number: use `//`{whole}"
    return Refusal("E0303", f"wanted {wanted}, got {told(value)}", help=hint)


def show(value: Any) -> str:
    """A value of the language as its text."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"({', '.join(map(show, value))})"
    if isinstance(value, list):
        return f"[{', '.join(map(show, value))}]"
    if isinstance(value, str):
        return value if value.isidentifier() else f'"{value}"'
    if isinstance(value, type):
        return getattr(value, "name", value.__name__)  # an operator that waits for its attributes
    return repr(value).replace("e-0", "e-") if isinstance(value, (int, float)) else str(value)


def told(value: Any) -> str:
    """A value as messages show it: strings in quotes, also those that are words of the language."""
    return f'"{cut(value)}"' if isinstance(value, str) else shortened(value)


BEARABLE = 60


def shortened(value: Any, most: int = BEARABLE) -> str:
    """A value as text of bearable length. What shares its parts may be too long to be ever written in full."""
    text = ""
    for piece in _pieces(value, most):
        text += piece
        if len(text) > most:
            break
    return cut(text, most)


def cut(text: str, most: int = BEARABLE) -> str:
    """The beginning of a text that is too long."""
    return text if len(text) <= most else f"{text[: most - 3]}…"


def _pieces(value: Any, most: int) -> Iterator[str]:
    """A value's text, bit by bit. Each bit costs the same, however deep in lists it stands."""
    waiting = [_bits("", [value], "", most)]
    while waiting:
        for bit in waiting[-1]:
            if not isinstance(bit, str):
                brackets = "()" if isinstance(bit, tuple) else "[]"
                waiting.append(_bits(brackets[0], bit, brackets[1], most))
                break
            yield bit
        else:
            waiting.pop()


def _bits(opened: str, parts: Sequence[Any], closed: str, most: int) -> Iterator[str | tuple[Any, ...] | list[Any]]:
    """The text of some parts, but for those that are lists or tuples, which are given as they are."""
    yield opened
    for k, part in enumerate(parts):
        if k:
            yield ", "
        if isinstance(part, (tuple, list)):
            yield part
        elif isinstance(part, str):
            yield show(part[: most + 1])
        elif hasattr(part, "pieces"):
            yield from part.pieces()
        else:
            yield show(part)
    yield closed


def _is_whole(value: Any) -> bool:
    return isinstance(value, (int, Dim)) and not isinstance(value, bool)


def _is_real(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _whole(value: Any) -> int:
    if not _is_whole(value):
        raise _refuse("a whole number", value)
    return value


def _real(value: Any) -> float:
    if not _is_real(value):
        raise _refuse("a number", value)
    return float(value)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _refuse("`true` or `false`", value)
    return value


def _pair(value: Any) -> tuple[int, int]:
    if _is_whole(value):
        return value, value
    if isinstance(value, tuple) and len(value) == 2 and all(map(_is_whole, value)):
        return value
    raise _refuse("a whole number or (height, width)", value)


def _show_pair(value: tuple[int, int]) -> str:
    return str(value[0]) if value[0] == value[1] else show(value)


def _sides(value: Any, wanted: str = "a number, (h, w) or (top, left, bottom, right)") -> tuple[int, int, int, int]:
    if _is_whole(value):
        return value, value, value, value
    if isinstance(value, tuple) and all(map(_is_whole, value)):
        if len(value) == 2:
            return value[0], value[1], value[0], value[1]
        if len(value) == 4:
            return value
    raise _refuse(wanted, value)


def _padding(value: Any) -> str | tuple[int, int, int, int]:
    if value in ("same", "valid"):
        return (0, 0, 0, 0) if value == "valid" else value
    return _sides(value, padding.wanted)


def _show_sides(value: str | tuple[int, int, int, int]) -> str:
    if isinstance(value, str):
        return value
    top, left, bottom, right = value
    if (top, left) == (bottom, right):
        return _show_pair((top, left))
    return show(value)


def _wholes(value: Any) -> tuple[int, ...]:
    if isinstance(value, (list, tuple)) and value and all(map(_is_whole, value)):
        return tuple(value)
    raise _refuse("a list of whole numbers", value)


def _reals(value: Any) -> tuple[float, ...] | float:
    if _is_real(value):
        return float(value)
    if isinstance(value, (list, tuple)) and value and all(map(_is_real, value)):
        return tuple(map(float, value))
    raise _refuse("a number or a list of numbers", value)


def _nested(value: Any) -> Any:
    """Nested lists of numbers as nested tuples, all of one shape."""

    known: dict[int, tuple[Any, tuple[int, ...]]] = {}  # lists may share their parts, many times over

    def freeze(part: Any) -> tuple[Any, tuple[int, ...]]:
        """A part and its shape."""
        if _is_real(part):
            return float(part), ()
        if id(part) not in known:
            known[id(part)] = freeze_list(part)
        return known[id(part)]

    def freeze_list(part: Any) -> tuple[Any, tuple[int, ...]]:
        if not isinstance(part, (list, tuple)) or not part:
            raise _refuse("nested lists of numbers", part)
        values, shapes = zip(*map(freeze, part), strict=True)
        if len({*shapes}) > 1:
            raise Refusal("E0306", "the rows of a literal weight differ in length")
        return values, (len(values), *shapes[0])

    frozen, shape = (None, ()) if value is None else freeze(value)
    if len(shape) > AXES:
        raise Refusal("E0306", f"lists in lists make {len(shape)} axes; {AXES} is the limit")
    return frozen


def nested_shape(nested: Any) -> tuple[int, ...]:
    """The sizes of nested tuples of numbers."""
    return (len(nested), *nested_shape(nested[0])) if isinstance(nested, tuple) else ()


def _show_nested(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_show_nested, value))}]"
    return show(value)


def _optional(kind: Kind) -> Kind:
    return Kind(
        f"{kind.wanted} or none",
        lambda value: None if value is None else kind.accept(value),
        lambda value: "none" if value is None else kind.show(value),
    )


def choice(*words: str) -> Kind:
    """One of a few words."""
    wanted = " or ".join(words) if len(words) < 3 else f"{', '.join(words[:-1])} or {words[-1]}"

    def accept(value: Any) -> str:
        if value not in words:
            raise _refuse(wanted, value)
        return value

    return Kind(wanted, accept, show, words)


whole = Kind("a whole number", _whole, show)
real = Kind("a number", _real, show)
flag = Kind("true or false", _flag, show)
pair = Kind("a whole number or (height, width)", _pair, _show_pair)
sides = Kind("a number, (h, w) or (top, left, bottom, right)", _sides, _show_sides)
padding = Kind(
    "a whole number, (h, w), (top, left, bottom, right), same or valid", _padding, _show_sides, ("same", "valid")
)
wholes = Kind("a list of whole numbers", _wholes, lambda value: show(list(value)))
reals = Kind("a number or a list of numbers", _reals, lambda v: show(list(v)) if isinstance(v, tuple) else show(v))
literal = Kind("nested lists of numbers", _nested, _show_nested)
whole_or_wholes = Kind(
    "a whole number or a list of whole numbers",
    lambda value: value if _is_whole(value) else _wholes(value),
    lambda value: show(list(value)) if isinstance(value, tuple) else show(value),
)
optional_real = _optional(real)
optional_literal = _optional(literal)
