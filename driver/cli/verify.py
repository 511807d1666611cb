"""`cnnc verify`: native code against the definitions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from cnnc.cli.failure import Trace, Wrong, colored
from cnnc.cli.feed import Feed, feed
from cnnc.cli.options import Subject, subject

if TYPE_CHECKING:
    from cnnc.comparison import Finding


@click.command("verify", short_help="Compare native code with the definitions.")
@subject(weights=True, native=True)
@feed
@click.option("--bisect", is_flag=True, help="Find the pass, algorithm or layer that is to blame.")
@click.pass_obj
def command(trace: Trace, subject: Subject, feed: Feed, bisect: bool) -> None:
    """Compare native code with NumPy in float64: the outputs, then every layer by itself.

    On a FILE as `cnnc run` takes, or on made-up images. --bisect compiles without this pass and that algorithm until
    it knows where the outputs, or else a layer, go wrong.
    """
    from cnnc.bisect import Trial, blame
    from cnnc.build import choices
    from cnnc.comparison import compare_nodes, compare_outputs
    from cnnc.compiler.options import Options
    from cnnc.inputs import images_of
    from cnnc.weights import bind

    if bisect and subject.schedule is not None:
        raise click.UsageError("--bisect decides itself what --schedule would")
    network, inputs = feed.read(subject)
    graph = bind(network, subject.weights_for(network))
    images = images_of(inputs)
    net = subject.compile(network, trace, cache=False, batch=images)
    options = Options(cpu=subject.target_cpu, exact=subject.exact, batch=images)
    outputs = compare_outputs(net, graph, inputs, replace(options, choices=choices(subject.schedule)))
    for finding in outputs:
        click.echo(_line(finding))
    assert trace.graph is not None, "the network is compiled"
    layers = list(compare_nodes(trace.graph, inputs, options))
    wrong = [finding for finding in layers if not finding.good]
    if wrong:
        click.echo(_drawn(wrong[0]))
    else:
        click.echo(f"{len(layers)} layers agree, each by itself")
    if not wrong and all(finding.good for finding in outputs):
        return
    if bisect:
        click.echo(blame(Trial(graph, inputs, options, net.threads), wrong[0] if wrong else None))
    raise Wrong


def _line(finding: Finding) -> str:
    verdict = "agrees" if finding.good else "DIFFERS"
    return f"{finding.name}  {verdict}  error {finding.error:.2e}, allowed {finding.allowed:.2e}  {finding.place}"


def _drawn(finding: Finding) -> str:
    """The first layer that differs, with its line of the source."""
    from cnnc.compiler.diagnostics import Diagnostic

    message = f"the first layer that differs by itself is {finding.maker}"
    return Diagnostic("", message, finding.span, notes=finding.numbers).render(colored())
