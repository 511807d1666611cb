"""`cnnc summary`: what a network costs."""

from __future__ import annotations

import json

import click

from cnnc.cli.options import Subject, as_json, subject


@click.command("summary", short_help="Show what a network costs, layer by layer.")
@subject()
@as_json
def command(subject: Subject, format: str) -> None:
    """Show output shapes, parameters, multiply-accumulates and memory, layer by layer."""
    summary = subject.network().summary()
    click.echo(json.dumps(summary.to_dict(), indent=2) if format == "json" else str(summary))
