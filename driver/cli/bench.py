"""`cnnc bench`: how fast a network runs."""

from __future__ import annotations

import json
import resource
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnc.cli.failure import Trace
from cnnc.cli.numbers import Real, Whole
from cnnc.cli.options import Subject, as_json, batch, subject

if TYPE_CHECKING:
    from cnnc.compiler.codegen.program import Program
    from cnnc.compiler.options import Stage
    from cnnc.net import Net
    from cnnc.network import Network
    from cnnc.profile import Profile
    from cnnc.rivals import Run
    from cnnc.runtime.feeds import Array


@click.command("bench", short_help="Time a network.")
@subject(weights=True, native=True)
@batch
@click.option("--seconds", type=Real(0.01), default=2.0, show_default=True, help="How long to measure.")
@click.option("--repeats", type=Whole(1), help="How many calls to measure, in place of --seconds.")
@click.option("--compare", metavar="NAMES", help="Also time interpreter, onnxruntime or both, in turns.")
@click.option("--per-layer", is_flag=True, help="Also time layer by layer, beside the core's peaks.")
@click.option("--plot", "picture", type=click.Path(path_type=Path), help="A picture of the layers under the roofline.")
@as_json
@click.pass_obj
def command(
    trace: Trace,
    subject: Subject,
    seconds: float,
    repeats: int | None,
    compare: str | None,
    per_layer: bool,
    picture: Path | None,
    format: str,
) -> None:
    """Time a network on made-up images: median and minimum of a call, and images a second at the median."""
    from cnnc.compiler.codegen.program import Program
    from cnnc.inputs import random_inputs
    from cnnc.timing import times

    rivals, batch = _rivals(compare), subject.images
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
    start = time.perf_counter()
    outputs = net.run(inputs)
    first = time.perf_counter() - start
    runs = {"cnnc": net.run} | _ready(rivals, subject, network, batch, net.machine.threads_for(batch))
    differences = {name: _difference(outputs, run(inputs)) for name, run in runs.items() if name in rivals}
    taken = times({name: lambda run=run: run(inputs) for name, run in runs.items()}, seconds, repeats)
    median = statistics.median(taken["cnnc"])
    facts: dict[str, Any] = {
        "network": network.name,
        "batch": batch,
        "threads": net.machine.threads_for(batch),
        "calls": len(taken["cnnc"]),
        "median_ms": 1000 * median,
        "minimum_ms": 1000 * min(taken["cnnc"]),
        "images_per_second": batch / median,
        "compile_seconds": compiled,
        "first_call_ms": 1000 * first,
        "memory": _memory(net),
    }
    if rivals:
        facts["compared"] = {
            name: {
                "median_ms": 1000 * statistics.median(taken[name]),
                "minimum_ms": 1000 * min(taken[name]),
                "times_cnnc": min(taken[name]) / min(taken["cnnc"]),
                "difference": differences[name],
            }
            for name in rivals
        }
    layers = _profile(net, programs[0], inputs, seconds) if per_layer or picture else None
    if layers and picture:
        from cnnc.roofline import plot

        plot(layers, network.name, picture)
    layers = layers if per_layer else None
    if format == "json":
        click.echo(json.dumps(facts if layers is None else {**facts, "profile": layers.to_dict()}, indent=2))
    else:
        click.echo("\n\n".join([_text(facts), *([str(layers)] if layers else [])]))


def _memory(net: Net) -> dict[str, int]:
    """Bytes: the network's own, and the most that this process has had."""
    from cnnc.runtime.executable import Executable

    assert isinstance(net.machine, Executable)
    manifest, process = net.machine.manifest, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    own = {"constants": net.machine.constant_bytes, "arena": manifest.arena_bytes, "alive": manifest.arena_peak}
    return {**own, "process": process}


def _rivals(compare: str | None) -> list[str]:
    """The names that `--compare` gives."""
    from cnnc.rivals import RIVALS

    names = list(dict.fromkeys(compare.split(","))) if compare is not None else []
    for name in names:
        if name not in RIVALS:
            raise click.BadParameter(f"`{name}` is none of {', '.join(RIVALS)}", param_hint="--compare")
    return names


def _ready(rivals: list[str], subject: Subject, network: Network, batch: int, threads: int) -> dict[str, Run]:
    """Functions from inputs to outputs by name."""
    from cnnc.rivals import RIVALS
    from cnnc.weights import bind

    graph = bind(network, subject.weights_for(network)) if rivals else network.graph
    return {name: RIVALS[name](graph, batch, threads) for name in rivals}


def _difference(ours: Mapping[str, Array], theirs: Mapping[str, Array]) -> float:
    """The largest one, in parts of the largest number of its output."""
    return max(
        float(abs(theirs[name] - array).max() / max(abs(array).max(), 1e-30)) if array.size else 0.0
        for name, array in ours.items()
    )


def _profile(net: Net, program: Program, inputs: Mapping[str, Array], seconds: float) -> Profile:
    from cnnc import peaks
    from cnnc.profile import profile
    from cnnc.runtime.executable import Executable

    assert isinstance(net.machine, Executable)
    target, weights = program.schedule.target, max(1, net.machine.constant_bytes)
    core, memory = peaks.multiplying(target, fed=True), peaks.reading(target)
    reread = memory if weights > peaks.MEMORY else peaks.reading(target, weights)
    return profile(net.machine, program, inputs, core, memory, reread, seconds)


def _text(facts: dict[str, Any]) -> str:
    from cnnc.footprint import Footprint
    from cnnc.summary import size

    memory = dict(facts["memory"])
    process = memory.pop("process")
    threads = f"{facts['threads']} thread{'s' * (facts['threads'] != 1)}"
    lines = [
        f"{facts['network']}, batch {facts['batch']}, {threads}: median {facts['median_ms']:.4g} ms, "
        f"minimum {facts['minimum_ms']:.4g} ms, {facts['images_per_second']:,.4g} images/s ({facts['calls']:,} calls; "
        f"compiled in {facts['compile_seconds']:.2f} s)",
        f"memory: {Footprint(**memory)}; the process at most {size(process)}",
    ]
    for name, rival in facts.get("compared", {}).items():
        lines.append(
            f"{name}: median {rival['median_ms']:.4g} ms, minimum {rival['minimum_ms']:.4g} ms, "
            f"{rival['times_cnnc']:.3g} times cnnc's; outputs differ by {rival['difference']:.1e} of the largest"
        )
    return "\n".join(lines)
