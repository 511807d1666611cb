"""`cnnc compile`: watch a network become machine code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnnc.cli.failure import Trace, note
from cnnc.cli.options import Subject, batch, subject

if TYPE_CHECKING:
    from cnnc.compiler.options import Stage

FORMS = ("graph", "schedule", "program", "llvm", "asm")


@click.command("compile", short_help="Show how a network becomes machine code.")
@subject(weights=True, native=True)
@batch
@click.option("--emit", type=click.Choice(FORMS), help="Print this form of the network.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where to print it; by default standard output.")
@click.option("--dump-to", "folder", type=click.Path(path_type=Path), help="A folder for one numbered file a phase.")
@click.option("--print-after", "shown", multiple=True, metavar="PASS", help="Print what a pass or phase made.")
@click.option("--disable-pass", "disable", multiple=True, metavar="PASS", help="Leave a pass out.")
@click.option("--time-passes", is_flag=True, help="Say how long each pass and phase took.")
@click.option("--verify-each", is_flag=True, help="Interpret before and after each pass, and compare.")
@click.pass_obj
def command(
    trace: Trace,
    subject: Subject,
    emit: str | None,
    output: Path | None,
    folder: Path | None,
    shown: tuple[str, ...],
    disable: tuple[str, ...],
    time_passes: bool,
    verify_each: bool,
) -> None:
    """Compile a network and print, dump or time what each pass and phase made of it."""
    from cnnc import files, stages
    from cnnc.compiler.pipeline import GRAPH_PASSES
    from cnnc.passcheck import PassCheck

    if output is not None and emit is None:
        raise click.UsageError("-o needs --emit")
    passes = [step.name for step in GRAPH_PASSES]
    _want(disable, passes)
    _want(shown, ["elaborate", *passes, "schedule", "program", "build"])
    network = subject.network()
    made: list[Stage] = []
    times: list[str] = []
    checker = PassCheck() if verify_each else None

    def after(name: str, stage: Stage, seconds: float) -> None:
        trace.after(name, stage, seconds)
        made.append(stage)
        times.append(f"{1000 * seconds:9.2f} ms  {name}")
        if name in shown:
            click.echo(stages.text_of(stage), nl=False)
        if folder is not None:
            stages.dump(folder, len(made), name, stage)
        if checker is not None:
            checker.after(name, stage)

    subject.artifact(network, after, disable)
    if emit is not None:
        text = stages.form(emit, made)
        click.echo(text, nl=False) if output is None else files.write_text(output, text)
    if time_passes:
        note("\n".join(times))
    note(f"{network.name} is compiled\n{stages.text_of(made[-1])}".rstrip())


def _want(names: tuple[str, ...], known: list[str]) -> None:
    for name in names:
        if name not in known:
            raise click.UsageError(f"there is no pass `{name}`; there are {', '.join(known)}")
