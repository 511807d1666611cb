"""Expressions to values: names, literals, brackets, choices; `arithmetic`, `calls`, `flow` add rules for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ...diagnostics import Diagnostic, Refusal
from ...ir.kinds import shortened
from ...ir.types import Undecided
from ..report import UNKNOWN, Failure, Silenced, SomeTensor
from ..syntax import ast
from .nested import Group, Items
from .scope import MISSING, Module, Scope, suggestion
from .stages import Stage
from .tensors import Tensor, is_tensor, is_tensors
from .values import describe

SIZES = {"channels": 1, "height": 2, "width": 3}


def evaluate(e: ast.Expression, scope: Scope) -> Any:
    """The value of an expression; raises `Failure`, or `Silenced` where it depends on what failed before."""
    scope.spend(1, e)
    return RULES[type(e)](e, scope)


def attempt(e: ast.Expression, scope: Scope) -> Any:
    """The value of a part whose siblings are worth checking even if it fails: then it is `UNKNOWN`."""
    try:  # as `going_on` does, which would take as long as an expression itself
        return evaluate(e, scope)
    except Failure as failure:
        scope.report(failure)
    except Silenced:
        pass
    return UNKNOWN


@contextmanager
def placed(node: ast.Node, scope: Scope) -> Iterator[None]:
    """What is refused in here is refused at this node."""
    try:
        yield
    except Refusal as refusal:
        raise scope.failure(refusal, node) from None


def unanswered(undecided: Undecided, node: ast.Node, scope: Scope) -> Exception:
    """What to raise for a question about free sizes: a note and silence while checking, a failure while compiling."""
    if scope.place is None or not scope.run.free or undecided.of_batch:
        return scope.fail("E0319", f"not known while compiling: {undecided.question}", node)
    message = f"depends on {undecided.question}, which is not known before the sizes are"
    scope.report(Diagnostic("E0318", message, scope.span(node), severity="note"))
    return Silenced()


def every(parts: Sequence[ast.Expression], scope: Scope) -> list[Any]:
    """The values of parts, each of them checked; raises `Silenced` if one failed."""
    values = [attempt(part, scope) for part in parts]
    if UNKNOWN in values:
        raise Silenced
    return values


def condition_of(e: ast.Conditional, scope: Scope) -> ast.Expression:
    """The branch that a conditional takes."""
    try:
        return e.then if truth(e.condition, scope) else e.otherwise
    except Silenced:
        survey((e.then, e.otherwise), scope)
        raise


def survey(parts: Sequence[ast.Expression], scope: Scope) -> None:
    """Check what is evaluated only if an unknown value says so, in a body that nothing applies."""
    if scope.unapplied:
        perhaps = scope.doubting()
        for part in parts:
            for inner in ast.walk(part):
                if isinstance(inner, ast.Named) and not inner.quoted:
                    perhaps.bind(inner.name, UNKNOWN)
            attempt(part, perhaps)


def truth(e: ast.Expression, scope: Scope) -> bool:
    value = evaluate(e, scope)
    if not isinstance(value, bool):
        raise scope.fail("E0303", f"wanted `true` or `false`, got {describe(value)}", e)
    return value


# Names, literals and brackets


def _name(e: ast.Name, scope: Scope) -> Any:
    return scope.lookup(e.id, e)


def _constant(e: ast.Constant, scope: Scope) -> Any:
    return e.value


def _list(e: ast.List, scope: Scope) -> Any:
    items = every(e.items, scope)
    if any(is_tensors(item) for item in items):
        raise scope.fail("E0220", "a list of tensors", e, help="tensors go in a tuple: (a, b)")
    try:
        return Items(items)
    except Refusal as refusal:
        raise scope.failure(refusal, e) from None


def _tuple(e: ast.Tuple, scope: Scope) -> Any:
    items = every(e.items, scope)
    tensors = [is_tensors(item) for item in items]
    if any(tensors) and not all(tensors):
        stranger = tensors.index(False)
        message = f"a tuple of tensors with {describe(items[stranger])} in it"
        raise scope.fail("E0220", message, e.items[stranger], help="a tuple holds tensors, or stages, or numbers")
    try:
        return Group(items)
    except Refusal as refusal:
        raise scope.failure(refusal, e) from None


def _attribute(e: ast.Attribute, scope: Scope) -> Any:
    of, name = evaluate(e.of, scope), e.name.text
    if isinstance(of, Module):
        value = of.lookup(name)
        if value is MISSING or isinstance(value, Module):
            help = suggestion(name, of.names(), {}) if value is MISSING else "a `use` is seen in its own file only"
            raise scope.fail("E0201", f"{of.source.name} has no `{name}`", e.name, help=help)
        if value is UNKNOWN:
            raise Silenced
        return value
    if not is_tensor(of):
        raise scope.fail(
            "E0201", f"{describe(of)} has no `.{name}`", e.name, help="index it first: t[0]" if is_tensors(of) else ""
        )
    if name != "shape" and name not in SIZES:
        raise scope.fail("E0201", f"a tensor has no `.{name}`", e.name, help="it has channels, height, width and shape")
    if isinstance(of, SomeTensor):
        raise Silenced
    if name == "shape":
        return Items(of.type.shape)
    if SIZES[name] >= of.type.rank:
        raise scope.fail("E0307", f"{of.type} has no {name}", e.name)
    return of.type.shape[SIZES[name]]


def _index(e: ast.Index, scope: Scope) -> Any:
    of, at = every((e.of, e.at), scope)
    if not isinstance(of, (list, tuple)):
        help = "its sizes are x.shape[i]" if isinstance(of, Tensor) else ""
        if isinstance(of, Stage):
            help = f"apply it first: (x -> {shortened(of)})[{shortened(at)}]"
        raise scope.fail("E0303", f"{describe(of)} cannot be indexed", e.of, help=help)
    if not isinstance(at, int) or isinstance(at, bool):
        raise scope.fail("E0303", f"an index is a whole number, got {describe(at)}", e.at)
    if not 0 <= at < len(of):
        help = f"items count from 0, so [{len(of) - 1}] is the last" if of else "it is empty"
        raise scope.fail("E0315", f"there is no item {at} among {len(of)}", e.at, help=help)
    return of[at]


def _conditional(e: ast.Conditional, scope: Scope) -> Any:
    return evaluate(condition_of(e, scope), scope)


RULES: dict[type[ast.Expression], Callable[[Any, Scope], Any]] = {
    ast.Name: _name,
    ast.Constant: _constant,
    ast.List: _list,
    ast.Tuple: _tuple,
    ast.Attribute: _attribute,
    ast.Index: _index,
    ast.Conditional: _conditional,
}
