"""Shapes and whole networks made at random, through the whole pipeline, with passes left out at random."""

from typing import Any

import pytest
from builder import Net, image, random_inputs, stage, with_random_weights
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from native import CPUS, EVERY_PASS, assert_right, compile_native, every_way, hold, runs_here, truth
from random_graphs import networks

from cnnc.compiler.diagnostics import Refusal
from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.ir.operator import Array
from cnnc.runtime.errors import TargetError

SOME = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
MANY = settings(SOME, max_examples=2000)

cpus = st.sampled_from([cpu for cpu in CPUS if runs_here(cpu)])
passes = st.sets(st.sampled_from(sorted(EVERY_PASS)))
small = st.integers(1, 4)
pairs = st.tuples(small, small)


@st.composite
def windows(draw: st.DrawFn) -> Graph:
    """Six convolutions or pools on images of their own: many to a compilation."""
    net = Net(draw(st.integers(0, 99)))
    for i in range(6):
        name = draw(st.sampled_from(["conv", "conv", "conv", "depthwise", "maxpool", "avgpool"]))
        attributes: dict[str, Any] = {"kernel": draw(pairs), "stride": draw(pairs)}
        pad = st.just("same") | st.tuples(*[st.integers(0, 4)] * 4)
        attributes["pad"] = draw(pad)
        if name != "avgpool":
            attributes["dilation"] = draw(pairs)
        if name in ("maxpool", "avgpool"):
            attributes["ceil"] = draw(st.booleans())
        groups = draw(st.sampled_from([1, 1, 1, 2, 3, 16])) if name == "conv" else 1
        channels = groups * draw(st.sampled_from([1, 2, 3, 8, 15, 16, 17, 33]))
        if name == "conv":
            out = groups * draw(st.sampled_from([1, 2, 5, 8, 16, 31, 48]))
            attributes |= {"channels": out, "groups": groups, "bias": draw(st.booleans())}
        x = net.input(f"x{i}", image(channels, draw(st.integers(1, 12)), draw(st.integers(1, 40))))
        after = draw(st.lists(st.sampled_from([stage("relu"), stage("batchnorm"), stage("prelu")]), max_size=2))
        try:
            net.output(net.chain(x, stage(name, **attributes), *after))
        except Refusal:
            net.output(x)
    return net.graph


def hold_windows(graph: Graph, cpu: str, disabled: set[str]) -> None:
    hold(graph, cpu, disabled)


def hold_network(net: Net, cpu: str, disabled: set[str], exact_weights: bool) -> None:
    """Weights of few bits, whose products are exact, or normal ones."""
    graph = net.graph if exact_weights else with_random_weights(net.graph)
    inputs: dict[str, Array] = {
        value.name: random_inputs(graph)[value.name].astype("u1" if value.type.dtype == "u8" else "f4")
        for value in graph.inputs
    }
    try:
        native = compile_native(graph, cpu, disabled)
    except TargetError:
        assume(False)
        return
    assert_right(every_way(native, inputs), truth(native, inputs))


@SOME
@given(windows(), cpus, passes)
def test_windows(graph: Graph, cpu: str, disabled: set[str]):
    hold_windows(graph, cpu, disabled)


@SOME
@given(networks(), cpus, passes, st.booleans())
def test_networks(net: Net, cpu: str, disabled: set[str], exact_weights: bool):
    hold_network(net, cpu, disabled, exact_weights)


@pytest.mark.slow
@MANY
@given(windows(), cpus, passes)
def test_many_windows(graph: Graph, cpu: str, disabled: set[str]):
    hold_windows(graph, cpu, disabled)


@pytest.mark.slow
@MANY
@given(networks(), cpus, passes, st.booleans())
def test_many_networks(net: Net, cpu: str, disabled: set[str], exact_weights: bool):
    hold_network(net, cpu, disabled, exact_weights)
