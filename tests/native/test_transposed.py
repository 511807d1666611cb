"""Transposed convolutions: every attribute, on channel counts around a register's width."""

import pytest
from builder import Net, image, stage
from harness import every_cpu, hold

CASES = [
    ((3, 5, 7), {"channels": 4, "kernel": 2, "stride": 2}),
    ((16, 4, 4), {"channels": 16, "kernel": 3}),
    ((17, 5, 3), {"channels": 33, "kernel": 4, "stride": 2, "pad": 1}),
    ((8, 3, 5), {"channels": 15, "kernel": 3, "stride": 2, "pad": 1, "output_pad": 1}),
    ((4, 4, 6), {"channels": 5, "kernel": (3, 2), "stride": (3, 1), "dilation": (2, 3), "bias": False}),
    ((5, 3, 3), {"channels": 3, "kernel": 2, "stride": 3, "output_pad": (2, 0)}),
    ((6, 4, 4), {"channels": 9, "kernel": 3, "stride": 2, "groups": 3}),
    ((32, 4, 5), {"channels": 32, "kernel": 3, "stride": 2, "groups": 2, "pad": "same"}),
    ((3, 4, 5), {"channels": 37, "kernel": 3, "stride": 2}),
    ((2, 1, 1), {"channels": 1, "kernel": 1}),
    ((20, 1, 1), {"channels": 40, "kernel": 4}),
    ((20, 1, 1), {"channels": 17, "kernel": 3, "stride": 2, "pad": 1, "output_pad": 1}),
    ((16, 1, 1), {"channels": 16, "kernel": (4, 2), "dilation": (1, 3), "groups": 2}),
    ((5, 1, 1), {"channels": 18, "kernel": (3, 11), "pad": (0, 0, 2, 1)}),
    ((16, 1, 5), {"channels": 32, "kernel": 4, "stride": 2, "pad": 1}),
    ((4, 3, 3), {"channels": 4, "kernel": 5, "pad": (3, 0, 1, 2), "stride": 2, "output_pad": 1}),
]


@every_cpu
def test_transposed_convolutions_stay_within_the_bound(cpu: str) -> None:
    net = Net()
    outputs = []
    for number, (shape, attributes) in enumerate(CASES):
        x = net.input(f"x_{number}", image(*shape))
        outputs.append(net.apply(stage("conv_transpose", **attributes), x).output)
    hold(net.output(*outputs), cpu, batch=2)


@pytest.mark.parametrize("groups", [1, 2])
def test_what_follows_a_transposed_convolution_rides_on_it(groups: int) -> None:
    net = Net()
    x, r = net.input("x", image(6, 5, 5)), net.input("r", image(10, 10, 10))
    y = net.apply(stage("conv_transpose", channels=10, kernel=2, stride=2, groups=groups), x).output
    joined = net.apply(stage("add"), y, r).output
    hold(net.output(net.chain(joined, stage("batchnorm"), stage("relu"))))
