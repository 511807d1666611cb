"""`cnnc bench`: how fast a network runs."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnnc.cli.failure import Trace
from cnnc.cli.options import Subject, as_json, subject

if TYPE_CHECKING:
    from cnnc.compiler.codegen.program import Program
    from cnnc.compiler.pipeline import Stage
    from cnnc.net import Net
    from cnnc.profile import Profile
    from cnnc.runtime.feeds import Array


@click.command("bench", short_help="Time a network.")
@subject(weights=True, native=True)
@click.option("--batch", type=click.IntRange(1), default=1, show_default=True, help="Images a call.")
@click.option("--seconds", type=click.FloatRange(0.01), default=2.0, show_default=True, help="How long to measure.")
@click.option("--repeats", type=click.IntRange(1), help="How many calls to measure, in place of --seconds.")
@click.option("--per-layer", is_flag=True, help="Also time layer by layer, beside the core's peaks.")
@click.option("--plot", "picture", type=click.Path(path_type=Path), help="A picture of the layers under the roofline.")
@as_json
@click.pass_obj
def command(
    trace: Trace,
    subject: Subject,
    batch: int,
    seconds: float,
    repeats: int | None,
    per_layer: bool,
    picture: Path | None,
    format: str,
) -> None:
    """Time a network on made-up images: median and minimum of a call, and images a second at the median."""
    from cnnc.compiler.codegen.program import Program
    from cnnc.inputs import random_inputs

    network = subject.network()
    programs: list[Program] = []

    def after(name: str, stage: Stage, seconds: float) -> None:
        trace.after(name, stage, seconds)
        if isinstance(stage, Program):
            programs.append(stage)

    start = time.perf_counter()
    net = subject.compile(network, trace, after=after, cache=False)
    compiled = time.perf_counter() - start
    inputs = random_inputs(net.inputs, batch, seed=0)
    first = _timed(net.run, inputs)
    until, times = time.perf_counter() + seconds, []
    while len(times) < repeats if repeats else (time.perf_counter() < until or not times):
        times.append(_timed(net.run, inputs))
    median = statistics.median(times)
    facts = {
        "network": network.name,
        "batch": batch,
        "threads": net.machine.threads_for(batch),
        "calls": len(times),
        "median_ms": 1000 * median,
        "minimum_ms": 1000 * min(times),
        "images_per_second": batch / median,
        "compile_seconds": compiled,
        "first_call_ms": 1000 * first,
    }
    layers = _profile(net, programs[0], inputs, seconds) if per_layer or picture else None
    if layers and picture:
        from cnnc.roofline import plot

        plot(layers, network.name, picture)
    layers = layers if per_layer else None
    if format == "json":
        click.echo(json.dumps(facts if layers is None else {**facts, "profile": layers.to_dict()}, indent=2))
    else:
        click.echo(_text(facts) if layers is None else f"{_text(facts)}\n\n{layers}")


def _profile(net: Net, program: Program, inputs: Mapping[str, Array], seconds: float) -> Profile:
    from cnnc import peaks
    from cnnc.profile import profile
    from cnnc.runtime.executable import Executable

    assert isinstance(net.machine, Executable)
    target = program.schedule.target
    return profile(
        net.machine, program, inputs, peaks.multiplying(target, fed=True).best(), peaks.reading(target).best(), seconds
    )


def _timed(run, inputs) -> float:
    start = time.perf_counter()
    run(inputs)
    return time.perf_counter() - start


def _text(facts: dict) -> str:
    threads = f"{facts['threads']} thread{'s' * (facts['threads'] != 1)}"
    return (
        f"{facts['network']}, batch {facts['batch']}, {threads}: median {facts['median_ms']:.4g} ms, "
        f"minimum {facts['minimum_ms']:.4g} ms, {facts['images_per_second']:,.4g} images/s ({facts['calls']:,} calls; "
        f"compiled in {facts['compile_seconds']:.2f} s)"
    )
