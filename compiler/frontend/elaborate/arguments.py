"""Arguments of a call, laid beside the parameters they are for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...diagnostics import Refusal
from ...ir.kinds import show
from ..closest import closest
from ..report import UNKNOWN
from ..syntax import ast
from .synonyms import FOREIGN_ARGUMENTS, SYNONYMS
from .values import is_recipe


@dataclass(frozen=True)
class Given:
    """One argument, evaluated, and where it was written."""

    name: str | None
    value: Any
    node: ast.Node


@dataclass(frozen=True)
class Misfit:
    """An argument that no parameter wants, or parameters that no argument gives; `node` is the culprit, if one is."""

    refusal: Refusal
    node: ast.Node | None = None


def match(
    callee: str, names: Sequence[str], needed: Sequence[str], given: Sequence[Given], shown: str
) -> tuple[dict[str, Given], list[Misfit]]:
    """The argument for each parameter, and all that does not fit; those in `needed` must have one.

    `shown` is the signature, for messages. Of a parameter whose argument has another framework's name, or a misspelt
    one, nobody says that it is missing; an unknown value, of which something has been said, is not one too many.
    """
    matched: dict[str, Given] = {}
    misfits: list[Misfit] = []
    meant: set[str] = set()  # what arguments with names of their own may have been for
    signature = f"its signature: {shown}"
    for position, argument in enumerate(given):
        if argument.name is None and position >= len(names):
            if position == len(names) and argument.value is not UNKNOWN:
                message = f"`{callee}` takes {len(names) or 'no'} argument{'s' * (len(names) != 1)}, got {len(given)}"
                chained = f"stages follow one another with arrows: {show(argument.value)} -> {callee}"
                help = chained if is_recipe(argument.value) and not names else signature
                misfits.append(Misfit(Refusal("E0207", message, help=help), argument.node))
            continue
        name = names[position] if argument.name is None else argument.name
        if name not in names:
            near, help = _nearest(name, names)
            meant.update([near] if near else () if help else needed)
            help = f"{help} {shown}" if near else help or signature
            misfits.append(Misfit(Refusal("E0202", f"`{callee}` has no argument `{name}`", help=help), argument.node))
        elif name in matched and matched[name].value is not UNKNOWN:
            misfits.append(Misfit(Refusal("E0205", f"`{name}` is given twice", help=signature), argument.node))
        else:
            matched[name] = argument
    missing = [f"`{name}`" for name in needed if name not in matched and name not in meant]
    if missing:
        misfits.append(Misfit(Refusal("E0206", f"`{callee}` needs {' and '.join(missing)}", help=signature)))
    return matched, misfits


def _nearest(name: str, names: Sequence[str]) -> tuple[str, str]:
    """The parameter that a name was likely meant to be, if there is one, and what to say."""
    plain = name.lower().replace("_", "")
    if plain in FOREIGN_ARGUMENTS and name not in names:
        return "", FOREIGN_ARGUMENTS[plain]
    known = {other: ours for other, ours in SYNONYMS.items() if ours in names} | {ours: ours for ours in names}
    close = [plain] if plain in known else closest(name, known)
    return (known[close[0]], f"did you mean `{known[close[0]]}`?") if close else ("", "")
