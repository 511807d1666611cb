"""Bodies: the statements between braces, in order. A statement that fails leaves its names `UNKNOWN`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from ...diagnostics import Diagnostic, Refusal
from ...ir.kinds import shortened
from ...ir.structure import Parameter
from ...ir.types import Type, Undecided, ints
from ..report import SOME_TENSOR, UNKNOWN, Failure, Silenced, SomeTensor, Unknown
from ..syntax import ast
from ..syntax.faults import Fault
from ..syntax.lalr import Unexpected
from ..syntax.parse import expression
from . import types
from .calls import as_stage
from .expressions import evaluate, truth, unanswered
from .flow import called
from .numbers import is_number
from .scope import Scope
from .stages import Share, Stage
from .tensors import Application, Tensor, Trail, Wire, is_tensors
from .values import describe

SHOWN = 1000  # characters of a value in the message of an assertion
PARSED = 50  # steps that it takes to read one

Outputs = dict[str, "Tensor | Unknown"]


def run_body(body: ast.Body, scope: Scope, enter: Callable[[ast.Input, Scope], Any]) -> Outputs:
    """Elaborate the statements; `enter` gives the value of an input. The result is the outputs by name."""
    outputs: Outputs = {}
    scope.body = body
    for statement in body.statements:
        scope.spend(1, statement)
        with scope.going_on():
            match statement:
                case ast.Input():
                    scope.bind(statement.name, UNKNOWN)
                    scope.names[statement.name.text] = enter(statement, scope)
                case ast.Param():
                    _bind((statement.name,), lambda s=statement: _param(s, scope), scope)
                case ast.Share():
                    _bind((statement.name,), lambda s=statement: _share(s, scope), scope)
                case ast.Binding():
                    bind_names(statement, scope)
                case ast.Output(name=word):
                    if word.text in outputs:
                        raise scope.fail("E0203", f"the output `{word.text}` is given twice", word)
                    outputs[word.text] = UNKNOWN
                    outputs[statement.name.text] = _output(statement, scope)
                case ast.Assert():
                    _assert(statement, scope)
                case ast.Section():
                    pass  # `sections` checks their form
        note = None if isinstance(statement, (ast.Assert, ast.Share, ast.Section)) else statement.type
        if note is not None:
            types.settle(note, scope)
    return outputs


def bind_names(s: ast.Binding, scope: Scope) -> None:
    """Bind the names of a statement to its value, or to `UNKNOWN`; raises `Failure`."""
    _bind(s.names, lambda: _value(s, scope), scope)


def _bind(names: Sequence[ast.Word], compute: Callable[[], Any], scope: Scope) -> None:
    """Bind what `compute` gives; `UNKNOWN`, if it gives nothing."""
    value: Any = UNKNOWN
    try:
        value = compute()
    finally:
        values = [value] if len(names) == 1 else value if isinstance(value, tuple) else [UNKNOWN] * len(names)
        for word, part in zip(names, values, strict=True):
            scope.bind(word, part)


def _value(s: ast.Binding, scope: Scope) -> Any:
    value, names = evaluate(s.value, scope), s.names
    if len(names) == 1:
        if s.type is not None:
            _check(s.type, value, names[0], scope)
        return _christened(value, names[0], scope)
    if s.type is not None:
        raise scope.fail("E0219", f"one type for {len(names)} names", s.type)
    if not isinstance(value, tuple):
        raise scope.fail("E0219", f"{len(names)} names for {describe(value)}", s.value)
    if len(value) != len(names):
        raise scope.fail("E0219", f"{len(names)} names for a tuple of {len(value)}", s.value)
    return tuple([_christened(part, word, scope) for part, word in zip(value, names, strict=True)])


def _christened(value: Any, word: ast.Word, scope: Scope) -> Any:
    return called(value, word.text, scope.home) if isinstance(value, Tensor) else value


def _check(note: ast.TypeNote, value: Any, word: ast.Word, scope: Scope) -> None:
    if isinstance(value, SomeTensor):
        raise Silenced
    if not isinstance(value, Tensor):
        raise scope.fail("E0217", f"`{word.text}` is {describe(value)}, and no tensor", word)
    types.check(note, value, f"`{word.text}`", scope)


def _output(s: ast.Output, scope: Scope) -> Tensor:
    word = s.name
    if s.value is None:
        value = scope.lookup(word.text, word)
    else:
        value = UNKNOWN
        try:
            value = evaluate(s.value, scope)
        finally:
            scope.bind(word, value)
    if isinstance(value, Unknown):
        raise Silenced
    if not isinstance(value, Tensor):
        raise _no_tensor(value, s, scope)
    if s.type is not None:
        types.check(s.type, value, f"`{word.text}`", scope)
    if s.value is not None:
        scope.names[word.text] = called(value, word.text, scope.home)
    scope.read.add(word.text)
    return value


def _no_tensor(value: Any, s: ast.Output, scope: Scope) -> Failure:
    help = ""
    if is_tensors(value):
        help = "an output is one tensor: join them with concat or add, or index the tuple"
    elif isinstance(value, (Stage, list)):
        help = "a pipe without a tensor at its head is a stage: begin it with an input, x -> …"
    return scope.fail("E0217", f"the output `{s.name.text}` is {describe(value)}", s.value or s.name, help=help)


def _share(s: ast.Share, scope: Scope) -> Share:
    stage = as_stage(evaluate(s.value, scope), s.value, scope)
    try:
        scope.run.count()
        return Share(s.name.text, stage, scope.home, scope.span(s.value))
    except Refusal as refusal:
        raise scope.failure(refusal, s.name) from None


def _param(s: ast.Param, scope: Scope) -> Tensor | Unknown:
    place, name = scope.home, s.name.text
    shape = types.param_shape(s.type, scope)
    start = evaluate(s.value, scope) if s.value else 0.0
    if not is_number(start):
        raise scope.fail("E0303", f"a `param` starts from a number, got {describe(start)}", s.value or s)
    if s.stored is not None:
        raise scope.fail("E0109", "`as` names the weights of stages; a `param` has its own name", s.stored)
    try:
        place.run.count()
        path = place.take(name)
        op = Parameter(ints(shape), float(start))
        weights = op.params()
        place.want_weight(path, weights["value"])
        place.claim(place.prefix, {name: weights["value"]})
    except Refusal as refusal:
        raise scope.failure(refusal, s) from None
    except Undecided as undecided:
        raise unanswered(undecided, s.type, scope) from None
    if scope.unapplied:
        return SOME_TENSOR
    made = Application(op, (), (Type("f32", op.shape),), weights, scope.span(s), path)
    place.run.applications.append(made)
    return Tensor(Wire(made, 0), made.types[0], Trail(name, made.types[0]))


def _assert(s: ast.Assert, scope: Scope) -> None:
    if truth(s.condition, scope):
        return
    message = _filled(s.message, scope) if s.message else "an assertion does not hold"
    raise scope.fail("E0322", message, s.condition)


def _filled(message: ast.Word, scope: Scope) -> str:
    """A message with the values of the expressions between its braces."""

    def value(found: re.Match[str]) -> str:
        at = message.start + 1 + found.start(1)
        scope.spend(PARSED + len(found[0]), message)
        try:
            e = expression(found[1])
        except (Unexpected, Fault):
            where = ast.Node(at, at + len(found[1]))
            what = f"`{found[1]}` is no expression" if found[1].strip() else "braces without an expression"
            raise scope.fail("E0101", what, where, help="braces hold a value to show") from None
        try:
            return shortened(evaluate(e, scope), SHOWN)
        except Failure as failure:  # its place is counted from the brace
            d = failure.diagnostic
            raise Failure(Diagnostic(d.code, d.message, scope.span(message), d.label, d.notes, d.help)) from None

    return re.sub(r"\{([^{}]*)\}", value, message.text)
