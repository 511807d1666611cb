"""`cnnc summary`: what a network costs."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from cnnc.cli.options import Subject, as_json, subject


@click.command("summary", short_help="Show what a network costs, layer by layer.")
@subject()
@as_json
def command(subject: Subject, format: str) -> None:
    """Show output shapes, parameters, multiply-accumulates and memory, layer by layer."""
    network = subject.network()
    summary = network.summary()
    from cnnc.footprint import footprint  # and LLVM with it, which a file with errors need not wait for
    from cnnc.runtime.errors import TargetError

    try:
        memory = footprint(network.graph)
    except TargetError:
        memory = None  # no native code, no memory of its
    if format == "json":
        click.echo(json.dumps({**summary.to_dict(), "native": asdict(memory) if memory else None}, indent=2))
    else:
        click.echo(f"{summary}\nnative code: {memory}" if memory else str(summary))
