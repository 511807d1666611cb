"""How much arithmetic is left to do: what a convolution of ones adds up to."""

import numpy as np
import pytest
from builder import Net, image, stage

from cnnc.compiler.interpreter import interpret
from cnnc.compiler.ir.types import ints
from cnnc.compiler.schedule.schedule import Choice
from cnnc.macs import performed


@pytest.mark.parametrize("name", ["conv", "depthwise"])
@pytest.mark.parametrize(
    "attributes",
    [
        {"kernel": 3},
        {"kernel": 3, "pad": 1},
        {"kernel": (5, 2), "pad": (2, 0, 1, 3), "stride": (2, 3)},
        {"kernel": 3, "pad": 12, "dilation": 12},  # all but the middle one often fall on padding
        {"kernel": 3, "pad": 4, "stride": 2, "dilation": 4},
    ],
    ids=str,
)
def test_taps_on_padding_are_no_work(name: str, attributes: dict[str, object]):
    net = Net()
    channels = {"channels": 4, "groups": 2} if name == "conv" else {}
    y = net.chain(net.input("x", image(6, 17, 14)), stage(name, bias=False, **channels, **attributes))
    graph = net.output(y)
    graph = graph.bind({name: np.ones(ints(param.type.shape), np.float32) for name, param in graph.params.items()})
    (sums,) = interpret(graph, {"x": np.ones((1, 6, 17, 14), np.float32)}, np.float64).values()
    assert performed(graph, graph.producer(y), Choice("direct")) == sums.sum()


@pytest.mark.parametrize(
    ("window", "algorithm", "tiles", "points", "inside"),
    [
        ({"kernel": 3, "pad": 1}, "winograd4", 5 * 4, 36, 6),
        ({"kernel": 3, "pad": 1, "stride": 2}, "winograd4stride2", 3 * 2, 81, 6),
        ({"kernel": 7, "pad": 3, "stride": 2}, "winograd5of4", 2 * 2, 64, 6 * 4),
        ({"kernel": 11, "pad": 5, "stride": 4}, "winograd2", 3 * 2, 16, 6 * 16),
    ],
)
def test_winograd_multiplies_point_by_point(
    window: dict[str, object], algorithm: str, tiles: int, points: int, inside: int
):
    """For each tile and point a number of each input channel, and of each of a stride's phases, by each output's."""
    net = Net()
    y = net.chain(net.input("x", image(6, 17, 14)), stage("conv", channels=5, **window))
    graph = net.output(y)
    assert performed(graph, graph.producer(y), Choice(algorithm)) == tiles * points * inside * 5
