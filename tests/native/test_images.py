"""What users hand in: bytes and floats, planar and blocked, straight into a kernel or kept."""

import pytest
from builder import Net, features, image, stage
from harness import EVERY_PASS, every_cpu, hold

from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.ir.operator import Operator
from cnnc.compiler.schedule.target import target


def chains(channels: int) -> list[list[Operator]]:
    per_channel = {"mean": [float(c) for c in range(channels)], "std": [50.0 + c for c in range(channels)]}
    return [
        [stage("scale", k=1 / 255)],
        [stage("normalize", mean=127.5, std=60.0)],
        [stage("normalize", **per_channel)],
        [stage("normalize", mean=3.0, std=per_channel["std"])],
        [stage("scale", k=1 / 255), stage("batchnorm"), stage("prelu"), stage("normalize", **per_channel)],
    ]


def images(lanes: int) -> Graph:
    """Three channels stay planar before convolutions, more do not; a rim on the way in."""
    net = Net()
    for channels in (1, 3, lanes, lanes + 1):
        for i, chain in enumerate(chains(channels)):
            for dtype in ("u8", "f32"):
                x = net.input(
                    f"x{channels}_{i}_{dtype}", image(channels, 5, [1, lanes - 1, lanes, lanes + 1][i % 4], dtype)
                )
                y = net.chain(x, *chain)
                net.output(net.chain(y, stage("conv", channels=2, kernel=3, pad=(1, 2, 1, 1))))
                if i % 2:
                    net.output(y, net.chain(y, stage("maxpool", kernel=(2, 1))))
    return net.graph


def pixels(lanes: int) -> Graph:
    """Images of one pixel, with numbers of their own for each channel."""
    net = Net()
    for channels in (3, lanes + 1):
        for i, chain in enumerate(chains(channels)):
            x = net.input(f"x{channels}_{i}", image(channels, 1, 1, "u8" if i % 2 else "f32"))
            net.output(net.chain(x, *chain), net.chain(x, *chain, stage("conv", channels=2, kernel=1)))
    return net.graph


def several_readers(lanes: int) -> Graph:
    """One image, fetched by different chains and read as it is."""
    net = Net()
    pixels, x = net.input("pixels", image(3, 4, 6, "u8")), net.input("x", image(2, 4, 6))
    for k in (1 / 255, -2.0):
        net.output(net.chain(pixels, stage("scale", k=k), stage("conv", channels=4, kernel=3)))
    net.output(net.chain(x, stage("conv", channels=4, kernel=3, pad=1)), net.chain(x, stage("maxpool", kernel=2)))
    net.output(net.chain(x, stage("relu"), stage("conv", channels=3, kernel=1, stride=2)))
    squared = net.apply(stage("mul"), x, x).output
    net.output(squared, net.apply(stage("add"), squared, x).output, net.chain(x, stage("flatten")))
    return net.graph


def rows(lanes: int) -> Graph:
    net = Net()
    for count in (1, lanes - 1, lanes, 2 * lanes + 1):
        x, bytes_ = net.input(f"x{count}", features(count)), net.input(f"bytes{count}", features(count, "u8"))
        net.output(net.chain(x, stage("sigmoid")), net.chain(bytes_, stage("scale", k=1 / 255)))
        net.output(
            net.chain(bytes_, stage("normalize", mean=[1.0] * count, std=[2.0] * count), stage("dense", units=2))
        )
    return net.graph


@every_cpu
@pytest.mark.parametrize("family", [images, pixels, several_readers, rows])
@pytest.mark.parametrize("disabled", [frozenset(), EVERY_PASS], ids=["all passes", "no pass"])
def test_images_arrive(cpu: str, family, disabled: frozenset[str]):
    hold(family(target(cpu).lanes), cpu, disabled, batch=2)


@every_cpu
@pytest.mark.parametrize(
    ("channels", "dtype", "attributes", "copied"),
    [
        (3, "f32", {"kernel": 3}, False),
        (3, "f32", {"kernel": (3, 1), "pad": (2, 0, 1, 0), "stride": 2}, False),  # rows outside are skipped
        (3, "f32", {"kernel": 3, "pad": 1}, True),  # for its rim
        (3, "u8", {"kernel": 3}, True),  # to be floats
        (32, "f32", {"kernel": 3}, True),  # into blocks of channels
    ],
)
def test_images_that_are_read_as_they_lie_are_not_copied(cpu, channels, dtype, attributes, copied):
    net = Net()
    x = net.input("x", image(channels, 9, 20, dtype))
    x = net.chain(x, stage("scale", k=0.5)) if dtype == "u8" else x
    net.output(net.chain(x, stage("conv", channels=5, **attributes)))
    native = hold(net.graph, cpu, batch=3)
    reads = {buffer.port for step in native.program.steps if "direct" in step.kernel for buffer in step.reads}
    assert (("input", 0) not in reads) == copied
