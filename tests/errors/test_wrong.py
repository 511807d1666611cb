"""Wrong programs, and all that is said of them, written below the line that it is about:

    output y = x -> Conv2D(3, 3)
    #               ^^^^^^ error[E0201]: nothing is called `Conv2D`
    #               = help: did you mean `conv`?

`CNNC_BLESS=1 pytest` writes these comments anew; read the diff.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from cnnc.compiler.diagnostics import Diagnostic, Span
from cnnc.compiler.frontend import check

FOLDER = Path(__file__).parent / "wrong"
SAID = re.compile(r" *# *((\^+ )?(error|warning|note)\[[EW]\d{4}\]: |= ).*\n")


@pytest.mark.parametrize("name", sorted(path.name for path in FOLDER.glob("*.cnn")))
def test_all_that_is_wrong_is_said_and_nothing_else(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(FOLDER)
    path = Path(name)
    written = path.read_text()
    told = annotated(written, check(name), name)
    if "CNNC_BLESS" in os.environ:
        path.write_text(told)
    assert written == told


def annotated(text: str, findings: list[Diagnostic], name: str) -> str:
    """A file with its findings below their lines, and those of files that it uses at its end."""
    lines, below = text.splitlines(keepends=True), dict[int, list[str]]()
    elsewhere = []
    for finding in findings:
        assert finding.span is not None, finding.message
        if finding.span.source.name == name:
            line, column = finding.span.source.position(finding.span.start)
            below.setdefault(line, []).extend(comments(finding, finding.span, column))
        else:
            elsewhere.append(f"# {finding.severity}[{finding.code}]: {finding.message}, at {finding.span}\n")
    kept = []
    for number, line in enumerate(lines, 1):
        if not SAID.fullmatch(line):
            kept.append(line)
        kept += below.get(number, ())
    return "".join([*kept, *elsewhere])


def comments(finding: Diagnostic, span: Span, column: int) -> list[str]:
    """What is said, as comments: the underline beneath what it underlines, where the `#` leaves room for it."""
    text = span.source.line(span.line)
    width = max(1, min(span.end - span.start, len(text) - column + 1))
    start = len(text) - len(text.lstrip())
    gap = " " * (column - start - 2)
    mark = "^" * width + " " if column > start + 1 else ""
    begin = " " * start + "#" + gap
    label = f" ({finding.label})" if finding.label else ""
    said = [f"{begin}{mark or ' '}{finding.severity}[{finding.code}]: {finding.message}{label}\n"]
    more = [*finding.notes, *([f"help: {finding.help}"] if finding.help else [])]
    return said + [f"{begin or '#'}{'' if gap else ' '}= {note}\n" for note in more]
