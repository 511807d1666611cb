"""From Lark's reductions to the syntax tree, rule by rule, while parsing: no parse tree is ever walked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lark import Token

from . import ast
from .faults import deeper, end_of, in_order, start_of, touch, value_of

_WORDS = {"true": True, "false": False, "none": None}


class Builder:
    """One method for each rule of the grammar."""

    # Declarations

    def file(self, *declarations: ast.Declaration) -> tuple[ast.Declaration, ...]:
        return declarations

    def use(self, keyword: Token, path: Token, name: Token) -> ast.Use:
        return ast.Use(start_of(keyword), end_of(name), _unquoted(path), _word(name))

    def const(self, keyword: Token, name: Token, value: ast.Expression) -> ast.Const:
        return ast.Const(start_of(keyword), value.end, _word(name), value)

    def block(self, keyword: Token, name: Token, parameters: Any, body: ast.Body | ast.Expression) -> ast.Block:
        return ast.Block(start_of(keyword), body.end, _word(name), _touching(name, parameters), body)

    def model(self, keyword: Token, name: Token, parameters: Any, body: ast.Body | ast.Expression) -> ast.Model:
        return ast.Model(start_of(keyword), body.end, _word(name), _touching(name, parameters), body)

    def header(self, keyword: Token, name: Token, parameters: Any) -> None:
        _touching(name, parameters)

    def parameters(self, opened: Token, *rest: Any) -> tuple[Token, tuple[ast.Parameter, ...]]:
        return opened, tuple(part for part in rest if isinstance(part, ast.Parameter))

    def parameter(self, name: Token, default: ast.Expression | None) -> ast.Parameter:
        return ast.Parameter(start_of(name), default.end if default else end_of(name), _word(name), default)

    def body(self, opened: Token, *parts: Any) -> ast.Body:
        *statements, closed = parts
        return ast.Body(start_of(opened), end_of(closed), tuple(statements))

    # Statements

    def input(self, keyword: Token, name: Token, type: ast.TypeNote | None) -> ast.Input:
        return ast.Input(start_of(keyword), type.end if type else end_of(name), _word(name), type)

    def param(
        self, keyword: Token, name: Token, type: ast.TypeNote, value: ast.Expression | None, stored: Token | None
    ) -> ast.Param:
        end = end_of(stored) if stored else value.end if value else type.end
        return ast.Param(start_of(keyword), end, _word(name), type, value, _unquoted(stored) if stored else None)

    def share(self, keyword: Token, name: Token, value: ast.Expression) -> ast.Share:
        return ast.Share(start_of(keyword), value.end, _word(name), value)

    def output(
        self, keyword: Token, name: Token, type: ast.TypeNote | None, value: ast.Expression | None
    ) -> ast.Output:
        end = value.end if value else type.end if type else end_of(name)
        return ast.Output(start_of(keyword), end, _word(name), type, value)

    def assertion(self, keyword: Token, condition: ast.Expression, message: Token | None) -> ast.Assert:
        end = end_of(message) if message else condition.end
        return ast.Assert(start_of(keyword), end, condition, _unquoted(message) if message else None)

    def binding(self, *parts: Any) -> ast.Binding:
        *names, type, value = parts
        return ast.Binding(start_of(names[0]), value.end, tuple(map(_word, names)), type, value)

    def section(self, kind: Token, title: Token | None, *parts: Any) -> ast.Section:
        *statements, closed = parts
        return ast.Section(
            start_of(kind), end_of(closed), _word(kind), _unquoted(title) if title else None, tuple(statements)
        )

    def tensor_type(self, dtype: Token, opened: Token, *parts: Any) -> ast.TypeNote:
        *sizes, closed = parts
        touch(end_of(dtype), opened, "a type is written `f32[N, 3, 224, 224]`, without a space")
        return ast.TypeNote(start_of(dtype), end_of(closed), _word(dtype), tuple(sizes))

    # Expressions

    def conditional(
        self, keyword: Token, condition: ast.Expression, then: ast.Expression, otherwise: ast.Expression
    ) -> ast.Expression:
        depth = _deeper(keyword, condition, then, otherwise)
        return ast.Conditional(start_of(keyword), otherwise.end, depth, condition, then, otherwise)

    def pipe(self, *steps: ast.Expression) -> ast.Expression:
        return ast.Pipe(steps[0].start, steps[-1].end, _deeper(steps[0], *steps), steps)

    def named(self, stage: ast.Expression, name: Token) -> ast.Expression:
        quoted = name.type == "STRING"
        word = _unquoted(name) if quoted else _word(name)
        return ast.Named(stage.start, word.end, _deeper(stage, stage), stage, word, quoted)

    def chain(self, first: ast.Expression, *rest: Any) -> ast.Expression:
        pairs = tuple(zip((str(op) for op in rest[::2]), rest[1::2], strict=True))
        return ast.Chain(first.start, rest[-1].end, _deeper(first, first, *rest[1::2]), first, pairs)

    def compare(self, left: ast.Expression, operator: Token, right: ast.Expression) -> ast.Expression:
        return ast.Compare(left.start, right.end, _deeper(left, left, right), left, str(operator), right)

    def unary(self, operator: Token, operand: ast.Expression) -> ast.Expression:
        start, depth = start_of(operator), _deeper(operator, operand)
        if operator == "-" and isinstance(operand, ast.Constant) and type(operand.value) in (int, float):
            return replace(operand, start=start, depth=depth, value=-operand.value)  # type: ignore[operator]
        return ast.Unary(start, operand.end, depth, "-" if operator == "-" else "not", operand)

    def call(self, callee: ast.Expression, opened: Token, *parts: Any) -> ast.Expression:
        touch(callee.end, opened, "a call's `(` touches what it calls; is a `->` missing before it?")
        *given, closed = parts
        arguments = [
            part if isinstance(part, ast.Argument) else ast.Argument(part.start, part.end, None, part)
            for part in given
            if part is not None
        ]
        in_order((argument.name is not None, argument.start, argument.end) for argument in arguments)
        depth = _deeper(callee, callee, *(argument.value for argument in arguments))
        return ast.Call(callee.start, end_of(closed), depth, callee, tuple(arguments))

    def keyword(self, name: Token, value: ast.Expression) -> ast.Argument:
        return ast.Argument(start_of(name), value.end, str(name), value)

    def attribute(self, of: ast.Expression, name: Token) -> ast.Expression:
        return ast.Attribute(of.start, end_of(name), _deeper(name, of), of, _word(name))

    def index(self, of: ast.Expression, opened: Token, at: ast.Expression, closed: Token) -> ast.Expression:
        touch(of.end, opened, "an index's `[` touches what it indexes; is a `->` missing before it?")
        return ast.Index(of.start, end_of(closed), _deeper(opened, of, at), of, at)

    def name(self, token: Token) -> ast.Expression:
        return ast.Name(start_of(token), end_of(token), 1, str(token))

    def number(self, token: Token) -> ast.Expression:
        return ast.Constant(start_of(token), end_of(token), 1, value_of(token))

    def string(self, token: Token) -> ast.Expression:
        return ast.Constant(start_of(token), end_of(token), 1, str(token[1:-1]))

    def constant(self, token: Token) -> ast.Expression:
        return ast.Constant(start_of(token), end_of(token), 1, _WORDS[token])

    def list_of(self, opened: Token, *parts: Any) -> ast.Expression:
        items = tuple(part for part in parts[:-1] if part is not None)
        return ast.List(start_of(opened), end_of(parts[-1]), _deeper(opened, *items), items)

    def tuple_of(self, opened: Token, *parts: Any) -> ast.Expression:
        items = parts[:-1]
        return ast.Tuple(start_of(opened), end_of(parts[-1]), _deeper(opened, *items), items)

    def group(self, opened: Token, inner: ast.Expression, closed: Token) -> ast.Expression:
        return replace(inner, start=start_of(opened), end=end_of(closed), depth=_deeper(opened, inner))


def _word(token: Token) -> ast.Word:
    return ast.Word(start_of(token), end_of(token), str(token))


def _unquoted(token: Token) -> ast.Word:
    return ast.Word(start_of(token), end_of(token), str(token[1:-1]))


def _deeper(at: Token | ast.Expression, *inside: ast.Expression) -> int:
    start = start_of(at) if isinstance(at, Token) else at.start
    return deeper(start, (expression.depth for expression in inside))


def _touching(name: Token, parameters: tuple[Token, tuple[ast.Parameter, ...]] | None) -> tuple[ast.Parameter, ...]:
    if parameters is None:
        return ()
    opened, found = parameters
    touch(end_of(name), opened, f"write `{name}(`")
    return found
