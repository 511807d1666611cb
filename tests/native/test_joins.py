"""Concatenations, slices and reshapes: views where channels allow it, else copies, in every nesting."""

import pytest
from builder import Net, features, image, stage
from harness import EVERY_PASS, every_cpu, hold

from cnnc.compiler.ir.graph import Graph, Value
from cnnc.compiler.schedule.target import target


def conv(net: Net, x: Value, channels: int, kernel: int = 1) -> Value:
    return net.apply(stage("conv", channels=channels, kernel=kernel, pad=kernel // 2), x).output


def concats(lanes: int) -> Graph:
    """Aligned and unaligned operands, in rims and without, one value twice, concatenations of concatenations."""
    net = Net()
    x = net.input("x", image(lanes + 2, 5, 6))
    for channels in ((lanes, lanes), (lanes, 3, lanes), (3, 2 * lanes, 1), (lanes - 1, lanes + 1), (1, 1)):
        joined = net.apply(stage("concat"), *(conv(net, x, c) for c in channels)).output
        net.output(joined, conv(net, joined, 3, 3))
    a, b, c = conv(net, x, lanes), conv(net, x, lanes + 5, 3), conv(net, x, lanes)
    inner = net.apply(stage("concat"), a, b).output
    outer = net.apply(stage("concat"), c, inner, a).output
    net.output(inner, conv(net, outer, 4, 3), net.chain(a, stage("depthwise", kernel=3, pad=1)))
    net.output(net.apply(stage("concat"), a, a).output, net.apply(stage("concat"), x, x, c).output)
    alone = net.apply(stage("concat"), conv(net, x, 7)).output
    net.output(net.chain(alone, stage("relu")))
    return net.graph


def parts(lanes: int) -> Graph:
    """Slices and splits of inputs, results, concatenations and other slices, read by all kinds of kernels."""
    net = Net()
    x = net.input("x", image(3 * lanes, 4, 5))
    y = conv(net, x, 3 * lanes, 3)
    for source in (x, y):
        for start, stop in ((0, lanes), (lanes, 2 * lanes + 3), (1, lanes), (lanes + 2, 3 * lanes)):
            piece = net.apply(stage("slice", start=start, stop=stop), source).output
            net.output(piece, conv(net, piece, 3, 3), net.chain(piece, stage("softmax")))
            net.output(net.chain(piece, stage("lrn", size=3)), net.chain(piece, stage("global_avgpool")))
    first, second, third = net.apply(stage("split", parts=3), y).outputs
    uneven = net.apply(stage("split", parts=[2, 2 * lanes - 2, lanes]), y).outputs
    net.output(net.apply(stage("add"), first, third).output, net.apply(stage("concat"), third, first).output, *uneven)
    deeper = net.apply(stage("slice", start=1, stop=lanes - 1), second).output
    net.output(net.chain(deeper, stage("sigmoid")), net.apply(stage("concat"), deeper, second).output)
    again = net.apply(stage("slice", start=lanes, stop=2 * lanes), net.apply(stage("concat"), first, y).output).output
    net.output(net.chain(again, stage("depthwise", kernel=3, pad=1)))
    return net.graph


def rows(lanes: int) -> Graph:
    """The same of rows of features."""
    net = Net()
    x = net.input("x", features(2 * lanes + 3))
    y = net.apply(stage("dense", units=3 * lanes), x).output
    joined = net.apply(stage("concat"), y, net.apply(stage("dense", units=lanes), x).output, x).output
    for source in (x, y, joined):
        for start, stop in ((0, lanes), (lanes, 2 * lanes + 1), (3, 2 * lanes)):
            piece = net.apply(stage("slice", start=start, stop=stop), source).output
            net.output(piece, net.chain(piece, stage("dense", units=5)), net.chain(piece, stage("softmax")))
    return net.graph


def reshapes(lanes: int) -> Graph:
    net = Net()
    for i, (channels, high, wide) in enumerate([(lanes + 1, 3, 4), (lanes, 1, 1), (5, 1, 1), (1, 2, 3), (2, 1, 8)]):
        for rim in (0, 1):
            x = net.input(f"x{i}{rim}", image(channels, high, wide))
            y = net.chain(x, stage("conv", channels=channels, kernel=1))
            if rim:
                net.output(net.chain(y, stage("conv", channels=3, kernel=3, pad=1)))
            flat = net.apply(stage("flatten"), y).output
            net.output(flat, net.chain(flat, stage("dense", units=3)), net.chain(x, stage("flatten")))
            net.output(net.chain(y, stage("reshape", dims=[wide, channels, high]), stage("relu")))
            net.output(net.chain(flat, stage("reshape", dims=[high * wide, 1, channels]), stage("exp")))
            net.output(net.chain(flat, stage("reshape", dims=[high * wide * channels])))
            net.output(net.chain(y, stage("dropout", p=0.5)), net.chain(flat, stage("dropout", p=0.5)))
            net.output(net.chain(y, stage("identity"), stage("reshape", dims=[-1, 1, 1]), stage("tanh")))
    return net.graph


def views_of_views(lanes: int) -> Graph:
    """Reshapes of what lies inside something else, and parts of what a reshape did not move."""
    net = Net()
    x = net.input("x", image(lanes, 5, 4))
    a, b = (net.chain(conv(net, x, c), stage("global_avgpool")) for c in (lanes, 2 * lanes))
    joined = net.apply(stage("concat"), a, b).output
    net.output(joined, net.chain(b, stage("flatten")), net.chain(b, stage("reshape", dims=[lanes, 2, 1])))
    net.output(net.chain(b, stage("flatten"), stage("dense", units=3)))
    flat = net.apply(stage("flatten"), b).output
    for start in (lanes, 3):
        piece = net.apply(stage("slice", start=start, stop=start + lanes), flat).output
        net.output(net.chain(piece, stage("dense", units=4)), piece)
    net.output(net.apply(stage("concat"), net.chain(a, stage("flatten")), flat).output)
    last = net.apply(stage("slice", start=2 * lanes, stop=3 * lanes), joined).output
    net.output(net.chain(last, stage("flatten"), stage("dense", units=2)), net.chain(last, stage("flatten")))
    net.output(net.chain(last, stage("reshape", dims=[1, lanes, 1])))
    wide = net.apply(stage("slice", start=lanes, stop=2 * lanes), conv(net, x, 2 * lanes, 3)).output
    net.output(net.chain(wide, stage("flatten")), net.chain(wide, stage("reshape", dims=[4, 5, lanes])))
    return net.graph


@every_cpu
@pytest.mark.parametrize("family", [concats, parts, rows, reshapes, views_of_views])
@pytest.mark.parametrize("disabled", [frozenset(), EVERY_PASS], ids=["all passes", "no pass"])
def test_numbers_arrive_where_they_belong(cpu: str, family, disabled: frozenset[str]):
    hold(family(target(cpu).lanes), cpu, disabled, batch=2)
