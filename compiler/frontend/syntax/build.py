"""From Lark's reductions to the syntax tree, rule by rule, while parsing: no parse tree is ever walked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lark import Token

from . import ast

DEEPEST = 200
WHOLE_NUMBERS = range(-(2**63), 2**63)

_WORDS = {"true": True, "false": False, "none": None}


class Fault(Exception):
    """A syntax error that the grammar cannot express, at the characters `[start, end)` of the parsed text."""

    def __init__(self, message: str, start: int, end: int, *, code: str = "E0101", help: str = ""):
        super().__init__(message)
        self.code, self.message, self.start, self.end, self.help = code, message, start, end, help


class Builder:
    """One method for each rule of the grammar."""

    # Declarations

    def file(self, *declarations: ast.Declaration) -> tuple[ast.Declaration, ...]:
        return declarations

    def use(self, keyword: Token, path: Token, name: Token) -> ast.Use:
        return ast.Use(_start(keyword), _end(name), _unquoted(path), _word(name))

    def const(self, keyword: Token, name: Token, value: ast.Expression) -> ast.Const:
        return ast.Const(_start(keyword), value.end, _word(name), value)

    def block(self, keyword: Token, name: Token, parameters: Any, body: ast.Body | ast.Expression) -> ast.Block:
        return ast.Block(_start(keyword), body.end, _word(name), _touching(name, parameters), body)

    def model(self, keyword: Token, name: Token, parameters: Any, body: ast.Body | ast.Expression) -> ast.Model:
        return ast.Model(_start(keyword), body.end, _word(name), _touching(name, parameters), body)

    def header(self, keyword: Token, name: Token, parameters: Any) -> None:
        _touching(name, parameters)

    def parameters(self, opened: Token, *rest: Any) -> tuple[Token, tuple[ast.Parameter, ...]]:
        return opened, tuple(part for part in rest if isinstance(part, ast.Parameter))

    def parameter(self, name: Token, default: ast.Expression | None) -> ast.Parameter:
        return ast.Parameter(_start(name), default.end if default else _end(name), _word(name), default)

    def body(self, opened: Token, *parts: Any) -> ast.Body:
        *statements, closed = parts
        return ast.Body(_start(opened), _end(closed), tuple(statements))

    # Statements

    def input(self, keyword: Token, name: Token, type: ast.TypeNote | None) -> ast.Input:
        return ast.Input(_start(keyword), type.end if type else _end(name), _word(name), type)

    def param(
        self, keyword: Token, name: Token, type: ast.TypeNote, value: ast.Expression | None, stored: Token | None
    ) -> ast.Param:
        end = _end(stored) if stored else value.end if value else type.end
        return ast.Param(_start(keyword), end, _word(name), type, value, _unquoted(stored) if stored else None)

    def share(self, keyword: Token, name: Token, value: ast.Expression) -> ast.Share:
        return ast.Share(_start(keyword), value.end, _word(name), value)

    def output(
        self, keyword: Token, name: Token, type: ast.TypeNote | None, value: ast.Expression | None
    ) -> ast.Output:
        end = value.end if value else type.end if type else _end(name)
        return ast.Output(_start(keyword), end, _word(name), type, value)

    def assertion(self, keyword: Token, condition: ast.Expression, message: Token | None) -> ast.Assert:
        end = _end(message) if message else condition.end
        return ast.Assert(_start(keyword), end, condition, _unquoted(message) if message else None)

    def binding(self, *parts: Any) -> ast.Binding:
        *names, type, value = parts
        return ast.Binding(_start(names[0]), value.end, tuple(map(_word, names)), type, value)

    def section(self, kind: Token, title: Token | None, *parts: Any) -> ast.Section:
        *statements, closed = parts
        return ast.Section(
            _start(kind), _end(closed), _word(kind), _unquoted(title) if title else None, tuple(statements)
        )

    def tensor_type(self, dtype: Token, opened: Token, *parts: Any) -> ast.TypeNote:
        *sizes, closed = parts
        _touch(_end(dtype), opened, "a type is written `f32[N, 3, 224, 224]`, without a space")
        return ast.TypeNote(_start(dtype), _end(closed), _word(dtype), tuple(sizes))

    # Expressions

    def conditional(
        self, keyword: Token, condition: ast.Expression, then: ast.Expression, otherwise: ast.Expression
    ) -> ast.Expression:
        depth = _deeper(keyword, condition, then, otherwise)
        return ast.Conditional(_start(keyword), otherwise.end, depth, condition, then, otherwise)

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
        if operator == "-" and isinstance(operand, ast.Constant) and type(operand.value) in (int, float):
            return replace(operand, start=_start(operator), value=-operand.value)  # type: ignore[operator]
        sign = "-" if operator == "-" else "not"
        return ast.Unary(_start(operator), operand.end, _deeper(operator, operand), sign, operand)

    def call(self, callee: ast.Expression, opened: Token, *parts: Any) -> ast.Expression:
        _touch(callee.end, opened, "a call's `(` touches what it calls; is a `->` missing before it?")
        *given, closed = parts
        arguments = [
            part if isinstance(part, ast.Argument) else ast.Argument(part.start, part.end, None, part)
            for part in given
            if part is not None
        ]
        named = False
        for argument in arguments:
            if named and argument.name is None:
                raise Fault("a positional argument after a named one", argument.start, argument.end, code="E0107")
            named = argument.name is not None
        depth = _deeper(callee, callee, *(argument.value for argument in arguments))
        return ast.Call(callee.start, _end(closed), depth, callee, tuple(arguments))

    def keyword(self, name: Token, value: ast.Expression) -> ast.Argument:
        return ast.Argument(_start(name), value.end, str(name), value)

    def attribute(self, of: ast.Expression, name: Token) -> ast.Expression:
        return ast.Attribute(of.start, _end(name), _deeper(name, of), of, _word(name))

    def index(self, of: ast.Expression, opened: Token, at: ast.Expression, closed: Token) -> ast.Expression:
        _touch(of.end, opened, "an index's `[` touches what it indexes; is a `->` missing before it?")
        return ast.Index(of.start, _end(closed), _deeper(opened, of, at), of, at)

    def name(self, token: Token) -> ast.Expression:
        return ast.Name(_start(token), _end(token), 1, str(token))

    def number(self, token: Token) -> ast.Expression:
        text = token.replace("_", "")
        if len(text) > 400:
            raise Fault("a number of more than 400 digits", _start(token), _end(token), code="E0106")
        value = float(text) if set(text) & set(".eE") else int(text)
        if isinstance(value, int) and value not in WHOLE_NUMBERS:
            raise Fault("a whole number beyond 64 bits", _start(token), _end(token), code="E0106")
        return ast.Constant(_start(token), _end(token), 1, value)

    def string(self, token: Token) -> ast.Expression:
        return ast.Constant(_start(token), _end(token), 1, str(token[1:-1]))

    def constant(self, token: Token) -> ast.Expression:
        return ast.Constant(_start(token), _end(token), 1, _WORDS[token])

    def list_of(self, opened: Token, *parts: Any) -> ast.Expression:
        items = tuple(part for part in parts[:-1] if part is not None)
        return ast.List(_start(opened), _end(parts[-1]), _deeper(opened, *items), items)

    def tuple_of(self, opened: Token, *parts: Any) -> ast.Expression:
        items = parts[:-1]
        return ast.Tuple(_start(opened), _end(parts[-1]), _deeper(opened, *items), items)

    def group(self, opened: Token, inner: ast.Expression, closed: Token) -> ast.Expression:
        return replace(inner, start=_start(opened), end=_end(closed), depth=_deeper(opened, inner))


def _start(token: Token) -> int:
    assert token.start_pos is not None
    return token.start_pos


def _end(token: Token) -> int:
    assert token.end_pos is not None
    return token.end_pos


def _word(token: Token) -> ast.Word:
    return ast.Word(_start(token), _end(token), str(token))


def _unquoted(token: Token) -> ast.Word:
    return ast.Word(_start(token), _end(token), str(token[1:-1]))


def _deeper(at: Token | ast.Expression, *inside: ast.Expression) -> int:
    depth = 1 + max((expression.depth for expression in inside), default=0)
    if depth > DEEPEST:
        start = at.start if isinstance(at, ast.Expression) else _start(at)
        raise Fault(f"brackets and expressions nest deeper than {DEEPEST}", start, start + 1, code="E0108")
    return depth


def _touch(end: int, opened: Token, message: str) -> None:
    if _start(opened) != end:
        raise Fault(f"a space before `{opened}`", _start(opened), _end(opened), code="E0105", help=message)


def _touching(name: Token, parameters: tuple[Token, tuple[ast.Parameter, ...]] | None) -> tuple[ast.Parameter, ...]:
    if parameters is None:
        return ()
    opened, found = parameters
    _touch(_end(name), opened, f"write `{name}(`")
    return found
