"""Blocks and models that nothing applies, and constants that nothing reads: checked all the same.

A body is elaborated as always, with nothing known of its parameters and tensors. What depends on them is silent; names,
calls, arguments and what else is the same for every tensor is not.
"""

from __future__ import annotations

from typing import Any

from ..report import SOME_TENSOR, UNKNOWN
from ..syntax import ast
from . import types
from .arguments import Given
from .blocks import bind_parameters
from .expressions import attempt
from .flow import flow
from .model import target_of
from .place import Place, Run
from .program import FileModule
from .scope import Scope
from .sections import check_sections
from .statements import run_body


def check_unapplied(module: FileModule) -> None:
    """Report what is wrong with the declarations of a file that no elaboration came by."""
    module.evaluate_constants()
    for declaration in module.file.declarations:
        if isinstance(declaration, (ast.Block, ast.Model)) and declaration.start not in module.elaborated:
            _check(declaration, module)


def _check(declaration: ast.Block | ast.Model, module: FileModule) -> None:
    scope = Scope(module, Place(Run(module.report, {}, free=True), title=declaration.name.text), unapplied=True)
    for parameter in declaration.parameters:
        if parameter.default is not None:
            attempt(parameter.default, scope.doubting())
        scope.names[parameter.name.text] = UNKNOWN
        scope.bound.setdefault(parameter.name.text, scope.span(parameter.name))
    body = declaration.body
    if isinstance(body, ast.Body):
        run_body(body, scope, _enter)
        if isinstance(declaration, ast.Model):
            check_sections(body, scope)
    elif isinstance(declaration, ast.Block):
        with scope.going_on():
            flow(body, UNKNOWN, scope)
    else:
        with scope.going_on():
            target, arguments = target_of(body, scope)
            given = [Given(a.name, attempt(a.value, scope), a) for a in arguments]
            bind_parameters(target.model, target.module, given, body, scope)


def _enter(s: ast.Input, scope: Scope) -> Any:
    if s.type is not None:
        types.dtype_of(s.type, scope)
        types.settle(s.type, scope)
        for size in s.type.sizes:
            attempt(size, scope)
    return SOME_TENSOR
