"""`cnnc check`: every finding about some files."""

from __future__ import annotations

import click

from cnnc.cli.failure import Wrong, colored, note
from cnnc.cli.options import Pair


@click.command("check", short_help="Report every error and warning of some files.")
@click.argument("files", nargs=-1, required=True, metavar="FILE.cnn[:Model]...")
@click.option("--size", "sizes", type=Pair(whole=True), multiple=True, help="A free size: H=480.")
def command(files: tuple[str, ...], sizes: tuple[tuple[str, int], ...]) -> None:
    """Report every error and warning of these files; sizes that are not given stay free."""
    from cnnc.compiler.frontend import check

    wrong = False
    for file in files:
        findings = check(file, sizes=dict(sizes))
        for finding in findings:
            note(finding.render(colored()) + "\n")
        wrong |= any(finding.severity == "error" for finding in findings)
    if wrong:
        raise Wrong
