"""What is right where it is applied is right where nothing applies it, too: no finding is false."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from desk import EXAMPLES, ROOT
from pages import examples, page_codes

from cnnc.compiler.diagnostics import Source
from cnnc.compiler.frontend import check_text
from cnnc.compiler.frontend.syntax import ast
from cnnc.compiler.frontend.syntax.parse import salvage

PROGRAM = re.compile(r"^```cnn\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def right_programs() -> Iterator[str]:
    """The examples, those of the reference, and the mended ones of the pages about errors."""
    yield from (path.read_text() for path in EXAMPLES.glob("*.cnn"))
    for path in sorted((ROOT / "docs" / "reference").glob("*.md")):
        yield from PROGRAM.findall(path.read_text())
    for code in page_codes():
        yield from (example.text for example in examples(code) if example.kind == "cnn" and example.message is None)


def without_models(text: str) -> str:
    """The file as a library."""
    return changed(text, lambda model, words: "")


def open_models(text: str) -> str:
    """With models that cannot be elaborated, for want of an argument."""

    def opened(model: ast.Model, words: str) -> str:
        if not isinstance(model.body, ast.Body):
            return ""
        name = model.name.text
        end = model.name.end - model.start
        more = words[end:].lstrip()
        return f"model {name}(wanted, {more[1:]}" if more.startswith("(") else f"model {name}(wanted) {more}"

    return changed(text, opened)


def changed(text: str, change) -> str:
    file, errors = salvage(Source("", text))
    assert not errors
    for declaration in reversed(file.declarations):
        if isinstance(declaration, ast.Model):
            start, end = declaration.start, declaration.end
            text = text[:start] + change(declaration, text[start:end]) + text[end:]
    return text


PROGRAMS = [text for text in dict.fromkeys(right_programs()) if 'use "' not in text]


@pytest.mark.parametrize("change", [without_models, open_models])
def test_nothing_right_is_called_wrong(change):
    assert len(PROGRAMS) > 100
    for text in PROGRAMS:
        alone = change(text)
        found = [finding.render() for finding in check_text(alone) if finding.severity == "error"]
        assert not found, "\n".join([alone, *found])
