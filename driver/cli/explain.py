"""`cnnc explain`: what the code of a message means."""

from __future__ import annotations

import sys

import click

from cnnc.cli.failure import Wrong, note


@click.command("explain", short_help="Say what the code of an error or a warning means.")
@click.argument("code", required=False)
def command(code: str | None) -> None:
    """Say what a code such as E0302 means, with an example that fails and one that is mended; list all without one."""
    from cnnc.catalogue import nearest, page, pages

    if code is None:
        click.echo("\n".join(f"{page.code}  {page.title}" for page in pages()))
        return
    found = page(code.upper())
    if found is None:
        note(f"error: no message has the code `{code}`")
        close = nearest(code.upper())
        note(f"  = help: did you mean {' or '.join(close)}?" if close else "  = help: `cnnc explain` lists all codes")
        raise Wrong
    _show(found.text)


def _show(text: str) -> None:
    """Markdown drawn for a terminal, and as it is for everything else."""
    if not sys.stdout.isatty():
        click.echo(text, nl=False)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console()
    console.print(Markdown(text), width=min(100, console.width))
