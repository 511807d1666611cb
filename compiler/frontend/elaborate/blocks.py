"""Blocks and models: what a call binds, and what happens when an arrow applies a block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ...diagnostics import Refusal, Span
from ...ir.kinds import cut, shortened
from ..report import UNKNOWN, Unknown
from ..syntax import ast
from . import types
from .arguments import Given
from .calls import Parametric, matched
from .expressions import evaluate, placed
from .flow import flow
from .nested import Group, held, levels_of
from .patterns import Pattern, Recorder, sort_of
from .place import Place
from .scope import Module, Scope
from .stages import Stage
from .statements import Outputs, run_body
from .tensors import Tensor, Tensors, describe, each


@dataclass(frozen=True, eq=False)
class BlockValue(Parametric):
    """A block by its name."""

    block: ast.Block
    module: Module

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.block.name.text

    def call(self, given: Sequence[Given], node: ast.Node, scope: Scope) -> BlockStage:
        def make() -> BlockStage:
            inner = bind_parameters(self.block, self.module, given, node, scope)
            with placed(node, scope):
                return BlockStage(self, inner, tuple(given), scope.span(node))

        arguments = [((argument.name, scope.origin(argument.node)), argument.value) for argument in given]
        return scope.module.remembered(self, arguments, node, make)


@dataclass(frozen=True, eq=False)
class ModelValue:
    """A model by its name: to be compiled, never applied."""

    model: ast.Model
    module: Module

    def __str__(self) -> str:
        return f"the model `{self.model.name.text}`"


def bind_parameters(
    declared: ast.Block | ast.Model, module: Module, given: Sequence[Given], node: ast.Node, scope: Scope
) -> Scope:
    """The parameters as names; defaults are evaluated in the callee's file and read parameters to their left."""
    name = declared.name.text
    parameters = declared.parameters
    scope.spend(len(parameters), node)
    names = [parameter.name.text for parameter in parameters]
    needed = [parameter.name.text for parameter in parameters if parameter.default is None]
    arguments = matched(name, names, needed, given, signature_of(declared, module), node, scope)
    inner = Scope(module)
    for parameter in parameters:
        word = parameter.name
        if word.text in arguments:
            argument = arguments[word.text]
            inner.names[word.text] = argument.value
            inner.origins[word.text] = scope.origin(argument.node)
        elif parameter.default is not None:
            inner.names[word.text] = evaluate(parameter.default, inner)
        inner.bound[word.text] = inner.span(word)
    return inner


def signature_of(declared: ast.Block | ast.Model, module: Module) -> str:
    """`conv_bn(c, k, stride=1)`, as it was written."""
    text = module.source.text
    shown = [
        p.name.text if p.default is None else f"{p.name.text}={cut(text[p.default.start : p.default.end])}"
        for p in declared.parameters
    ]
    return f"{declared.name.text}({', '.join(shown)})"


@dataclass(frozen=True, eq=False)
class BlockStage(Stage):
    """A block with its parameters. Each application has a weight scope of its own. The body runs for tensors of new
    types; what it made of others is made again."""

    block: BlockValue
    parameters: Scope
    given: tuple[Given, ...]
    span: Span = field(repr=False)
    levels: int = field(init=False)
    _patterns: dict[object, Pattern | None] = field(default_factory=dict, init=False, repr=False)  # by sort and nesting

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", levels_of("stages", [argument.value for argument in self.given]))

    @property
    def kind(self) -> str:
        return self.block.name

    def __str__(self) -> str:
        shown = [shortened(g.value) if g.name is None else f"{g.name}={shortened(g.value)}" for g in self.given]
        return f"{self.block.name}({', '.join(shown)})" if shown else self.block.name

    def apply(self, x: Tensors, place: Place, name: str | None = None) -> Tensors | Unknown:
        try:
            place.run.count(max(held(x), 1))
            own = place.number(self.kind)
            inner = place.inside(place.take(name or own), self)
            met = sort_of(x), inner.nesting
            pattern = self._patterns.get(met)
            result = pattern.applied(x, inner) if pattern and pattern.fits(inner) else None
        except Refusal as refusal:
            raise place.failure(refusal, self.span) from None
        if result is None:
            recorder = None if met in self._patterns else Recorder(x, inner)
            result = self._run(x, inner)
            if isinstance(result, Unknown):
                return UNKNOWN
            if recorder:
                self._patterns[met] = recorder.pattern(result)
        return each(result, lambda tensor: tensor.after(self, x))

    def _run(self, x: Tensors, inner: Place) -> Tensors | Unknown:
        block = self.block.block
        if self.block.module.damaged(block.body, "input", "output") or not has_input(block.body):
            return UNKNOWN
        self.block.module.elaborated.add(block.start)
        scope = self.parameters.copy(inner)
        return self._braces(block.body, x, scope) if isinstance(block.body, ast.Body) else flow(block.body, x, scope)

    def _braces(self, body: ast.Body, x: Tensors, scope: Scope) -> Tensors | Unknown:
        inputs = [s for s in body.statements if isinstance(s, ast.Input)]
        parts = x if len(inputs) > 1 and isinstance(x, tuple) else (x,)
        if len(parts) != len(inputs) or (isinstance(x, tuple) and len(inputs) == 1):
            wanted = "one tensor" if len(inputs) == 1 else f"a tuple of {len(inputs)} tensors"
            refusal = Refusal("E0309", f"`{self.block.name}` takes {wanted}, got {describe(x)}")
            above = scope.home.above
            assert above is not None
            raise above.failure(refusal, self.span)
        arriving = iter(parts)

        def enter(s: ast.Input, scope: Scope) -> Any:
            tensor = next(arriving)
            if isinstance(tensor, tuple):
                refusal = Refusal("E0309", f"`{s.name.text}` is one tensor, got the tuple {describe(tensor)}")
                raise scope.failure(refusal, s)
            if s.type is not None:
                types.check(s.type, tensor, f"`{s.name.text}`", scope)
            return tensor.named(s.name.text)

        outputs: Outputs = run_body(body, scope, enter)
        if not outputs:  # reported where the block is declared
            return UNKNOWN
        warn_unused(body, scope)
        values = list(outputs.values())
        if any(isinstance(value, Unknown) for value in values):
            return UNKNOWN
        tensors = [value for value in values if isinstance(value, Tensor)]
        return tensors[0] if len(tensors) == 1 else Group(tensors)


def has_input(body: ast.Body | ast.Expression) -> bool:
    """Whether a block can take tensors; one that cannot was reported where it is declared."""
    return not isinstance(body, ast.Body) or any(isinstance(s, ast.Input) for s in body.statements)


def warn_unused(body: ast.Body, scope: Scope, also: frozenset[str] = frozenset()) -> None:
    """A warning for each binding that nothing reads."""
    for statement in body.statements:
        words = statement.names if isinstance(statement, ast.Binding) else ()
        if isinstance(statement, (ast.Input, ast.Share, ast.Param)):
            words = (statement.name,)
        for word in words:
            unread = word.text not in scope.read and word.text not in also
            if unread and scope.names.get(word.text) is not UNKNOWN:
                what = type(statement).__name__.lower()
                scope.warn("W0201", f"the {what} `{word.text}` is never used", word)
