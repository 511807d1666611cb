"""Text to syntax tree: Lark parses a whole file; where it cannot, `recover` finds every error, one by one."""

from __future__ import annotations

from functools import cache

from lark import Lark
from lark.exceptions import UnexpectedInput

from ..diagnostics import Source, model_error
from . import ast
from .build import Builder, Fault
from .recover import find_errors


@cache
def grammar() -> Lark:
    """The parser, made once. It builds the syntax tree as it goes."""
    return Lark.open_from_package(
        "cnnc.grammar",
        "cnn.lark",
        parser="lalr",
        transformer=Builder(),
        start=["file", "_declaration", "header", "statement", "expression"],
    )


def parse(source: Source) -> ast.File:
    """The syntax tree of a file; raises `ModelError` with every syntax error that it has."""
    try:
        declarations = grammar().parse(source.text, start="file")
    except (UnexpectedInput, Fault) as error:
        raise model_error(find_errors(source, grammar(), error)) from None
    return ast.File(source, declarations)  # type: ignore[arg-type]


def expression(text: str) -> ast.Expression:
    """The syntax tree of one expression; raises Lark's `UnexpectedInput` or `Fault`."""
    return grammar().parse(text, start="expression")  # type: ignore[return-value]
