"""Arguments of a call, laid beside the parameters they are for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from ..diagnostics import Refusal
from . import ast
from .synonyms import FOREIGN_ARGUMENTS, SYNONYMS


@dataclass(frozen=True)
class Given:
    """One argument, evaluated, and where it was written."""

    name: str | None
    value: Any
    node: ast.Node


class Misfit(Exception):
    """An argument that no parameter wants, or a parameter that no argument gives; `node` is the culprit, if one is."""

    def __init__(self, refusal: Refusal, node: ast.Node | None = None):
        super().__init__(refusal.message)
        self.refusal, self.node = refusal, node


def match(
    callee: str, names: Sequence[str], needed: Sequence[str], given: Sequence[Given], shown: str
) -> dict[str, Given]:
    """The argument for each parameter; those in `needed` must have one. `shown` is the signature, for messages."""
    matched: dict[str, Given] = {}
    for position, argument in enumerate(given):
        if argument.name is None and position >= len(names):
            message = f"`{callee}` takes {len(names) or 'no'} argument{'s' * (len(names) != 1)}, got {len(given)}"
            raise Misfit(Refusal("E0207", message, help=f"its signature: {shown}"), argument.node)
        name = names[position] if argument.name is None else argument.name
        if name not in names:
            raise Misfit(
                Refusal("E0202", f"`{callee}` has no argument `{name}`", help=_nearest(name, names, shown)),
                argument.node,
            )
        if name in matched:
            raise Misfit(Refusal("E0205", f"`{name}` is given twice", help=f"its signature: {shown}"), argument.node)
        matched[name] = argument
    missing = [f"`{name}`" for name in needed if name not in matched]
    if missing:
        raise Misfit(Refusal("E0206", f"`{callee}` needs {' and '.join(missing)}", help=f"its signature: {shown}"))
    return matched


def _nearest(name: str, names: Sequence[str], shown: str) -> str:
    plain = name.lower().replace("_", "")
    if plain in FOREIGN_ARGUMENTS:
        return FOREIGN_ARGUMENTS[plain]
    synonym = SYNONYMS.get(plain, "")
    close = [synonym] if synonym in names else get_close_matches(name, names, 1, 0.6)
    return f"did you mean `{close[0]}`? {shown}" if close else f"its signature: {shown}"
