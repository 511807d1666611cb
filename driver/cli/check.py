"""`cnnc check`: every finding about some files, as text for people or as JSON for editors."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from cnnc.cli.failure import Wrong, colored, note
from cnnc.cli.options import Pair, as_json
from cnnc.runtime.errors import ModelError

if TYPE_CHECKING:
    from cnnc.compiler.diagnostics import Diagnostic


@click.command("check", short_help="Report every error and warning of some files.")
@click.argument("files", nargs=-1, required=True, metavar="FILE.cnn[:Model]...")
@click.option("--size", "sizes", type=Pair(whole=True), multiple=True, help="A free size: H=480.")
@click.option("--strict", is_flag=True, help="Take warnings for errors.")
@as_json
def command(files: tuple[str, ...], sizes: tuple[tuple[str, int], ...], strict: bool, format: str) -> None:
    """Report every error and warning of files, of the .cnn files in folders, and of the text that `-` reads.

    Sizes that are not given stay free. Beside an error nothing is called unused: it may be what failed that would have
    used it. With --format json each finding is one line on the standard output.
    """
    wrong = False
    told = set()
    for finding in _findings(files, dict(sizes)):
        if strict and finding.severity == "warning":
            finding = replace(finding, severity="error")
        facts = (finding.code, finding.message, str(finding.span))
        if facts in told:  # files that are used by several of those named
            continue
        told.add(facts)
        wrong |= finding.severity == "error"
        if format == "json":
            click.echo(to_json(finding))
        else:
            note(finding.render(colored()) + "\n")
    if wrong:
        raise Wrong


def _findings(files: Iterable[str], sizes: dict[str, int]) -> Iterator[Diagnostic]:
    from cnnc.compiler.frontend import check, check_text
    from cnnc.compiler.frontend.syntax.sources import source_of

    for file in files:
        if file == "-":
            try:
                source = source_of(sys.stdin.buffer.read(), "<stdin>")
            except ModelError as error:
                yield from cast("tuple[Diagnostic, ...]", error.diagnostics)
            else:
                yield from check_text(source.text, source.name, sizes=sizes)
        elif Path(file).is_dir():
            for path in sorted(Path(file).rglob("*.cnn")):
                yield from check(path, sizes=sizes)
        else:
            yield from check(file, sizes=sizes)


PLACE: tuple[str, ...] = ("file", "line", "column", "end_line", "end_column")


def to_json(finding: Diagnostic) -> str:
    """One line; lines and columns count from 1, the end is the first character that is not meant."""
    place: dict[str, Any] = dict.fromkeys(PLACE)
    place["file"] = finding.file or None
    if finding.span is not None:
        source = finding.span.source
        place = {"file": source.name}
        place["line"], place["column"] = source.position(finding.span.start)
        place["end_line"], place["end_column"] = source.position(finding.span.end)
    facts = {"code": finding.code, "severity": finding.severity, "message": finding.message, **place}
    label = (finding.label,) if finding.label else ()
    more = {"notes": label + finding.notes, "help": finding.help}
    return json.dumps({**facts, **more}, ensure_ascii=False)
