"""`train { }` and `test "…" { }`: their form. What they mean is for training and testing to say."""

from __future__ import annotations

from difflib import get_close_matches

from . import ast
from .advice import advise_training
from .report import Failure
from .scope import Scope

SETTINGS = ("loss", "optimizer", "schedule", "augment", "batch", "epochs", "seed")


def check_sections(body: ast.Body, scope: Scope) -> frozenset[str]:
    """Report what is wrong with a model's sections; gives the names that they read."""
    sections = [s for s in body.statements if isinstance(s, ast.Section)]
    inputs = {s.name.text for s in body.statements if isinstance(s, ast.Input)}
    trains = [s for s in sections if s.kind.text == "train"]
    for section in sections:
        try:
            _check_kind(section, trains, scope)
        except Failure as failure:
            scope.report(failure)
            continue
        if scope.module.damaged(section) or scope.module.damaged(body, "input"):
            continue  # what it lacks may stand in what does not parse
        if section.kind.text == "train":
            _check(section, scope, allowed=(ast.Binding, ast.Input), expected=frozenset(SETTINGS))
            advise_training(section, scope)
        else:
            _check(section, scope, allowed=(ast.Binding, ast.Assert), expected=frozenset(inputs), all_of_them=True)
    return frozenset(name for section in sections for name in _read(section))


def _check_kind(section: ast.Section, trains: list[ast.Section], scope: Scope) -> None:
    kind, title = section.kind.text, section.title
    if kind not in ("train", "test"):
        raise scope.fail("E0214", f"no section is called `{kind}`", section.kind, help="there are `train` and `test`")
    if kind == "train" and title is not None:
        raise scope.fail("E0214", "`train` has no title", title)
    if kind == "test" and title is None:
        raise scope.fail("E0214", "a test without a title", section.kind, help='say what it shows: test "…" { }')
    if kind == "train" and section is not trains[0]:
        raise scope.fail("E0214", "a second `train`", section.kind)


def _check(
    section: ast.Section,
    scope: Scope,
    allowed: tuple[type[ast.Node], ...],
    expected: frozenset[str],
    all_of_them: bool = False,
) -> None:
    """Each name once, each of use: one of those expected, or read in the section."""
    read, bound = _read(section), set()
    for statement in section.statements:
        if not isinstance(statement, allowed):
            what = type(statement).__name__.lower()
            scope.report(scope.fail("E0214", f"`{section.kind.text}` holds no `{what}`", statement))
            continue
        words = statement.names if isinstance(statement, ast.Binding) else ()
        words = (statement.name,) if isinstance(statement, ast.Input) else words
        for word in words:
            name = word.text
            if name in bound or (name in scope.names and name not in expected):
                scope.report(scope.fail("E0203", f"`{name}` is bound twice", word))
            elif name not in expected and name not in read:
                close = get_close_matches(name, expected, 1)
                help = f"did you mean `{close[0]}`?" if close else f"expected here: {', '.join(sorted(expected))}"
                scope.report(scope.fail("E0215", f"nothing reads `{name}`", word, help=help))
            bound.add(name)
    missing = sorted(expected - bound) if all_of_them else []
    if missing:
        message = f"the test does not give the input `{missing[0]}`"
        scope.report(scope.fail("E0224", message, section.kind, help=f"write {missing[0]} = random(seed=1, N=4)"))


def _read(section: ast.Section) -> set[str]:
    return {part.id for part in ast.walk(section) if isinstance(part, ast.Name)}
