"""`cnnc reduce`: a small network that fails as a large one does."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

import click

from cnnc.cli.failure import Wrong, note
from cnnc.cli.feed import Feed, feed
from cnnc.cli.numbers import Real
from cnnc.cli.options import Subject, subject


@click.command("reduce", short_help="Make a network that fails small.")
@subject(weights=True, native=True)
@feed
@click.option("--seconds", type=Real(0), default=60.0, show_default=True, help="When to stop at the latest.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path("reduced.cnn"),
    show_default=True,
    help="The model to write; its weights and inputs come beside it.",
)
def command(subject: Subject, feed: Feed, seconds: float, output: Path) -> None:
    """Make a network small that `cnnc verify` finds wrong, or that crashes or hangs, so that it still fails.

    Writes a model, its weights and its inputs: reduced.cnn, reduced.safetensors and reduced.npz. Ctrl-C leaves the
    smallest one so far.
    """
    from cnnc.case import Case
    from cnnc.compiler.options import Options
    from cnnc.reduce import Judge, Reduction
    from cnnc.weights import bind

    if output.suffix != ".cnn":
        raise click.UsageError(f"-o {output} is no .cnn file")
    if subject.schedule is not None:
        raise click.UsageError("--schedule decides for layers that change when a network is reduced")
    network, inputs = feed.read(subject)
    case = Case.of(bind(network, subject.weights_for(network)), inputs)
    judge = Judge(Options(cpu=subject.target_cpu, exact=subject.exact), subject.threads, str(output))
    start, reduction = time.monotonic(), Reduction(case, judge, seconds)
    if not reduction.fails:
        refused = reduction.failure.detail
        note(refused or f"error: {network.name} does not fail: its layers and outputs agree with the definitions")
        raise Wrong
    interrupted, why = False, "nothing smaller fails in this way"
    try:
        if not reduction.run():
            why = f"{seconds:g} s are over"
    except KeyboardInterrupt:
        interrupted, why = True, "interrupted"
    failure = reduction.failure
    see = shlex.join(["cnnc", "verify", str(output), str(output.with_suffix(".npz")), *_options(subject)])
    details = failure.detail.splitlines()
    reduction.case.write(output, [f"{network.name}, reduced. To see it fail: {see}", failure.kind, *details])
    click.echo("\n".join([failure.kind, *(f"  = {detail}" for detail in details)]))
    click.echo(f"from {case.size} to {reduction.case.size}, in {reduction.trials:,} trials", nl=False)
    click.echo(f" and {time.monotonic() - start:.1f} s: {why}\n{see}")
    if interrupted:
        raise KeyboardInterrupt


def _options(subject: Subject) -> list[str]:
    """What made native code of it, where that is not the default."""
    cpu = ["--target-cpu", subject.target_cpu] if subject.target_cpu != "native" else []
    threads = ["--threads", str(subject.threads)] if subject.threads else []
    return [*cpu, *threads, *(["--exact"] if subject.exact else [])]
