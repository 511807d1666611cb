"""Calls of operators, blocks and functions, and what makes a stage of a value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from ...diagnostics import Refusal
from ...ir.kinds import shortened
from ...ir.operator import Operator, Signed, bind, signature
from ...ir.types import Dim, Undecided
from ..report import UNKNOWN, Failure, Silenced
from ..syntax import ast
from .arguments import Given, match
from .expressions import RULES, attempt, evaluate, placed, unanswered
from .functions import REPEAT, Function
from .nested import held
from .scope import Scope
from .stages import FanOut, OperatorStage, Parallel, Repeat, Stage
from .tensors import is_tensors, leaves
from .values import Callee, describe, is_operator, is_recipe

LOOKED_AT = 4  # values of a list in the time of a step


class Parametric(Callee):
    """A block of a file: called with its arguments it is a stage."""

    noun = "block"

    def call(self, given: Sequence[Given], node: ast.Node, scope: Scope) -> Stage:
        raise NotImplementedError

    def __str__(self) -> str:
        return self.name


def as_stage(value: Any, node: ast.Node, scope: Scope) -> Stage:
    """What stands beside an arrow as a stage: block values are called, lists fan out, tuples run side by side.

    For a parameter that cannot be one, its argument is to blame.
    """
    origin = scope.origins.get(node.id) if isinstance(node, ast.Name) else None
    if origin is None:
        return _as_stage(value, node, scope)
    try:
        return _as_stage(value, node, scope)
    except Failure as failure:
        here, found = scope.span(node), failure.diagnostic
        if found.span != here:
            raise
        notes = (f"it is applied as `{here.text}` at {here}", *found.notes)
        raise Failure(replace(found, span=origin, notes=notes)) from None


def _as_stage(value: Any, node: ast.Node, scope: Scope) -> Stage:
    if isinstance(value, Stage):
        return value
    if is_operator(value):
        return operator_stage(value, (), node, scope)
    if isinstance(value, Parametric):
        return value.call((), node, scope)
    if isinstance(value, (list, tuple)):
        scope.spend(len(value), node)
    if isinstance(value, list) and value:
        with placed(node, scope):
            return FanOut(tuple([as_stage(item, node, scope) for item in value]), scope.span(node))
    if isinstance(value, list):
        raise scope.fail("E0209", "an empty list is no stage", node)
    if isinstance(value, tuple) and not any(next(leaves(v), None) for v in value if is_tensors(v)):
        with placed(node, scope):
            return Parallel(tuple([as_stage(item, node, scope) for item in value]), scope.span(node))
    help = "an arrow's right side is a stage; tensors meet in a tuple: (a, b) -> add" if is_tensors(value) else ""
    if value is REPEAT:
        help = "it wants a number and a stage: repeat(3, f)"
    raise scope.fail("E0209", f"wanted a stage, got {describe(value)}", node, help=scope.hidden(node) or help)


def _call(e: ast.Call, scope: Scope) -> Any:
    callee = evaluate(e.callee, scope)
    given = []
    for k, argument in enumerate(e.arguments):
        advice = _words(callee, k, argument.name) if is_operator(callee) else ""
        inside = scope.advising(advice) if advice or scope.advice else scope
        given.append(Given(argument.name, attempt(argument.value, inside), argument))
    _want_no_tensors(e, callee, given, scope)
    if is_operator(callee):
        return operator_stage(callee, given, e, scope)
    if isinstance(callee, Parametric):
        return callee.call(given, e, scope)
    if isinstance(callee, Function):
        return _function(callee, given, e, scope)
    if isinstance(callee, Stage):
        raise scope.fail(
            "E0216", f"`{shortened(callee)}` has its arguments already", e, help="apply it with an arrow: x -> f"
        )
    raise scope.fail("E0216", f"{describe(callee)} cannot be called", e.callee, help=scope.hidden(e.callee))


@cache
def _words(record: type[Operator], position: int, name: str | None) -> str:
    """The words that an attribute knows, if it knows any."""
    meant = [s for k, s in enumerate(record.attrs) if (s.name == name if name else k == position)]
    return "".join(f"`{spec.name}` is {spec.kind.wanted}" for spec in meant if spec.kind.words)


def _want_no_tensors(e: ast.Call, callee: Any, given: Sequence[Given], scope: Scope) -> None:
    """Refuse tensors in the parentheses, where other frameworks have them."""
    tensors = [argument for argument in given if is_tensors(argument.value)]
    if not tensors:
        return
    others = [argument for argument in given if argument not in tensors]
    written = [scope.span(a.value).text for a in e.arguments if any(a is tensor.node for tensor in tensors)]
    if is_operator(callee) and callee.inputs != 1 and len(written) == 1:
        written.insert(0, "…")
    head = written[0] if len(written) == 1 else f"({', '.join(written)})"
    call = scope.span(e.callee).text + (f"({', '.join(scope.span(o.node).text for o in others)})" if others else "")
    help = f"parentheses hold hyper-parameters, arrows carry tensors: {head} -> {call}"
    raise scope.fail("E0208", "a tensor as an argument", tensors[0].node, help=help)


def matched(
    callee: str,
    names: Sequence[str],
    needed: Sequence[str],
    given: Sequence[Given],
    shown: str,
    node: ast.Node,
    scope: Scope,
    accept: Callable[[str, Any], object] = lambda name, value: None,
) -> dict[str, Given]:
    """The arguments by parameter. All that do not fit or that `accept` refuses are reported, the last is raised.

    Raises `Silenced` where one is unknown.
    """
    arguments, misfits = match(callee, names, needed, given, shown)
    failures = [scope.failure(misfit.refusal, misfit.node or node) for misfit in misfits]
    for name, argument in arguments.items():
        if argument.value is not UNKNOWN:
            try:
                accept(name, argument.value)
            except Refusal as refusal:
                told = refusal.labelled(f"`{name}` of `{callee}`")
                failures.append(scope.failure(told, argument.node))
    for failure in failures[:-1]:
        scope.report(failure)
    if failures:
        raise failures[-1]
    if any(argument.value is UNKNOWN for argument in given):
        raise Silenced
    return arguments


def accepted(record: Signed, given: Sequence[Given], node: ast.Node, scope: Scope) -> dict[str, Any]:
    """The arguments that a record is given; raises `Failure` for those that do not fit."""
    specs = {spec.name: spec for spec in record.attrs if spec.name not in ("left", "right")}
    needed = [name for name, spec in specs.items() if spec.required]

    def accept(name: str, value: Any) -> object:
        scope.spend(held(value) // LOOKED_AT, node)
        return specs[name].accept(value)

    arguments = matched(record.name, list(specs), needed, given, signature(record), node, scope, accept)
    return {name: argument.value for name, argument in arguments.items()}


def operator_stage(record: type[Operator], given: Sequence[Given], node: ast.Node, scope: Scope) -> OperatorStage:
    """An operator with these arguments; raises `Failure` for those that do not fit."""

    def make() -> OperatorStage:
        arguments = accepted(record, given, node, scope)
        try:
            return OperatorStage(bind(record, arguments), scope.span(node))
        except Refusal as refusal:
            raise scope.failure(refusal, node) from None

    return scope.module.remembered(record, [(a.name, a.value) for a in given], node, make)


def _function(function: Function, given: Sequence[Given], node: ast.Node, scope: Scope) -> Any:
    if function.parameters is None:
        if any(a.name is not None for a in given):
            raise scope.fail("E0202", f"`{function.name}` has no named arguments", node)
        if any(a.value is UNKNOWN for a in given):
            raise Silenced
        arguments = {str(k): a for k, a in enumerate(given)}
    else:
        needed = [name for name in function.parameters if name != "keep"]
        shown = f"{function.name}({', '.join(function.parameters).replace('keep', 'keep=false')})"
        arguments = matched(function.name, function.parameters, needed, given, shown, node, scope)
    if function is REPEAT:
        return _repeat(arguments, node, scope)
    if function.name != "len":
        scope.spend(held(*[a.value for a in arguments.values()]), node)
    try:
        return function.call(*[a.value for a in arguments.values()])
    except Refusal as refusal:
        raise scope.failure(refusal, node) from None
    except Undecided as undecided:
        raise unanswered(undecided, node, scope) from None


def _repeat(arguments: dict[str, Given], node: ast.Node, scope: Scope) -> Stage:
    rounds, stage, keep = arguments["n"], arguments["f"], arguments.get("keep")
    if isinstance(rounds.value, Dim):
        raise unanswered(Undecided(f"the value of {rounds.value}"), rounds.node, scope)
    if not isinstance(rounds.value, int) or isinstance(rounds.value, bool):
        swapped = is_recipe(rounds.value) and isinstance(stage.value, int)
        help = f"the number comes first: repeat({shortened(stage.value)}, {shortened(rounds.value)})" if swapped else ""
        raise scope.fail(
            "E0303", f"`repeat` wants a whole number, got {describe(rounds.value)}", rounds.node, help=help
        )
    if rounds.value < 0:
        raise scope.fail("E0305", f"`repeat` of {rounds.value} rounds", rounds.node)
    if keep is not None and not isinstance(keep.value, bool):
        raise scope.fail("E0303", f"`keep` is `true` or `false`, not {describe(keep.value)}", keep.node)
    repeated = as_stage(stage.value, stage.node, scope)
    with placed(node, scope):
        return Repeat(rounds.value, repeated, keep is not None and keep.value, scope.span(node))


RULES[ast.Call] = _call
