"""Operators that put numbers elsewhere, that mix neighbours, and that sum along an axis."""

from typing import Any

import numpy as np
import pytest
from builder import Net, features, image, stage
from harness import compile_native, every_cpu, every_way, hold

CASES: list[tuple[tuple[int, ...], str, dict[str, Any]]] = [
    ((3, 4, 5), "transpose", {"order": [2, 3, 1]}),
    ((17, 3, 5), "transpose", {"order": [1, 3, 2]}),
    ((5,), "transpose", {"order": [1]}),
    ((18, 4, 5), "pad", {"size": (1, 2, 3, 0)}),
    ((2, 4, 5), "pad", {"size": 3, "mode": "reflect"}),
    ((33, 2, 2), "pad", {"size": (2, 1), "mode": "edge"}),
    ((20, 6, 7), "crop", {"h": 3, "w": 4}),
    ((36, 3, 2), "pixel_shuffle", {"n": 3}),
    ((34, 3, 2), "channel_shuffle", {"n": 2}),
    ((116, 2, 3), "channel_shuffle", {"n": 4}),
    ((51, 3, 9), "channel_shuffle", {"n": 3}),
    ((34, 3, 2), "channel_shuffle", {"n": 17}),
    ((16, 2, 3), "channel_shuffle", {"n": 16}),
    ((3, 2, 3), "channel_shuffle", {"n": 1}),
    ((17, 6, 5), "slice", {"start": 2, "stop": 5, "axis": 2}),
    ((5, 3, 9), "slice", {"start": 4, "stop": 8, "axis": 3}),
    ((5, 6, 3), "split", {"parts": [1, 5], "axis": 2}),
    ((21, 5, 7), "resize", {"h": 9, "w": 4}),
    ((3, 5, 7), "resize", {"h": 3, "w": 11, "mode": "bicubic"}),
    ((3, 5, 7), "resize", {"h": 10, "w": 5, "coords": "align_corners"}),
    ((3, 5, 7), "resize", {"h": 1, "w": 1, "coords": "asymmetric"}),
    ((16, 4, 3), "resize", {"h": 7, "w": 5, "mode": "nearest", "coords": "asymmetric"}),
    ((16, 4, 3), "upsample", {"n": 2}),
    ((5, 2, 3), "upsample", {"n": 3, "mode": "bilinear"}),
    ((18, 4, 5), "sum", {"axis": 1}),
    ((18, 4, 5), "sum", {"axis": 2, "keep": True}),
    ((3, 4, 21), "mean", {"axis": 3}),
    ((37,), "sum", {"axis": 1}),
    ((37,), "mean", {"axis": 1, "keep": True}),
    ((19, 3, 5), "argmax", {"axis": 1}),
    ((3, 4, 5), "argmax", {"axis": 3}),
    ((40,), "argmax", {"axis": 1}),
    ((3, 4, 5), "softmax", {"axis": 2}),
    ((3, 4, 21), "softmax", {"axis": 3}),
    ((3, 4, 5), "log_softmax", {"axis": 3}),
    ((18, 3, 5), "instancenorm", {}),
    ((5, 3, 3), "instancenorm", {"affine": False}),
    ((40, 9, 17), "instancenorm", {"eps": 1e-3}),
    ((18, 3, 5), "groupnorm", {"groups": 3}),
    ((20,), "groupnorm", {"groups": 4}),
    ((21, 3, 7), "layernorm", {"eps": 1e-6}),
    ((35,), "layernorm", {}),
    ((18, 3, 5), "to_u8", {}),
]


@every_cpu
def test_they_stay_within_the_bound(cpu: str) -> None:
    net = Net()
    outputs = []
    for number, (shape, name, attributes) in enumerate(CASES):
        x = net.input(f"x_{number}", image(*shape) if len(shape) == 3 else features(*shape))  # type: ignore[arg-type]
        outputs += net.apply(stage(name, **attributes), x).outputs
    hold(net.output(*outputs), cpu, batch=2)


def test_places_of_maxima_are_the_first_of_equals_and_nan_before_all() -> None:
    net = Net()
    x, row = net.input("x", image(3, 4, 5)), net.input("row", features(40))
    net.output(*(net.chain(x, stage("argmax", axis=axis)) for axis in (1, 2, 3)), net.chain(row, stage("argmax")))
    random = np.random.default_rng(7)
    few = [-1.0, 0.0, 0.0, 2.0, 2.0, np.nan]
    inputs = {value.name: random.choice(few, (3, *value.type.known)).astype(np.float32) for value in net.graph.inputs}
    inputs["row"][0] = 2.0
    wanted = [inputs["x"].argmax(axis) for axis in (1, 2, 3)] + [inputs["row"].argmax(1)]  # to NumPy NaN is the largest
    for given, place in zip(every_way(compile_native(net.graph), inputs).values(), wanted, strict=True):
        np.testing.assert_array_equal(given, place)


@every_cpu
def test_layouts_change_between_rims_and_without(cpu: str) -> None:
    """Some normalisations want channel after channel, in rows of their own or as one; convolutions do not."""
    net = Net()
    for high, wide in ((3, 19), (5, 5), (2, 40), (1, 3), (6, 1)):
        for channels in (5, 16, 35, 47):
            x = net.input(f"x_{high}_{channels}", image(channels, high, wide))
            y = net.chain(x, stage("conv", channels=channels + 1, kernel=3, pad=1), stage("relu"))
            z = net.chain(y, stage("layernorm"))
            net.output(net.chain(z, stage("conv", channels=2, kernel=3, pad=1)), net.chain(x, stage("layernorm")))
            each = net.chain(y, stage("instancenorm"))
            net.output(net.chain(each, stage("conv", channels=2, kernel=3, pad=1)), net.chain(x, stage("instancenorm")))
            net.output(y, net.chain(y, stage("conv", channels=2, kernel=(1, 3), pad=(0, 1))))
    hold(net.graph, cpu, batch=2)


@pytest.mark.parametrize("axis", [2, 3])
def test_rows_and_columns_are_joined(axis: int) -> None:
    net = Net()
    x, y = net.input("x", image(18, 3, 3)), net.input("y", image(18, 3, 3))
    joined = net.apply(stage("concat", axis=axis), net.chain(x, stage("relu")), y, x).output
    hold(net.output(net.chain(joined, stage("conv", channels=3, kernel=3, pad=1))), batch=2)


def test_tensors_of_every_shape_are_broadcast() -> None:
    net = Net()
    full, plane, row = (
        net.input(n, image(*s)) for n, s in zip("abc", ((18, 4, 5), (1, 4, 5), (18, 1, 5)), strict=True)
    )
    channel, number = net.input("d", image(18, 1, 1)), net.input("e", image(1, 1, 1))
    sums = [net.apply(stage("add"), full, other).output for other in (plane, row, channel, number)]
    outer = net.apply(stage("mul"), plane, channel).output
    bare = net.apply(stage("mul"), row, plane, net.param(1, 1, 5)).output
    hold(net.output(*sums, net.chain(outer, stage("relu")), bare), batch=2)


def test_bytes_are_handed_through_and_worked_on() -> None:
    net = Net()
    x = net.input("x", image(3, 4, 5, "u8"))
    bright = net.chain(x, stage("scale", k=1.5), stage("to_u8"))
    hold(net.output(x, bright, net.chain(bright, stage("scale", k=2))), batch=2)


def test_tensors_of_two_axes_after_the_batch_are_images_of_one_column() -> None:
    net = Net()
    x = net.input("x", features(42))
    y = net.chain(x, stage("reshape", dims=[21, 2]), stage("exp"))
    sums = [net.chain(y, stage("sum", axis=axis)) for axis in (1, 2)]
    hold(net.output(y, *sums, net.chain(y, stage("transpose", order=[2, 1]), stage("softmax", axis=2))), batch=2)
