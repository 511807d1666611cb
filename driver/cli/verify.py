"""`cnnc verify`: native code against the definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cnnc.cli.failure import Trace, Wrong
from cnnc.cli.options import Subject, subject

if TYPE_CHECKING:
    from cnnc.comparison import Finding


@click.command("verify", short_help="Compare native code with the definitions.")
@subject(weights=True, native=True)
@click.option("--batch", type=click.IntRange(1), default=2, show_default=True, help="Made-up images to compare on.")
@click.option("--seed", "inputs_seed", type=click.IntRange(0), default=0, show_default=True, help="Which images.")
@click.pass_obj
def command(trace: Trace, subject: Subject, batch: int, inputs_seed: int) -> None:
    """Compare native code with NumPy in float64: the outputs, then every layer by itself."""
    from cnnc.comparison import compare_nodes, compare_outputs
    from cnnc.compiler.pipeline import Options
    from cnnc.inputs import random_inputs
    from cnnc.weights import bind

    network = subject.network()
    graph = bind(network, subject.weights_for(network))
    inputs = random_inputs(network.inputs, batch, inputs_seed)
    outputs = compare_outputs(subject.compile(network, trace, cache=False), graph, inputs)
    for finding in outputs:
        click.echo(_line(finding))
    assert trace.graph is not None, "the network is compiled"
    layers = list(compare_nodes(trace.graph, inputs, Options(cpu=subject.target_cpu, exact=subject.exact)))
    wrong = [finding for finding in layers if not finding.good]
    if wrong:
        click.echo(f"the first layer that differs by itself:\n{_line(wrong[0])}")
    else:
        click.echo(f"{len(layers)} layers agree, each by itself")
    if wrong or not all(finding.good for finding in outputs):
        raise Wrong


def _line(finding: Finding) -> str:
    verdict = "agrees" if finding.good else "DIFFERS"
    return f"{finding.name}  {verdict}  error {finding.error:.2e}, allowed {finding.allowed:.2e}  {finding.place}"
