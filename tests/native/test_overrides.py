"""Schedules made by hand: what fits runs and is right, what does not is refused in words."""

import re

import pytest
from builder import Net, features, image, stage, with_random_weights
from harness import BEST, HERE, assert_right, compile_native, every_way, images_for, truth
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.schedule.overrides import read_choices
from cnnc.compiler.schedule.schedule import WINOGRAD, Choice
from cnnc.runtime.errors import TargetError


def graph() -> Graph:
    net = Net()
    x = net.input("x", image(20, 9, 11))
    body = net.chain(x, stage("conv", channels=36, kernel=3, pad=1), stage("relu"))
    body = net.chain(body, stage("conv", channels=24, kernel=1), stage("depthwise", kernel=3, pad=1))
    body = net.chain(body, stage("conv_transpose", channels=18, kernel=2, stride=2), stage("maxpool", kernel=3))
    net.output(net.chain(body, stage("conv", channels=8, kernel=3, stride=2)), net.chain(x, stage("global_avgpool")))
    net.output(net.chain(net.input("row", features(30)), stage("dense", units=70)))
    net.output(net.chain(net.input("z", image(32, 3, 20)), stage("conv", channels=2, kernel=3, pad=1)))
    return with_random_weights(net.graph)


GRAPH = graph()


@pytest.mark.parametrize("cpu", HERE)
def test_a_schedule_reads_as_it_prints(cpu: str):
    schedule = compile_native(GRAPH, cpu).program.schedule
    assert read_choices(str(schedule)) == schedule.choices
    again = compile_native(GRAPH, cpu, choices=read_choices(f"# by hand\n\n{schedule}")).program.schedule
    assert str(again) == str(schedule)


NAMES = sorted(compile_native(GRAPH).program.schedule.choices)
choices = st.builds(
    Choice,
    st.sampled_from(
        ["direct", "tapwise", "dot", *WINOGRAD, "depthwise", "grouped", "dense", "transposed", "gather", "pool"]
    ),
    st.integers(0, 32), st.integers(0, 5), st.booleans(), st.booleans(), st.integers(1, 3), st.booleans(),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(NAMES), choices, st.sampled_from(HERE))
def test_a_choice_is_right_or_refused(name: str, choice: Choice, cpu: str):
    try:
        native = compile_native(GRAPH, cpu, choices={name: choice})
    except TargetError as error:
        assert error.code == "E0506"
        assert f"`{name}`" in error.message
        return
    assert native.program.schedule.choices[name] == choice
    inputs = images_for(GRAPH)
    assert_right(every_way(native, inputs), truth(native, inputs))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("relu_1", "line 1 of the schedule names no choice: `relu_1`"),
        ("# fine\nrelu_1  quick 3 by 4", "line 2 of the schedule is no choice: `quick 3 by 4`"),
        ("relu_9  direct 3x1", "the schedule names `relu_9`, and no layer is called so"),
        ("relu_1  depthwise 3x1", f"it can be {' or '.join(['direct', 'tapwise', 'dot', *WINOGRAD])}"),
        ("relu_1  direct 40x1", "a tile can have 1 to 11 pixels"),
        ("relu_1  direct 3x1 merged", "rows are not merged here"),
        ("relu_1  direct 3x1 block 2", "only Winograd's algorithm has blocks"),
        ("relu_1  direct 3x1 batched", "takes images together"),
        ("relu_1  direct 3x1 columns", "only Winograd's algorithm has columns"),
        ("relu_1  winograd4 9x1 columns", "needs 59 registers of"),
        ("relu_1  winograd4 1x1 block 145 batched", "a block can have 1 to 144 tiles"),
        ("relu_1  winograd4 4x1 block 9", "a block can have 1 to 3 tiles"),
        ("conv_1_3  winograd4 1x1", "`winograd4` takes windows of 3x3 counted in strides, and enough channels"),
        ("conv_1_3  winograd4of5 1x1", "`winograd4of5` takes windows of 5x5 counted in strides, and enough channels"),
        ("relu_1  winograd2stride2 1x1", "`winograd2stride2` takes windows of 3x3, stride 2, and enough channels"),
        ("conv_1_4  dot 21x1", "a tile can have 1 to 20 pixels"),
        ("conv_1_4  dot 20x1", "needs 43 registers"),
        ("relu_1  dot 3x1", "`dot` takes whole vectors of input channels, few output channels, and no groups"),
        ("dense_1  dense 30x5", "needs 156 registers of 32"),
        ("dense_1  dense 1x19", "a tile can have 1 to"),
        ("global_avgpool_1  pool 2x2", "there is nothing to choose"),
    ],
)
def test_what_does_not_fit_is_told(text: str, says: str):
    if "registers of 32" in says and BEST != "x86-64-v4":
        pytest.skip("another number of registers")
    with pytest.raises(TargetError, match=re.escape(says)):
        compile_native(GRAPH, choices=read_choices(text))
