"""What is wrong by rules that the grammar cannot express, asked by whoever builds something while a text is parsed."""

from __future__ import annotations

from collections.abc import Iterable

from lark import Token

DEEPEST = 200
WHOLE_NUMBERS = range(-(2**63), 2**63)
DIGITS = 400


class Fault(Exception):
    """A syntax error that the grammar cannot express, at the characters `[start, end)` of the parsed text."""

    def __init__(self, message: str, start: int, end: int, *, code: str = "E0101", help: str = ""):
        super().__init__(message)
        self.code, self.message, self.start, self.end, self.help = code, message, start, end, help


def deeper(start: int, inside: Iterable[int]) -> int:
    """The depth of an expression that begins at `start`, from the depths of those in it."""
    depth = 1 + max(inside, default=0)
    if depth > DEEPEST:
        raise Fault(f"brackets and expressions nest deeper than {DEEPEST}", start, start + 1, code="E0108")
    return depth


def touch(end: int, opened: Token, help: str = "") -> None:
    """A bracket touches what ends before it."""
    if start_of(opened) != end:
        raise Fault(f"a space before `{opened}`", start_of(opened), end_of(opened), code="E0105", help=help)


def in_order(named: Iterable[tuple[bool, int, int]]) -> None:
    """Positional arguments stand before named ones. Of each: whether it has a name, its start and its end."""
    before = False
    for has_name, start, end in named:
        if before and not has_name:
            raise Fault("a positional argument after a named one", start, end, code="E0107")
        before = has_name


def value_of(number: Token) -> int | float:
    """A number of the text, within 64 bits if it is whole."""
    text = number.replace("_", "")
    if len(text) > DIGITS:
        raise Fault(f"a number of more than {DIGITS} digits", start_of(number), end_of(number), code="E0106")
    value = float(text) if set(text) & set(".eE") else int(text)
    if isinstance(value, int) and value not in WHOLE_NUMBERS:
        raise Fault("a whole number beyond 64 bits", start_of(number), end_of(number), code="E0106")
    return value


def start_of(token: Token) -> int:
    assert token.start_pos is not None
    return token.start_pos


def end_of(token: Token) -> int:
    assert token.end_pos is not None
    return token.end_pos
