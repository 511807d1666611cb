"""Text to syntax tree: Lark parses a whole file; where it cannot, `recover` finds every error and what is sound."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from ...diagnostics import Diagnostic, Source, model_error
from . import ast, tables
from .build import Builder
from .faults import Fault
from .lalr import Parser, Unexpected
from .recover import recover, without


@cache
def parser() -> Parser:
    """The parser, made once. It builds the syntax tree as it goes."""
    return Parser(Builder(), tables.written())


def parse(source: Source) -> ast.File:
    """The syntax tree of a file; raises `ModelError` with every syntax error that it has."""
    file, errors = salvage(source)
    if errors:
        raise model_error(errors)
    return file


def salvage(source: Source) -> tuple[ast.File, list[Diagnostic]]:
    """The syntax tree of what parses in a file, and the syntax errors of the rest."""
    try:
        return _file(source, source.text), []
    except (Unexpected, Fault):
        errors, lost = recover(source, parser())
    return replace(_file(source, without(source.text, lost)), lost=lost), errors


def _file(source: Source, text: str) -> ast.File:
    return ast.File(source, parser().parse(text, "file"))


def expression(text: str) -> ast.Expression:
    """The syntax tree of one expression; raises `Unexpected` or `Fault`."""
    return parser().parse(text, "expression")
