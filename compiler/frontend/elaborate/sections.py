"""The sections of a model: which there may be, and the names that they read."""

from __future__ import annotations

from ..closest import closest
from ..syntax import ast
from .advice import advise_training
from .contents import read_in
from .scope import Scope
from .testing import Testing
from .training import Training


def check_sections(body: ast.Body, scope: Scope) -> frozenset[str]:
    """Report what is wrong with a model's sections; gives the names that they read."""
    sections = [s for s in body.statements if isinstance(s, ast.Section)]
    trains = [s for s in sections if s.kind.text == "train"]
    for section in sections:
        with scope.going_on():
            _check_kind(section, trains, scope)
            whole = not (scope.module.damaged(section) or scope.module.damaged(body, "input"))
            if section.kind.text == "train":
                Training(section, scope, whole).check()
                advise_training(section, scope)
            else:
                Testing(section, scope, whole, [s for s in body.statements if isinstance(s, ast.Input)]).check()
    return frozenset(name for section in sections for name in read_in(section))


def _check_kind(section: ast.Section, trains: list[ast.Section], scope: Scope) -> None:
    kind, title = section.kind.text, section.title
    if kind not in ("train", "test"):
        close = closest(kind.lower(), ("train", "test"))
        help = f"did you mean `{close[0]}`?" if close else "there are `train` and `test`"
        raise scope.fail("E0214", f"no section is called `{kind}`", section.kind, help=help)
    if kind == "train" and title is not None:
        raise scope.fail("E0214", "`train` has no title", title)
    if kind == "test" and title is None and not scope.module.damaged(section):
        raise scope.fail("E0214", "a test without a title", section.kind, help='say what it shows: test "…" { }')
    if kind == "train" and section is not trains[0]:
        raise scope.fail("E0214", "a second `train`", section.kind)
