"""`test "…" { }`: what the inputs and the free sizes are, and what must hold then."""

from __future__ import annotations

from typing import Any

from ...ir.kinds import literal, nested_shape, show, whole
from ...ir.operator import Attr, Bounds
from ...ir.types import BATCH, Dim
from ..closest import closest
from ..report import UNKNOWN
from ..syntax import ast
from . import types
from .calls import matched
from .contents import Contents, accepting, given_by, want_recipe
from .expressions import attempt, condition_of, evaluate
from .recipes import SAMPLES, TOLERANCE
from .scope import MISSING, Scope, suggestion
from .tensors import Tensor, is_tensor, is_tensors
from .values import describe

CLOSE = "close"


class Testing(Contents):
    def __init__(self, section: ast.Section, scope: Scope, whole: bool, inputs: list[ast.Input]):
        super().__init__(section, scope, whole)
        self.inputs = {s.name.text: s for s in inputs}
        sizes = [size for s in inputs if s.type is not None for size in s.type.sizes]
        self.letters = {letter.id for size in sizes for letter in types.letters(size)} - {BATCH}
        self.listed = False  # whether an input is a list, which has sizes of its own

    def check(self) -> None:
        for statement in self.section.statements:
            with self.scope.going_on():
                if isinstance(statement, ast.Assert):
                    _claim(statement.condition, self.scope)
                elif not isinstance(statement, ast.Binding):
                    self.refuse(statement)
                elif len(statement.names) == 1 and statement.names[0].text in {*self.inputs, *self.letters}:
                    self._give(statement.names[0], statement.value)
                elif self.whole or not _is_source(statement.value):
                    self.bind(statement)
        if self.whole:
            self._want_all()

    def _give(self, word: ast.Word, value: ast.Expression) -> None:
        self.once(word)
        callee = value.callee if isinstance(value, ast.Call) else value
        if word.text in self.letters:
            size = Attr(word.text, whole, "a size", None, Bounds(at_least=1))
            accepting(size.accept, value, f"`{word.text}` of the test", self.scope)
        elif isinstance(callee, ast.Name) and (callee.id in SAMPLES or self.scope.find(callee.id) is MISSING):
            want_recipe(value, SAMPLES, "source of numbers", self.scope)
        else:
            _list(value, self.inputs[word.text], self.scope)
            self.listed = True

    def _want_all(self) -> None:
        kind = self.section.kind
        open_sizes = [n for n in sorted(self.letters) if isinstance(self.scope.names.get(n), Dim) and not self.listed]
        for what, names, how in (("input", sorted(self.inputs), "random(seed=1, N=4)"), ("size", open_sizes, "32")):
            missing = [name for name in names if name not in self.said]
            if missing:
                message = f"the test does not give the {what} `{missing[0]}`"
                self.scope.report(self.scope.fail("E0224", message, kind, help=f"write {missing[0]} = {how}"))
        if not any(isinstance(s, ast.Assert) for s in self.section.statements):
            help = "say what must hold: assert y -> close(1, tol=1e-5)"
            self.scope.report(self.scope.fail("E0214", "the test asserts nothing", kind, help=help))

    def near(self, word: ast.Word) -> str:
        expected = sorted({*self.inputs, *self.letters})
        close = closest(word.text, expected)
        return f"did you mean `{close[0]}`?" if close else f"expected here: {', '.join(expected)}"


def _is_source(value: ast.Expression) -> bool:
    callee = value.callee if isinstance(value, ast.Call) else value
    return isinstance(callee, ast.Name) and callee.id in SAMPLES


def _list(e: ast.Expression, s: ast.Input, scope: Scope) -> None:
    """Numbers for an input, as nested lists of its shape; sizes with letters may be others than those compiled for."""
    word = s.name
    if not isinstance(value := evaluate(e, scope), list):
        message = f"`{word.text}` is {describe(value)}, and no list"
        raise scope.fail("E0303", message, e, help="an input is random(seed=1, N=4), zeros(N=4) or nested lists")
    numbers = accepting(literal.accept, e, f"the input `{word.text}`", scope)
    shape, tensor = nested_shape(numbers), scope.names.get(word.text)
    if isinstance(tensor, Tensor) and s.type is not None:
        pairs = zip(tensor.type.shape, s.type.sizes, strict=True)
        wanted = [None if isinstance(size, Dim) or any(types.letters(note)) else size for size, note in pairs]
        if len(shape) != len(wanted) or any(m not in (None, n) for m, n in zip(wanted, shape, strict=True)):
            raise scope.fail("E0325", f"`{word.text}` is {tensor.type}, and the list has the shape {show([*shape])}", e)


def _claim(e: ast.Expression, scope: Scope) -> None:
    """What a test asserts: a question whose answer is a bool, or tensors compared by `close`."""
    match e:
        case ast.Chain(rest=(("and" | "or", _), *_)):
            for part in (e.first, *[part for _, part in e.rest]):
                with scope.going_on():
                    _claim(part, scope)
        case ast.Unary(operator="not"):
            _claim(e.operand, scope)
        case ast.Conditional():
            _claim(condition_of(e, scope), scope)
        case ast.Pipe(steps=(*before, last)) if _is_close(last, scope):
            compared = before[0] if len(before) == 1 else ast.Pipe(e.start, before[-1].end, e.depth, tuple(before))
            value = attempt(compared, scope)
            _close(last, scope)
            if value is not UNKNOWN and not is_tensor(value):
                raise scope.fail("E0217", f"`close` compares one tensor, got {describe(value)}", compared)
        case _:
            value = evaluate(e, scope)
            if not isinstance(value, bool):
                help = "compare it: -> close(1, tol=1e-5)" if is_tensors(value) else ""
                raise scope.fail("E0303", f"wanted `true` or `false`, got {describe(value)}", e, help=help)


def _is_close(e: ast.Expression, scope: Scope) -> bool:
    callee = e.callee if isinstance(e, ast.Call) else e
    if isinstance(callee, ast.Name) and callee.id != CLOSE and scope.find(callee.id) is MISSING:
        near = suggestion(callee.id, [CLOSE])
        raise scope.fail("E0201", f"nothing is called `{callee.id}`", callee, help=near or scope.suggest(callee.id))
    return isinstance(callee, ast.Name) and callee.id == CLOSE


def _close(e: ast.Expression, scope: Scope) -> None:
    """`close(value, tol=1e-5)`, whose value is what no stage may be given: a tensor, if it likes."""

    def accept(name: str, value: Any) -> object:
        if name == "tol":
            return TOLERANCE.accept(value)
        return value if is_tensor(value) else literal.accept(value)

    given = given_by(e.arguments, scope) if isinstance(e, ast.Call) else []
    matched(CLOSE, ("value", "tol"), ("value",), given, "close(value, tol=1e-5)", e, scope, accept)
