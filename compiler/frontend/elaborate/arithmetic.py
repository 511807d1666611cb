"""Operators between values: numbers, bools, sizes, and tensors, for which they apply the operators of the graph."""

from __future__ import annotations

from typing import Any

from ...diagnostics import Refusal
from ...ir.kinds import shortened
from ...ir.operator import REGISTRY, bind
from ...ir.types import Dim, Undecided
from ..report import SOME_TENSOR, UNKNOWN, Silenced, SomeTensor
from ..syntax import ast
from .expressions import RULES, attempt, evaluate, every, survey, truth, unanswered
from .nested import held
from .numbers import calculate, compare, is_number, negated
from .scope import Scope
from .stages import OperatorStage
from .tensors import Tensor, is_tensor
from .values import describe, is_recipe


def _unary(e: ast.Unary, scope: Scope) -> Any:
    if e.operator == "not":
        return not truth(e.operand, scope)
    value = evaluate(e.operand, scope)
    if isinstance(value, SomeTensor):
        return value
    if isinstance(value, Tensor):
        return _applied("scale", {"k": -1.0}, value, e, scope)
    try:
        return negated(value)
    except Refusal as refusal:
        raise scope.failure(refusal, e) from None


def _chain(e: ast.Chain, scope: Scope) -> Any:
    if e.rest[0][0] in ("and", "or"):
        stops = e.rest[0][0] == "or"
        parts = (e.first, *[part for _, part in e.rest])
        for k, part in enumerate(parts):
            try:
                if truth(part, scope) is stops:
                    return stops
            except Silenced:
                survey(parts[k + 1 :], scope)
                raise
        return not stops
    value = attempt(e.first, scope)
    divides = any(operator == "//" for operator, _ in e.rest)
    comment = scope.advising("`//` divides; a comment begins with `#`") if divides else scope
    for operator, part in e.rest:
        other = attempt(part, comment if operator == "//" else scope)
        failed = value is UNKNOWN or other is UNKNOWN
        value = UNKNOWN if failed else _binary(operator, value, other, e.start, part, scope)
    if value is UNKNOWN:
        raise Silenced
    return value


TENSOR_ARITHMETIC = {"+": "add", "-": "sub", "*": "mul", "/": "div"}


def _binary(operator: str, a: Any, b: Any, start: int, right: ast.Node, scope: Scope) -> Any:
    """`a operator b`, written from `start` to the end of `right`."""
    if not (is_tensor(a) or is_tensor(b)):
        try:
            return calculate(operator, a, b)
        except Refusal as refusal:
            if is_recipe(a) and is_recipe(b) and operator in ("+", "*"):
                help = f"[{shortened(a)}, {shortened(b)}] -> {TENSOR_ARITHMETIC[operator]}"
                refusal = Refusal(refusal.code, refusal.message, help=help)
            raise scope.failure(refusal, ast.Node(start, right.end)) from None
        except Undecided as undecided:
            raise unanswered(undecided, ast.Node(start, right.end), scope) from None
    node = ast.Node(start, right.end)
    if operator not in TENSOR_ARITHMETIC:
        raise scope.fail("E0324", f"tensors have no `{operator}`", node, help="they have + - * /")
    number = b if is_tensor(a) else a
    if isinstance(number, Dim):
        raise unanswered(Undecided(f"the value of {number}"), node, scope)
    if is_tensor(number) and (isinstance(a, SomeTensor) or isinstance(b, SomeTensor)):
        return SOME_TENSOR
    if isinstance(number, Tensor):
        return _applied(TENSOR_ARITHMETIC[operator], {}, (a, b), node, scope)
    if not is_number(number):
        left = ast.Node(node.start, node.start + len(scope.span(node).text[: right.start - node.start].rstrip(" *+-/")))
        stranger, other = (right, left) if number is b else (left, right)
        apply = f"apply it: ({scope.span(other).text} -> {scope.span(stranger).text})" if is_recipe(number) else ""
        message = f"tensor arithmetic wants a tensor or a number, got {describe(number)}"
        raise scope.fail("E0303", message, stranger, help=apply)
    if operator == "/" and number is b and number == 0:
        raise scope.fail("E0313", "a tensor divided by zero", node)
    if isinstance(a, SomeTensor) or isinstance(b, SomeTensor):
        return SOME_TENSOR
    side = "left" if number is a and operator in "-/" else "right"
    tensor = b if number is a else a
    return _applied(TENSOR_ARITHMETIC[operator], {side: float(number)}, (tensor,), node, scope)


def _applied(operator: str, attributes: dict[str, float], x: Any, node: ast.Node, scope: Scope) -> Tensor:
    record = REGISTRY[operator]
    stage = scope.module.remembered(
        record, attributes.items(), node, lambda: OperatorStage(bind(record, attributes), scope.span(node))
    )
    result = stage.apply(x, scope.home)
    if not isinstance(result, Tensor):
        raise Silenced
    return result


def _compare(e: ast.Compare, scope: Scope) -> bool:
    left, right = every((e.left, e.right), scope)
    scope.spend(held(left), e)
    try:
        return compare(e.operator, left, right)
    except Refusal as refusal:
        raise scope.failure(refusal, e) from None
    except Undecided as undecided:
        raise unanswered(undecided, e, scope) from None


RULES[ast.Unary] = _unary
RULES[ast.Chain] = _chain
RULES[ast.Compare] = _compare
