"""What stands in a section: its own names beside those of the model, and words that only sections know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...diagnostics import Refusal, Span
from ..syntax import ast
from .arguments import Given
from .calls import accepted
from .expressions import attempt, evaluate
from .place import Place, Run
from .recipes import Recipe
from .scope import Scope, suggestion
from .statements import bind_names
from .values import describe


class Contents:
    """One section: the names of the model and its own, and weights that the model does not have.

    `whole` is false where some of its text does not parse: what it lacks may stand there.
    """

    def __init__(self, section: ast.Section, scope: Scope, whole: bool):
        home = scope.home
        run = Run(scope.module.report, scope.run.sizes, free=True)
        place = Place(
            run, home.prefix, home.title, home.above, home.ledger, home.nesting, dict(home.counts), {*home.taken}
        )
        self.section, self.scope, self.whole = section, scope.copy(place), whole
        self.said: dict[str, Span] = {}
        self.read = read_in(section)

    def once(self, word: ast.Word) -> None:
        """Raises `Failure` where what the section wants to know is said twice."""
        if word.text in self.said:
            first = (f"first at {self.said[word.text]}",)
            raise self.scope.fail("E0203", f"`{word.text}` is bound twice", word, notes=first)
        self.said[word.text] = self.scope.span(word)

    def refuse(self, statement: ast.Statement) -> None:
        what = statement.kind.text if isinstance(statement, ast.Section) else type(statement).__name__.lower()
        raise self.scope.fail("E0214", f"`{self.section.kind.text}` holds no `{what}`", statement)

    def bind(self, statement: ast.Binding) -> None:
        """A binding of its own, which something in the section must read."""
        for word in statement.names:
            if self.whole and word.text not in self.read:
                self.scope.report(self.scope.fail("E0215", f"nothing reads `{word.text}`", word, help=self.near(word)))
        bind_names(statement, self.scope)

    def near(self, word: ast.Word) -> str:
        raise NotImplementedError


def read_in(section: ast.Section) -> set[str]:
    """The names that a section's text reads."""
    return {part.id for part in ast.walk(section) if isinstance(part, ast.Name)}


def want_recipe(e: ast.Expression, table: Mapping[str, Recipe], what: str, scope: Scope) -> None:
    """Check a call of a word of a table; raises `Failure` for anything else."""
    callee, arguments = (e.callee, e.arguments) if isinstance(e, ast.Call) else (e, ())
    listed = f"there are {', '.join(table)}"
    if not isinstance(callee, ast.Name):
        several = isinstance(e, (ast.Pipe, ast.List, ast.Tuple))
        got = f"a {type(e).__name__.lower()}" if several else describe(evaluate(e, scope))
        raise scope.fail("E0303", f"wanted {'an' if what[0] in 'ao' else 'a'} {what}, got {got}", e, help=listed)
    if callee.id not in table:
        help = suggestion(callee.id, table) or listed
        raise scope.fail("E0201", f"no {what} is called `{callee.id}`", callee, help=help)
    accepted(table[callee.id], given_by(arguments, scope), e, scope)


def given_by(arguments: tuple[ast.Argument, ...], scope: Scope) -> list[Given]:
    return [Given(a.name, attempt(a.value, scope), a) for a in arguments]


def accepting(accept: Callable[[Any], Any], e: ast.Expression, label: str, scope: Scope) -> Any:
    try:
        return accept(evaluate(e, scope))
    except Refusal as refusal:
        raise scope.failure(refusal.labelled(label), e) from None
