"""The networks of the benchmarks are those of the papers: they have as many parameters as published, or as the models
of torchvision 0.20 and timm 1.0."""

from math import prod

import numpy as np
import pytest
from networks import ALL, OTHERS

PARAMETERS = {
    "ResNet-18": 11_689_512,
    "ResNet-50": 25_557_032,
    "MobileNetV2": 3_504_872,
    "SqueezeNet": 1_235_496,
    "GoogLeNet": 6_624_904,
    "InceptionV3": 23_834_568,
    "DenseNet-121": 7_978_856,
    "ResNeXt-50": 25_028_904,
    "RegNetX-400MF": 5_495_976,
    "RegNetX-600MF": 6_196_040,
    "ShuffleNetV2": 2_278_604,
    "MobileNetV3": 5_483_032,
    "EfficientNet-B0": 5_288_548,
    "ConvNeXt-T": 28_589_128,
    "SRCNN": 57_281,
    "DQN": 1_687_206,
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_network_has_as_many_parameters_as_published(name: str):
    params = ALL[name].load().params
    learned = {key: param for key, param in params.items() if not key.endswith(("running_mean", "running_var"))}
    assert sum(prod(param.shape) for param in learned.values()) == PARAMETERS[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_every_other_network_can_be_given_to_peers(name: str):
    """As an ONNX model that its checker takes."""
    pytest.importorskip("onnx")
    from compare import weights_of

    from cnnc.onnx_export import export

    network = OTHERS[name].load()
    weights = weights_of(network, np.random.default_rng(0))
    assert export(network.graph.bind(weights), 1).graph.output
