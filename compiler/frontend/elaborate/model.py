"""One model of a file: which one is meant, its parameters, its elaboration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...diagnostics import Diagnostic, Refusal, Source
from ...ir.kinds import cut
from ...ir.types import BATCH
from ..report import Failure, Silenced
from ..syntax import ast
from ..syntax.faults import Fault
from ..syntax.lalr import Unexpected
from ..syntax.parse import expression
from . import types
from .arguments import Given
from .blocks import ModelValue, bind_parameters, warn_unused
from .expressions import evaluate, placed
from .nested import Group, Items
from .numbers import fitting
from .place import Place, Run, elided, want_possible
from .program import FileModule
from .scope import Module, Scope, suggestion
from .sections import check_sections
from .statements import Outputs, run_body
from .values import describe


@dataclass(frozen=True)
class Elaborated:
    """What a model's body came to; the findings are in the file's report."""

    name: str
    body: ast.Body
    run: Run
    outputs: Outputs

    def sections(self, kind: str) -> Iterator[ast.Section]:
        return (s for s in self.body.statements if isinstance(s, ast.Section) and s.kind.text == kind)


def models_to_check(module: FileModule) -> list[ModelValue]:
    """The models that can be elaborated without settings."""
    return [
        ModelValue(model, module) for model in module.models() if all(p.default is not None for p in model.parameters)
    ]


def models_to_choose(module: FileModule) -> list[ModelValue]:
    """The models that no other model of the file uses."""
    made = [model for model in module.models() if not isinstance(model.body, ast.Body)]
    used = {part.id for model in made for part in ast.walk(model.body) if isinstance(part, ast.Name)}
    return [ModelValue(model, module) for model in module.models() if model.name.text not in used]


def choose(module: FileModule, name: str | None) -> ModelValue:
    """The model of this name, or the one that no other uses; raises `Failure`."""
    candidates = models_to_choose(module)
    if module.file.lost and (
        len(candidates) != 1 if name is None else name not in [m.name.text for m in module.models()]
    ):
        raise Silenced
    file, names = module.source.name, [value.model.name.text for value in candidates]
    if name is None:
        if len(candidates) == 1:
            return candidates[0]
        help = f"say which: {', '.join(elided([f'{file}:{name}' for name in names]))}" if names else "declare a `model`"
        raise Failure(Diagnostic("E0213", f"{file} has {len(names) or 'no'} models to choose from", help=help))
    for model in module.models():
        if model.name.text == name:
            return ModelValue(model, module)
    help = suggestion(name, names, {}) or f"it has {', '.join(elided(names)) or 'none'}"
    raise Failure(Diagnostic("E0213", f"{file} has no model `{name}`", help=help))


def elaborate(value: ModelValue, settings: Mapping[str, object], run: Run) -> Elaborated:
    """Run a model's body; raises `Failure` or `Silenced` where it has none to run."""
    name, named = value.model.name.text, value
    place = Place(run, title=name)
    value, parameters = _bound(value, settings, place)
    body = value.model.body
    assert isinstance(body, ast.Body)
    value.module.elaborated.add(value.model.start)
    scope = parameters.copy(parameters.home)

    def enter(s: ast.Input, scope: Scope) -> Any:
        if s.type is None:
            raise scope.fail(
                "E0316", f"the input `{s.name.text}` of a model needs a type", s, help="as f32[N, 3, 224, 224]"
            )
        type = types.input_type(s.type, scope)
        try:
            want_possible(f"the input `{s.name.text}` is", type)
        except Refusal as refusal:
            raise scope.failure(refusal, s.type) from None
        with placed(s, scope):
            return run.add_input(s.name.text, type, scope.span(s))

    outputs = run_body(body, scope, enter)
    read = check_sections(body, scope)
    warn_unused(body, scope, read)
    _refuse_strange_sizes(name, run, scope, named)
    return Elaborated(name, body, run, outputs)


def _bound(value: ModelValue, settings: Mapping[str, object], place: Place) -> tuple[ModelValue, Scope]:
    """The model whose braces run, and its parameters: settings win over what `model A = B(…)` says."""
    scope, node = Scope(value.module, place), value.model.name
    given = [Given(name, _setting(name, text, value), node) for name, text in settings.items()]
    while True:
        e, own = value.model.body, {p.name.text for p in value.model.parameters}
        mine = given if isinstance(e, ast.Body) else [g for g in given if g.name in own]
        rest = [g for g in given if g not in mine]
        parameters = bind_parameters(value.model, value.module, mine, node, scope)
        if isinstance(e, ast.Body):
            return value, parameters.within(place)
        scope, node = parameters.within(place), e
        target, arguments = target_of(e, scope)
        order = [p.name.text for p in target.model.parameters]
        given = [*_replaced(arguments, order, rest, scope), *(replace(g, node=e) for g in rest)]
        value, place = target, Place(place.run, title=scope.span(e).text, above=place)


def target_of(e: ast.Expression, scope: Scope) -> tuple[ModelValue, tuple[ast.Argument, ...]]:
    """The model that `model A = B(…)` is made from, and what it is given."""
    callee, arguments = (e.callee, e.arguments) if isinstance(e, ast.Call) else (e, ())
    target = evaluate(callee, scope)
    if not isinstance(target, ModelValue):
        raise scope.fail("E0221", f"a model is braces or another model, not {describe(target)}", callee)
    return target, arguments


def _replaced(
    arguments: tuple[ast.Argument, ...], order: list[str], settings: list[Given], scope: Scope
) -> Iterator[Given]:
    """The arguments, by name where there is one, that no setting replaces."""
    set_here = {setting.name for setting in settings}
    for k, argument in enumerate(arguments):
        name = argument.name or (order[k] if k < len(order) else None)
        if name not in set_here:
            yield Given(name, evaluate(argument.value, scope), argument)


class _Settings(Module):
    """The text of a setting, with the names of the model's file."""

    def __init__(self, source: Source, file: Module):
        super().__init__(source, file.report)
        self.names, self.lookup = file.names, file.lookup


def _setting(name: str, value: object, model: ModelValue) -> Any:
    """A setting as a value of the language; a string is an expression in the model's file."""
    if isinstance(value, str):
        scope = Scope(_Settings(Source(f"--set {name}", value), model.module))
        try:
            return evaluate(expression(value), scope)
        except (Unexpected, Fault):
            raise scope.fail("E0101", f"`{cut(value)}` is no expression", ast.Node(0, len(value))) from None
    with placed(model.model.name, Scope(model.module)):
        if isinstance(value, (list, tuple)):
            items = [_setting(name, item, model) for item in value]
            return Items(items) if isinstance(value, list) else Group(items)
        return fitting(value, lambda: f"the setting of `{name}`")


def _refuse_strange_sizes(name: str, run: Run, scope: Scope, named: ModelValue) -> None:
    for letter in run.sizes:
        if letter not in scope.names and not run.free and not run.report.of("error"):
            letters = [n for n in scope.names if types.LETTER.match(n) and n != BATCH]
            help = f"it has {', '.join(letters)}" if letters else "all its sizes are numbers"
            where = Scope(named.module)
            raise where.fail("E0317", f"`{name}` has no size `{letter}`", named.model.name, help=help)


def warn_unused_declarations(module: FileModule) -> None:
    """A warning for each block, constant and file that no model of the file reads, if it has models."""
    for declaration in module.file.declarations if module.models() else ():
        if not isinstance(declaration, ast.Model) and declaration.name.text not in module.read:
            what = type(declaration).__name__.lower()
            Scope(module).warn("W0202", f"the {what} `{declaration.name.text}` is never used", declaration.name)
