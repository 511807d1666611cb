"""The example files: they elaborate to the networks of their papers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from cnnc.compiler.frontend import check, load

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("digits.cnn", 225_034),
        ("lenet5.cnn", 61_706),
        ("alexnet.cnn", 60_965_224),
        ("vgg16.cnn", 138_357_544),
        ("resnet.cnn:ResNet18", 11_689_512),
        ("resnet.cnn:ResNet34", 21_797_672),
        ("resnet.cnn:ResNet50", 25_557_032),
        ("mobilenet.cnn", 3_504_872),
        ("deeplab.cnn", 39_638_869),
    ],
)
def test_parameters_are_as_many_as_published(name, parameters):
    sizes = {"H": 257, "W": 257} if name == "deeplab.cnn" else {}
    graph = load(EXAMPLES / name, sizes=sizes).graph
    assert sum(math.prod(p.type.shape) for p in graph.params.values() if p.trained) == parameters


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.cnn")), ids=lambda file: file.name)
def test_nothing_is_to_be_said_of_an_example(file):
    assert check(file) == []


def test_weights_of_digits_have_the_names_that_the_source_gives_them():
    weights = list(load(EXAMPLES / "digits.cnn").graph.params)
    layers = ("conv1", "conv2", "hidden", "classifier")
    assert weights == [f"{layer}.{role}" for layer in layers for role in ("weight", "bias")]


def test_weights_in_blocks_are_numbered_by_scope():
    weights = load(EXAMPLES / "resnet.cnn:ResNet18").graph.params
    assert "trunk_1.layer_2.basic_1.shortcut_1.conv_bn_1.batchnorm_1.running_mean" in weights
    assert not weights["trunk_1.conv_bn_1.batchnorm_1.running_var"].trained


def test_literal_kernels_are_frozen_and_have_data():
    graph = load(EXAMPLES / "edges.cnn", sizes={"H": 48, "W": 64}).graph
    sobel = graph.params["conv_2.weight"]
    assert not sobel.trained
    assert sobel.data is not None
    assert np.asarray(sobel.data)[0, 0].tolist() == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    assert str(graph.outputs["edges"].type) == "f32[N, 1, 48, 64]"


def test_sections_are_kept_as_syntax():
    digits = load(EXAMPLES / "digits.cnn")
    assert digits.train is not None
    assert [test.title.text for test in digits.tests if test.title] == ["probabilities sum to one"]


def test_a_file_of_several_models_wants_one_chosen(errors):
    text = (EXAMPLES / "resnet.cnn").read_text()
    assert errors(text) == [("E0213", "")]
