"""Elementwise operators: alone, as epilogues of every kind of kernel, with every kind of second operand."""

import pytest
from builder import Net, features, image, stage
from harness import EVERY_PASS, every_cpu, hold

from cnnc.compiler.ir.graph import Graph, Value
from cnnc.compiler.ir.operator import REGISTRY, Operator, bind
from cnnc.compiler.schedule.target import target

UNARY = [
    *(stage(name) for name in (
        "relu", "relu6", "prelu", "elu", "selu", "gelu", "silu", "mish", "sigmoid", "tanh", "softplus", "hardsigmoid",
        "hardswish", "abs", "exp", "batchnorm",
    )),
    stage("leaky_relu", a=0.3), stage("clip", low=-0.7, high=0.3), stage("threshold", t=0.25),
    stage("scale", k=1 / 255), stage("normalize", mean=0.3, std=0.7), stage("add", right=0.1), stage("mul", left=-3.7),
    bind(REGISTRY["sub"], {"left": 1.3}), bind(REGISTRY["div"], {"right": 3.0}),
]  # fmt: skip
BINARY = [stage("add"), stage("mul"), bind(REGISTRY["sub"], {}), bind(REGISTRY["div"], {})]


def away_from_zero(net: Net, value: Value) -> Value:
    return net.chain(value, stage("abs"), stage("add", right=0.5))


def unary(lanes: int) -> Graph:
    net = Net()
    x = net.input("x", image(lanes + 1, 3, 5))
    y = net.chain(x, stage("maxpool", kernel=2, stride=1))  # so that it does not lie in the caller's memory
    net.output(*(net.chain(value, op) for value in (x, y) for op in UNARY))
    net.output(*(net.chain(away_from_zero(net, y), stage(name)) for name in ("sqrt", "log")))
    net.output(net.chain(y, stage("normalize", mean=[0.1] * (lanes + 1), std=[*range(1, lanes + 2)])))
    row = net.chain(net.input("row", features(2 * lanes + 3)), stage("dense", units=lanes + 1, bias=False))
    net.output(*(net.chain(row, op) for op in UNARY))
    return net.graph


def others(net: Net, like: Value, channels: int) -> list[Value]:
    """What stands beside a tensor: a tensor, one number a channel or an image, parameters of every shape."""
    high, wide = like.type.known[1:]
    return [
        net.input("tensor", image(channels, high, wide)),
        net.input("channel", image(channels, 1, 1)),
        net.input("number", image(1, 1, 1)),
        net.param(channels, high, wide),
        net.param(channels, 1, 1),
        net.param(1),
        net.param(1, 1, 1),
        net.param(1, channels, 1, 1),
    ]


def binary(lanes: int) -> Graph:
    net = Net()
    channels = lanes + 3
    y = net.chain(net.input("x", image(channels, 3, 4)), stage("maxpool", kernel=2, stride=1))
    for other in others(net, y, channels):
        for op in BINARY:
            net.output(net.apply(op, y, other).output, net.apply(op, other, y).output)
    return net.graph


def joins(lanes: int) -> Graph:
    """Residual tensors in every role: plain, scaled, in rims, the layer's own input, two at once, one twice."""
    net = Net()
    channels = 2 * lanes
    x = net.input("x", image(channels, 6, 7))
    a = net.chain(x, stage("conv", channels=channels, kernel=3, pad=1), stage("relu"))
    add = stage("add")

    def layer(value: Value, **window: int) -> Value:
        return net.apply(stage("conv", channels=channels, **window), value).output

    net.output(net.chain(net.apply(add, layer(a, kernel=1), a).output, stage("relu")))
    net.output(net.chain(net.apply(add, a, layer(a, kernel=3, pad=1)).output, stage("relu")))
    net.output(net.chain(net.apply(add, layer(a, kernel=1), a).output, stage("sigmoid")))
    net.output(net.apply(add, layer(x, kernel=1), a, layer(x, kernel=1), a).output)
    net.output(net.apply(add, layer(net.input("no_rim", x.type), kernel=1), a).output)
    net.output(
        net.apply(stage("mul"), layer(x, kernel=1), net.chain(a, stage("global_avgpool"), stage("sigmoid"))).output
    )
    net.output(net.apply(add, net.chain(a, stage("depthwise", kernel=3, pad=1)), x).output)
    net.output(
        net.apply(bind(REGISTRY["sub"], {}), x, net.chain(a, stage("maxpool", kernel=3, stride=1, pad=1))).output
    )
    b = layer(x, kernel=1)
    net.output(net.chain(net.apply(stage("mul"), b, net.chain(b, stage("sigmoid"))).output, stage("batchnorm")))
    return net.graph


def rows(lanes: int) -> Graph:
    net = Net()
    x = net.input("x", features(lanes))
    y = net.chain(x, stage("dense", units=2 * lanes + 1))
    for other in (net.chain(x, stage("dense", units=2 * lanes + 1)), net.param(2 * lanes + 1), net.param(1)):
        net.output(*(net.apply(op, y, other).output for op in BINARY), net.apply(stage("add"), other, y).output)
    one = away_from_zero(net, net.chain(x, stage("dense", units=1)))
    net.output(*(net.apply(op, y, one).output for op in BINARY), net.apply(stage("add"), one, one).output)
    return net.graph


def epilogue(op: Operator, net: Net, x: Value, row: Value) -> None:
    anchors = [
        stage("conv", channels=5, kernel=3), stage("depthwise", kernel=3), stage("avgpool", kernel=2),
        stage("conv", channels=x.type.known[0], kernel=1, groups=2),
    ]  # fmt: skip
    net.output(*(net.chain(x, anchor, op) for anchor in anchors), net.chain(row, stage("dense", units=7), op))


def epilogues(lanes: int) -> Graph:
    net = Net()
    x, row = net.input("x", image(lanes + 2 + lanes % 2, 4, 6)), net.input("row", features(9))
    for op in (stage("prelu"), stage("silu"), stage("batchnorm"), stage("hardswish")):
        epilogue(op, net, x, row)
    return net.graph


@every_cpu
@pytest.mark.parametrize("family", [unary, binary, joins, rows, epilogues])
@pytest.mark.parametrize("disabled", [frozenset(), EVERY_PASS], ids=["all passes", "no pass"])
def test_elementwise_operators_stay_within_the_bound(cpu: str, family, disabled: frozenset[str]):
    hold(family(target(cpu).lanes), cpu, disabled, batch=2)
