"""Every syntax error of a file, once."""

from lark.exceptions import UnexpectedInput

from ..diagnostics import Diagnostic, Source, Span


def find_errors(source: Source, grammar: object, error: Exception) -> list[Diagnostic]:
    at = error.pos_in_stream or 0 if isinstance(error, UnexpectedInput) else 0
    return [Diagnostic("E0101", str(error).splitlines()[0], Span(source, at, at + 1))]
