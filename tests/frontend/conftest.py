"""How the tests of the frontend ask."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cnnc.compiler.diagnostics import Diagnostic
from cnnc.compiler.frontend import Model, parse_text
from cnnc.runtime.errors import ModelError


@pytest.fixture
def model() -> Callable[..., Model]:
    """Elaborate a text."""
    return parse_text


@pytest.fixture
def errors() -> Callable[..., list[tuple[str, str]]]:
    """The errors of a text: each code, and the source that it underlines."""

    def find(text: str, **options: object) -> list[tuple[str, str]]:
        with pytest.raises(ModelError) as caught:
            parse_text(text, **options)  # type: ignore[arg-type]
        return [(d.code, underlined(d)) for d in caught.value.diagnostics if isinstance(d, Diagnostic)]

    return find


def underlined(finding: Diagnostic) -> str:
    return finding.span.source.text[finding.span.start : finding.span.end] if finding.span else ""
