"""Printed IR back to a graph: a flat `.cnn` file, one binding a node, whose names mean what they say.

The syntax is the language's; the meaning is narrower. Nothing is numbered, renamed or dropped, weights are called by
`as "…"` and several nodes may call the same, and a block is the body of a fused region. Written types must be those
that the operators infer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from ..diagnostics import Diagnostic, Refusal, Source, model_error
from ..ir.graph import Graph, Node, Param, Value
from ..ir.operator import REGISTRY, Operator, bind
from ..ir.structure import Fused, Input, Parameter
from ..ir.types import Dim, DType, Size, Type, ints
from .elaborate.arguments import Given
from .elaborate.arithmetic import TENSOR_ARITHMETIC
from .elaborate.calls import operator_stage
from .elaborate.expressions import evaluate
from .elaborate.reach import param_of
from .elaborate.recursion import roomy
from .elaborate.scope import MISSING, Module, Scope
from .elaborate.types import LETTER
from .report import Failure, Report
from .syntax import ast
from .syntax.parse import parse


@roomy
def read(text: str, params: Mapping[str, Param] = {}) -> Graph:
    """The graph that a text describes. `params` gives data and kind of the weights it names; raises `ModelError`."""
    source = Source("<ir>", text)
    reader = _Reader(source, params)
    graph = None
    try:
        for declaration in parse(source).declarations:
            graph = reader.declare(declaration)
    except Failure as failure:
        raise model_error([failure.diagnostic]) from None
    if graph is None or graph.name in reader.regions:
        raise model_error([Diagnostic("E0213", "the text has no model at its end")])
    return graph


class _Letters(Module):
    """Where types and attributes are read: letters stand for themselves."""

    def lookup(self, name: str) -> Any:
        return Dim.letter(name) if LETTER.match(name) else MISSING


class _Reader:
    def __init__(self, source: Source, params: Mapping[str, Param]):
        self.scope = Scope(_Letters(source, Report()))
        self.given = params
        self.params: dict[str, Param] = {}
        self.regions: dict[str, Graph] = {}

    def declare(self, declaration: ast.Declaration) -> Graph:
        body = declaration.body if isinstance(declaration, (ast.Block, ast.Model)) else None
        if not isinstance(body, ast.Body):
            raise self.scope.fail("E0111", "printed IR holds only blocks and models in braces", declaration)
        graph = Graph(declaration.name.text)
        values: dict[str, Value] = {}
        for statement in body.statements:
            self._state(statement, graph, values)
        if isinstance(declaration, ast.Block):
            self.regions[graph.name] = graph
        else:
            graph.params = self.params
        return graph

    def _state(self, statement: ast.Statement, graph: Graph, values: dict[str, Value]) -> None:
        match statement:
            case ast.Input(name=word, type=note) if note is not None:
                value = Value(word.text, self._type(note))
                self._enter([value], word, values)
                graph.add_input(value, Input(value.type.dtype))
            case ast.Param(name=word, type=note, value=start, stored=stored) if stored is not None:
                type = self._type(note)
                op = Parameter(ints(type.shape), float(evaluate(start, self.scope)) if start else 0.0, type.dtype)
                node = Node(op, (Value(word.text, type),), {"value": stored.text})
                self._weigh(node, ())
                self._enter(node.outputs, word, values)
                graph.add(node)
            case ast.Binding(names=words):
                node, operands = self._node(statement, values)
                self._enter(node.outputs, words[0], values)
                graph.add(node, operands)
            case ast.Output(name=word, value=None):
                graph.outputs[word.text] = self._value(word.text, word, values)
            case ast.Output(name=word, value=ast.Name(id=name)):
                graph.outputs[word.text] = self._value(name, word, values)
            case _:
                raise self.scope.fail("E0111", "no statement of printed IR", statement)

    def _enter(self, made: Sequence[Value], word: ast.Word, values: dict[str, Value]) -> None:
        for value in made:
            if value.name in values:
                raise self.scope.fail("E0203", f"`{value.name}` is bound twice", word)
            values[value.name] = value

    def _value(self, name: str, node: ast.Node, values: dict[str, Value]) -> Value:
        if name not in values:
            raise self.scope.fail("E0201", f"nothing is called `{name}`", node)
        return values[name]

    def _type(self, note: ast.TypeNote) -> Type:
        sizes = [cast(Size, evaluate(size, self.scope)) for size in note.sizes]
        return Type(cast(DType, note.dtype.text), tuple(sizes))

    # Nodes

    def _node(self, s: ast.Binding, values: dict[str, Value]) -> tuple[Node, list[Value]]:
        weights, body = "", None
        if isinstance(s.value, ast.Pipe):
            source, stage = self._two(s.value)
            if isinstance(stage, ast.Named):
                weights, stage = stage.name.text, stage.stage
            op, body = self._stage(stage)
            names = source.items if isinstance(source, ast.Tuple) else (source,)
        elif isinstance(s.value, ast.Chain):
            op, names = self._arithmetic(s.value)
        else:
            raise self.scope.fail("E0111", "a node is `x -> stage` or arithmetic", s.value)
        operands = [
            self._value(name.id, name, values) if isinstance(name, ast.Name) else self._odd(name) for name in names
        ]
        types = tuple(value.type for value in operands)
        made = tuple(out.type for out in body.outputs.values()) if body else self._infer(op, types, s)
        self._compare(s, made)
        outputs = tuple(Value(word.text, type) for word, type in zip(s.names, made, strict=True))
        roles = () if body else op.params(*types)
        node = Node(op, outputs, {role: f"{weights}.{role}" for role in roles}, body)
        self._weigh(node, types)
        return node, operands

    def _two(self, pipe: ast.Pipe) -> tuple[ast.Expression, ast.Expression]:
        if len(pipe.steps) != 2:
            raise self.scope.fail("E0111", "a node is one step", pipe)
        return pipe.steps[0], pipe.steps[1]

    def _odd(self, e: ast.Expression) -> Value:
        raise self.scope.fail("E0111", "an operand is a name", e)

    def _stage(self, e: ast.Expression) -> tuple[Operator, Graph | None]:
        callee = e.callee if isinstance(e, ast.Call) else e
        arguments = e.arguments if isinstance(e, ast.Call) else ()
        name = callee.id if isinstance(callee, ast.Name) else ""
        if name in self.regions:
            return Fused(), self.regions[name]
        if name not in REGISTRY:
            raise self.scope.fail("E0201", f"no operator or region is called `{name}`", callee)
        given = [Given(a.name, evaluate(a.value, self.scope), a) for a in arguments]
        return operator_stage(REGISTRY[name], given, e, self.scope).op, None

    def _arithmetic(self, e: ast.Chain) -> tuple[Operator, tuple[ast.Expression, ...]]:
        symbol = e.rest[0][0]
        parts = (e.first, *(part for _, part in e.rest))
        if symbol not in TENSOR_ARITHMETIC or any(other != symbol for other, _ in e.rest):
            raise self.scope.fail("E0111", "arithmetic of one kind is a node", e)
        numbers = {
            side: float(evaluate(part, self.scope))
            for side, part in (("left", parts[0]), ("right", parts[-1]))
            if not isinstance(part, ast.Name)
        }
        names = parts["left" in numbers : len(parts) - ("right" in numbers)]
        return bind(REGISTRY[TENSOR_ARITHMETIC[symbol]], numbers), names

    def _infer(self, op: Operator, types: tuple[Type, ...], s: ast.Binding) -> tuple[Type, ...]:
        try:
            made = op.infer(*types)
        except Refusal as refusal:
            raise self.scope.failure(refusal, s.value) from None
        return made if isinstance(made, tuple) else (made,)

    def _compare(self, s: ast.Binding, made: tuple[Type, ...]) -> None:
        if len(made) != len(s.names):
            raise self.scope.fail("E0219", f"{len(s.names)} names for {len(made)} tensors", s)
        if s.type is not None and (written := self._type(s.type)) != made[0]:
            raise self.scope.fail("E0321", f"`{s.names[0].text}` is {made[0]}, not {written}", s.type)

    def _weigh(self, node: Node, types: tuple[Type, ...]) -> None:
        """Enter the weights that a node names, as they are given or as its operator wants them."""
        if not node.weights:
            return
        specs = node.op.params(*types)
        for role, name in node.weights.items():
            spec = specs[role]
            wanted = param_of(spec)
            self.params[name] = self.given.get(name, wanted)
