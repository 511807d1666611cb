"""`cnnc fmt`: one layout for all `.cnn` files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from difflib import unified_diff
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnnc.cli.failure import Wrong, colored, note
from cnnc.files import write_text
from cnnc.runtime.errors import ModelError

if TYPE_CHECKING:
    from cnnc.compiler.diagnostics import Source

STDIN = "-"


@click.command("fmt", short_help="Lay out .cnn files in the one way.")
@click.argument("files", nargs=-1, required=True, metavar="FILE.cnn|FOLDER|-...")
@click.option(
    "--check", is_flag=True, help="Write nothing; name the files that would change, and fail if there are any."
)
@click.option("--diff", is_flag=True, help="Write nothing; show what would change.")
def command(files: tuple[str, ...], check: bool, diff: bool) -> None:
    """Lay out these files and those in these folders; with - what comes from standard input, to standard output.

    Comments are kept, and so are line breaks before arrows and in lists. A file with syntax errors is left alone.
    """
    from cnnc.compiler.frontend.syntax.format import format

    wrong = False
    for file in _files(files):
        try:
            source = _read(file)
            text = format(source)
        except ModelError as error:
            for finding in error.diagnostics:
                note(finding.render(colored()) + "\n")  # type: ignore[attr-defined]
            wrong = True
            continue
        changes = text != source.text
        if diff:
            click.echo(_difference(source, text).encode(), nl=False)
        if check and changes:
            click.echo(f"would format {source.name}")
            wrong = True
        if check or diff:
            continue
        if file == STDIN:
            click.echo(text.encode(), nl=False)
        elif changes:
            write_text(Path(file).resolve(), text)
            click.echo(f"formatted {source.name}")
    if wrong:
        raise Wrong


def _files(given: tuple[str, ...]) -> Iterator[str]:
    """The files that were named, and those in the folders that were; none that is hidden there."""
    for name in given:
        folder = Path(name)
        if name == STDIN or not folder.is_dir():
            yield name
            continue
        for path in sorted(folder.rglob("*.cnn")):
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
                yield str(path)


def _read(file: str) -> Source:
    from cnnc.compiler.frontend.syntax.sources import read_source, source_of

    if file == STDIN:
        return source_of(sys.stdin.buffer.read(), "<stdin>")
    return read_source(Path(file), file)


def _difference(source: Source, text: str) -> str:
    before, after = list(StringIO(source.text)), list(StringIO(text))
    if before and not before[-1].endswith("\n"):
        before[-1] += "\n\\ No newline at end of file\n"
    return "".join(unified_diff(before, after, source.name, source.name))
