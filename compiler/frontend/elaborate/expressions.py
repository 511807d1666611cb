"""Expressions to values, outside of the flow of tensors; `flow` is where arrows are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ...diagnostics import Diagnostic, Refusal
from ...ir.kinds import shortened
from ...ir.operator import REGISTRY, Operator, Signed, bind, signature
from ...ir.types import Dim, Undecided
from ..report import SOME_TENSOR, UNKNOWN, Failure, Silenced, SomeTensor
from ..syntax import ast
from .arguments import Given, match
from .functions import REPEAT, Function
from .nested import Group, Items, held
from .numbers import calculate, compare, is_number, negated
from .scope import MISSING, Module, Scope, suggestion
from .stages import FanOut, OperatorStage, Parallel, Repeat, Stage
from .tensors import Tensor, is_tensor, is_tensors, leaves
from .values import Callee, describe, is_operator, is_recipe

LOOKED_AT = 4  # values of a list in the time of a step
SIZES = {"channels": 1, "height": 2, "width": 3}


class Parametric(Callee):
    """A block of a file: called with its arguments it is a stage."""

    noun = "block"

    def call(self, given: Sequence[Given], node: ast.Node, scope: Scope) -> Stage:
        raise NotImplementedError

    def __str__(self) -> str:
        return self.name


def evaluate(e: ast.Expression, scope: Scope) -> Any:
    """The value of an expression; raises `Failure`, or `Silenced` where it depends on what failed before."""
    scope.spend(1, e)
    return RULES[type(e)](e, scope)


def attempt(e: ast.Expression, scope: Scope) -> Any:
    """The value of a part whose siblings are worth checking even if it fails: then it is `UNKNOWN`."""
    with scope.going_on():
        return evaluate(e, scope)
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
    if isinstance(value, list | tuple):
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
    if not isinstance(of, list | tuple):
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


# Calls


def _call(e: ast.Call, scope: Scope) -> Any:
    callee = evaluate(e.callee, scope)
    given = []
    for k, argument in enumerate(e.arguments):
        advice = _words(callee, k, argument)
        inside = replace(scope, advice=advice) if advice or scope.advice else scope
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


def _words(callee: Any, position: int, argument: ast.Argument) -> str:
    """The words that an attribute knows, if it knows any."""
    specs = list(callee.attrs) if is_operator(callee) else []
    meant = [s for k, s in enumerate(specs) if (s.name == argument.name if argument.name else k == position)]
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
    arguments = accepted(record, given, node, scope)
    try:
        return OperatorStage(bind(record, arguments), scope.span(node))
    except Refusal as refusal:
        raise scope.failure(refusal, node) from None


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


# Arithmetic


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
    for operator, part in e.rest:
        comment = replace(scope, advice="`//` divides; a comment begins with `#`") if operator == "//" else scope
        other = attempt(part, comment)
        failed = value is UNKNOWN or other is UNKNOWN
        value = UNKNOWN if failed else _binary(operator, value, other, ast.Node(e.start, part.end), part, scope)
    if value is UNKNOWN:
        raise Silenced
    return value


TENSOR_ARITHMETIC = {"+": "add", "-": "sub", "*": "mul", "/": "div"}


def _binary(operator: str, a: Any, b: Any, node: ast.Node, right: ast.Node, scope: Scope) -> Any:
    """`a operator b`, written as `node`, which ends with `right`."""
    if not (is_tensor(a) or is_tensor(b)):
        try:
            return calculate(operator, a, b)
        except Refusal as refusal:
            if is_recipe(a) and is_recipe(b) and operator in ("+", "*"):
                help = f"[{shortened(a)}, {shortened(b)}] -> {TENSOR_ARITHMETIC[operator]}"
                refusal = Refusal(refusal.code, refusal.message, help=help)
            raise scope.failure(refusal, node) from None
        except Undecided as undecided:
            raise unanswered(undecided, node, scope) from None
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


def _applied(operator: str, attributes: dict[str, Any], x: Any, node: ast.Node, scope: Scope) -> Tensor:
    stage = OperatorStage(bind(REGISTRY[operator], attributes), scope.span(node))
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


def _conditional(e: ast.Conditional, scope: Scope) -> Any:
    return evaluate(condition_of(e, scope), scope)


RULES: dict[type[ast.Expression], Callable[[Any, Scope], Any]] = {
    ast.Name: _name,
    ast.Constant: _constant,
    ast.List: _list,
    ast.Tuple: _tuple,
    ast.Attribute: _attribute,
    ast.Index: _index,
    ast.Call: _call,
    ast.Unary: _unary,
    ast.Chain: _chain,
    ast.Compare: _compare,
    ast.Conditional: _conditional,
}
