"""Printed IR parses back to the same graph."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnnc.compiler.frontend import load
from cnnc.compiler.frontend.read import read
from cnnc.compiler.ir.graph import Param
from cnnc.compiler.ir.structure import Fused
from cnnc.compiler.ir.text import show
from cnnc.compiler.ir.types import Type
from cnnc.runtime.errors import ModelError

EXAMPLES = Path(__file__).parents[2] / "examples"

REGION = """\
block conv_2_region {
  input x: f32[N, 32, 13, 13]
  conv_2: f32[N, 64, 11, 11] = x -> conv(64, 3) as "conv2"
  relu_2: f32[N, 64, 11, 11] = conv_2 -> relu
  output relu_2
}

model Digits {
  input image: f32[N, 32, 13, 13]
  param gamma: f32[64, 1, 1] = -1e-6 as "block_1.gamma"
  a: f32[N, 64, 11, 11] = image -> conv_2_region
  b: f32[N, 64, 11, 11] = image -> conv(64, 3) as "conv2"
  c: f32[N, 64, 11, 11] = (a, gamma, b) -> add
  d: f32[N, 64, 11, 11] = c - -1.0
  e: f32[N, 64, 11, 11] = 2.0 / d
  p, q = e -> split(2)
  output p
  output also = q
}
"""


@pytest.mark.parametrize("name", ["digits.cnn", "resnet.cnn:ResNet50", "edges.cnn", "multilabel.cnn"])
@pytest.mark.parametrize("free", [False, True])
def test_examples_survive_printing(name, free):
    sizes = {"H": 48, "W": 64} if name == "edges.cnn" and not free else {}
    graph = load(EXAMPLES / name, sizes=sizes, free=free).graph
    assert read(show(graph), graph.params) == graph


def test_regions_keep_their_bodies_and_share_weights_with_the_graph():
    graph = read(REGION)
    (region,) = [node for node in graph.nodes() if isinstance(node.op, Fused)]
    assert region.body is not None
    assert [node.name for node in region.body.nodes()] == ["x", "conv_2", "relu_2"]
    assert list(graph.params) == ["conv2.weight", "conv2.bias", "block_1.gamma"]
    assert show(graph) == REGION


def test_numbers_without_axes_and_whole_parameters():
    text = """\
model M {
  input x: f32[N, 3]
  param best: i64[2, 2] = 0.0 as "best"
  loss: f32[] = (x, x) -> mse
  output best
  output loss
}
"""
    assert show(read(text, {"best": Param(Type("i64", (2, 2)))})) == text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f32[N, 64, 11, 11] = x", "f32[N, 64, 11, 12] = x"),
        ("image -> conv_2_region", "nobody -> conv_2_region"),
        ("image -> conv_2_region", "image -> nothing"),
        ("c - -1.0", "c - -1.0 + d"),
        ("output p", "output b = a -> relu"),
        ("  b: f32", "  a: f32"),
    ],
)
def test_what_no_graph_prints_is_refused(before, after):
    with pytest.raises(ModelError):
        read(REGION.replace(before, after))
