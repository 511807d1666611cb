"""Shapes and whole networks made at random, through the whole pipeline, with passes left out at random."""

from typing import Any

import pytest
from builder import Net, image, random_inputs, stage, with_random_weights
from harness import CPUS, EVERY_PASS, assert_right, compile_native, every_way, hold, runs_here, truth
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_graphs import networks

from cnnc.compiler.diagnostics import Refusal
from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.ir.operator import Array
from cnnc.runtime.errors import TargetError

SOME = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
MANY = settings(SOME, max_examples=600)

cpus = st.sampled_from([cpu for cpu in CPUS if runs_here(cpu)])
passes = st.sets(st.sampled_from(sorted(EVERY_PASS)))
small = st.integers(1, 4)
pairs = st.tuples(small, small)


@st.composite
def windows(draw: st.DrawFn) -> Graph:
    """Six layers with windows, on images of their own: many to a compilation."""
    net = Net(draw(st.integers(0, 99)))
    for i in range(6):
        name = draw(st.sampled_from(["conv", "conv", "conv", "conv_transpose", "depthwise", "maxpool", "avgpool"]))
        attributes: dict[str, Any] = {"kernel": draw(pairs), "stride": draw(pairs)}
        attributes["pad"] = draw(st.just("same") | st.tuples(*[st.integers(0, 4)] * 4))
        if name != "avgpool":
            attributes["dilation"] = draw(pairs)
        if name in ("maxpool", "avgpool"):
            attributes["ceil"] = draw(st.booleans())
        if name == "conv_transpose":
            attributes["output_pad"] = draw(st.tuples(st.integers(0, 3), st.integers(0, 3)))
        groups = draw(st.sampled_from([1, 1, 1, 2, 3, 16])) if name.startswith("conv") else 1
        channels = groups * draw(st.sampled_from([1, 2, 3, 8, 15, 16, 17, 33]))
        if name.startswith("conv"):
            out = groups * draw(st.sampled_from([1, 2, 5, 8, 16, 31, 48]))
            attributes |= {"channels": out, "groups": groups, "bias": draw(st.booleans())}
        x = net.input(f"x{i}", image(channels, draw(st.integers(1, 12)), draw(st.integers(1, 40))))
        after = draw(st.lists(st.sampled_from([stage("relu"), stage("batchnorm"), stage("prelu")]), max_size=2))
        try:
            y = net.chain(x, stage(name, **attributes), *after)
        except Refusal:
            y = x
        if draw(st.booleans()):
            y = net.apply(stage("add"), y, net.input(f"beside{i}", y.type)).output
        net.output(y)
    return net.graph


@st.composite
def rearrangements(draw: st.DrawFn) -> Graph:
    """Chains of what moves, mixes and sums numbers, with layers between, on unequal sides."""
    net = Net(draw(st.integers(0, 99)))
    for i in range(3):
        channels = draw(st.sampled_from([1, 4, 8, 12, 16, 32, 36]))
        value = net.input(f"x{i}", image(channels, draw(st.integers(1, 7)), draw(st.integers(1, 9))))
        for _ in range(draw(st.integers(1, 5))):
            try:
                value = draw(st.sampled_from(net.apply(draw(st.sampled_from(REARRANGE)), value).outputs))
            except Refusal:
                continue
            if draw(st.integers(0, 3)) == 0:
                net.output(value)
        net.output(value)
    return net.graph


REARRANGE = [
    *(stage("transpose", order=order) for order in ([2, 3, 1], [1, 3, 2], [3, 1, 2], [3, 2, 1])),
    *(stage("pad", size=(1, 0, 2, 3), mode=mode) for mode in ("zero", "edge", "reflect")),
    *(stage("resize", h=5, w=3, mode=mode, coords=coords)
      for mode in ("nearest", "bilinear", "bicubic") for coords in ("half_pixel", "align_corners", "asymmetric")),
    *(stage(name, axis=axis, keep=True) for name in ("sum", "mean") for axis in (1, 2, 3)),
    *(stage(name, axis=axis) for name in ("sum", "mean") for axis in (1, 2, 3)),
    *(stage("softmax", axis=axis) for axis in (1, 2, 3)),
    *(stage("split", parts=2, axis=axis) for axis in (1, 2, 3)),
    *(stage("slice", start=1, stop=3, axis=axis) for axis in (1, 2, 3)),
    stage("crop", h=2, w=3), stage("pixel_shuffle", n=2), stage("channel_shuffle", n=4), stage("upsample", n=2),
    stage("instancenorm"), stage("groupnorm", groups=4), stage("layernorm"), stage("batchnorm"), stage("relu"),
    stage("conv", channels=12, kernel=3, pad=1), stage("depthwise", kernel=3, pad=1), stage("global_avgpool"),
    stage("flatten"), stage("reshape", dims=[-1, 2, 2]), stage("reshape", dims=[4, -1]), stage("maxpool", kernel=2),
]  # fmt: skip


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
    hold(graph, cpu, disabled)


@SOME
@given(rearrangements(), cpus, passes)
def test_rearrangements(graph: Graph, cpu: str, disabled: set[str]):
    hold(graph, cpu, disabled)


@SOME
@given(networks(), cpus, passes, st.booleans())
def test_networks(net: Net, cpu: str, disabled: set[str], exact_weights: bool):
    hold_network(net, cpu, disabled, exact_weights)


@pytest.mark.slow
@MANY
@given(windows(), cpus, passes)
def test_many_windows(graph: Graph, cpu: str, disabled: set[str]):
    hold(graph, cpu, disabled)


@pytest.mark.slow
@MANY
@given(rearrangements(), cpus, passes)
def test_many_rearrangements(graph: Graph, cpu: str, disabled: set[str]):
    hold(graph, cpu, disabled)


@pytest.mark.slow
@MANY
@given(networks(), cpus, passes, st.booleans())
def test_many_networks(net: Net, cpu: str, disabled: set[str], exact_weights: bool):
    hold_network(net, cpu, disabled, exact_weights)
