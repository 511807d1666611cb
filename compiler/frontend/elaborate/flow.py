"""Arrows: tensors flowing through stages, and pipes without a tensor, which are stages themselves.

`flow(e, x, scope)` applies what `e` says to `x`, evaluating each step only when the tensor arrives there; names that
`as` gives on the way are bound. Without a tensor, `stage_of(e, scope)` makes a recipe of the same text.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from ...diagnostics import Refusal
from ..report import SOME_TENSOR, UNKNOWN, Failure, Silenced, Unknown
from ..syntax import ast
from . import arithmetic, expressions  # noqa: F401  `arithmetic` adds its rules
from .calls import as_stage
from .expressions import condition_of, evaluate
from .place import Place
from .scope import Scope
from .stages import FanOut, NamedStage, OperatorStage, Parallel, Sequence, Share, Stage, gather, parallel_parts
from .tensors import Called, Tensor, Tensors, is_tensors, leaves
from .values import describe


def flow(e: ast.Expression, x: Tensors | Unknown, scope: Scope) -> Tensors | Unknown:
    """Apply an expression to tensors. To `UNKNOWN` nothing is applied, but names and arguments are still checked."""
    match e:
        case ast.Pipe():
            return _through(e.steps, x, scope)
        case ast.List():
            if not e.items:
                raise scope.fail("E0209", "an empty list is no stage", e)
            parts = [_attempt(item, x, scope, among=bool(k)) for k, item in enumerate(e.items)]
            return gather(parts, scope.home, scope.span(e))
        case ast.Tuple():
            parts = [x] * len(e.items) if isinstance(x, Unknown) else _parts(e, x, scope)
            results = [_attempt(item, part, scope) for item, part in zip(e.items, parts, strict=True)]
            return gather(results, scope.home, scope.span(e))
        case ast.Conditional():
            return flow(condition_of(e, scope), x, scope)
        case ast.Named():
            return _named(e, x, scope)
    stage = as_stage(evaluate(e, scope), e, scope)
    return _applied(stage, x, scope.home)


def _applied(stage: Stage, x: Tensors | Unknown, place: Place, name: str | None = None) -> Tensors | Unknown:
    """What a stage makes of tensors. Of unknown ones all that is known is that an operator makes one."""
    if isinstance(x, Tensor) or (not isinstance(x, Unknown) and all(isinstance(part, Tensor) for part in leaves(x))):
        return stage.apply(x, place, name)
    one = x is not UNKNOWN and isinstance(stage, OperatorStage) and stage.op.outputs == 1
    return SOME_TENSOR if one else UNKNOWN


def _through(steps: tuple[ast.Expression, ...], x: Tensors | Unknown, scope: Scope) -> Tensors | Unknown:
    for step in steps:
        x = _attempt(step, x, scope)
    return x


def _attempt(e: ast.Expression, x: Tensors | Unknown, scope: Scope, among: bool = False) -> Tensors | Unknown:
    """One step; if it fails, those after it are still checked. `among` others of a list, a chain may be meant."""
    with scope.going_on():
        try:
            return flow(e, x, scope)
        except Failure as failure:
            found = failure.diagnostic
            if not among or found.code != "E0307":
                raise
            help = "a list fans out, each stage is given the same: chain them with `->`"
            raise Failure(replace(found, help=help)) from None
    return UNKNOWN


def _parts(e: ast.Tuple, x: Tensors, scope: Scope) -> tuple[Tensors, ...]:
    return parallel_parts(x, len(e.items), scope.home, scope.span(e))


WEIGHTS = re.compile(r"[^\s.]+(\.[^\s.]+)*")


def _want_name(e: ast.Named, scope: Scope) -> None:
    """Refuse a string that cannot name weights."""
    if not (WEIGHTS.fullmatch(e.name.text) and e.name.text.isprintable()):
        help = 'it is one name or several with dots between, as "layer1.0"'
        raise scope.fail("E0225", f'"{e.name.text}" is no name for weights', e.name, help=help)


def _named(e: ast.Named, x: Tensors | Unknown, scope: Scope) -> Tensors | Unknown:
    _want_name(e, scope)
    result: Tensors | Unknown = UNKNOWN
    try:
        result = _apply_named(e, x, scope)
    except Refusal as refusal:
        raise scope.failure(refusal, e.name) from None
    finally:
        if not e.quoted:
            scope.bind(e.name, result if isinstance(result, Unknown) else called(result, e.name.text, scope.home, True))
    return result


def _apply_named(e: ast.Named, x: Tensors | Unknown, scope: Scope) -> Tensors | Unknown:
    inner, place = e.stage, scope.home
    while isinstance(inner, ast.Conditional):
        inner = condition_of(inner, scope)
    if isinstance(inner, (ast.Pipe, ast.List, ast.Tuple, ast.Named)):
        if scope.perhaps:
            return flow(inner, x, scope)
        return flow(inner, x, scope.within(place.inside(place.take(place.chosen(e.name.text)))))
    stage = as_stage(evaluate(inner, scope), inner, scope)
    unnamed = isinstance(stage, Share) or isinstance(x, Unknown)
    return _applied(stage, x, place, None if unnamed else place.chosen(e.name.text))


def called(x: Tensors, name: str, place: Place, weights: bool = False) -> Tensors:
    """Tensors under a name that the source gives them; where two do, `as` (which names weights) yields to a binding."""
    if isinstance(x, Tensor):
        place.run.call(x.wire, Called(2 * place.nesting + weights, place, name))
        return x.named(name)
    return x


# Without a tensor


def _pipe(e: ast.Pipe, scope: Scope) -> Any:
    first, *rest = e.steps
    head: Any = UNKNOWN
    with scope.going_on():
        head = _head(first, scope)
    if head is UNKNOWN and scope.unapplied:
        scope = replace(scope, perhaps=True)  # it may be a stage, and then `as` names weights only
    if is_tensors(head) or (head is UNKNOWN and scope.place is not None):
        result = _through(tuple(rest), head, scope)
        if result is UNKNOWN:
            raise Silenced
        return result
    stages = [] if head is UNKNOWN else [as_stage(head, first, scope)]
    for step in rest:
        with scope.going_on():
            stages.append(stage_of(step, scope))
    if len(stages) < len(e.steps):
        raise Silenced
    with expressions.placed(e, scope):
        return Sequence(tuple(stages))


def _head(e: ast.Expression, scope: Scope) -> Any:
    if isinstance(e, ast.List):
        return stage_of(e, scope)
    value = evaluate(e, scope)
    if is_tensors(value):
        return value
    if isinstance(value, (int, float, str)) or value is None:
        raise scope.fail(
            "E0209", f"{describe(value)} at the head of a pipe", e, help="a pipe begins with a tensor or a stage"
        )
    return as_stage(value, e, scope)


def stage_of(e: ast.Expression, scope: Scope) -> Stage:
    """The stage that an expression beside an arrow is; raises `Failure`."""
    match e:
        case ast.List(items=items) if items:
            stages = tuple([stage_of(item, scope) for item in items])
            with expressions.placed(e, scope):
                return FanOut(stages, scope.span(e))
        case ast.Tuple(items=items):
            stages = tuple([stage_of(item, scope) for item in items])
            with expressions.placed(e, scope):
                return Parallel(stages, scope.span(e))
        case ast.Conditional():
            return stage_of(condition_of(e, scope), scope)
    return as_stage(evaluate(e, scope), e, scope)


def _as(e: ast.Named, scope: Scope) -> Stage:
    _want_name(e, scope)
    value = stage_of(e.stage, scope) if isinstance(e.stage, (ast.List, ast.Tuple)) else evaluate(e.stage, scope)
    if is_tensors(value):
        raise scope.fail("E0218", "`as` names what a stage makes, and this is a tensor", e, help="bind it: name = x")
    stage = as_stage(value, e.stage, scope)
    with expressions.placed(e, scope):
        return stage if isinstance(stage, Share) else NamedStage(stage, e.name.text, scope.span(e))


expressions.RULES[ast.Pipe] = _pipe
expressions.RULES[ast.Named] = _as
