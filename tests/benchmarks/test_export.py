"""What the benchmarks give to other engines is the same network: its ONNX model and PyTorch module agree with NumPy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import cnnc

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("torch")

import onnx
import onnxruntime
import torch
from networks import SUBJECTS
from onnx.reference import ReferenceEvaluator
from onnx_to_torch import load

from cnnc.onnx_export import export

Answer = Callable[[onnx.ModelProto, np.ndarray, Path], np.ndarray]

PARTS = """
block conv_bn(c, k, stride=1, groups=1, dilation=1) =
  conv(c, k, stride=stride, pad=dilation*(k//2), groups=groups, dilation=dilation, bias=false) -> batchnorm
block whole(c) {
  input x
  output y = x -> global_avgpool -> conv(c, 1) -> resize(x.height, x.width)
}
block residual {
  input x
  output y = x + (x -> conv_bn(x.channels, 3, groups=x.channels) -> relu6)
}
block learned {
  input x
  param gamma: f32[x.channels, 1, 1]
  output y = x - gamma * x
}
block scaled {
  input x
  param gamma: f32[x.channels, 1, 1] = 2
  output y = 1 - gamma * x / 4
}
"""
MODELS = {
    "convolutions": "x -> conv_bn(6, 3, stride=2) -> relu -> conv(4, (3, 1), groups=2) -> depthwise(2)",
    "pools": "x -> maxpool(3, stride=2, pad=1) -> maxpool(2, ceil=true) -> avgpool(2, stride=1, pad=1)",
    "counted": "x -> avgpool(3, stride=2, pad=1, count_pad=true)",
    "normalized": "x -> lrn(5, alpha=0.5, beta=0.75, k=2) -> tanh",
    "joins": "x -> conv(4, 1) -> [conv_bn(4, 3, dilation=2), residual, whole(2)] -> concat -> sigmoid",
    "sums": "x -> [relu, sigmoid] -> add",
    "scores": "x -> global_avgpool -> flatten -> dense(5) -> dropout(0.5) -> dense(3, bias=false) -> softmax",
    "larger": "x -> resize(13, 20)",
    "one-sided": "x -> conv(4, 3, stride=2, pad=(0, 0, 1, 1)) -> leaky_relu(0.2)",
    "spelled out": "x -> [silu, gelu, hardsigmoid, hardswish] -> concat",
    "dealt out": "x -> conv(8, 1) -> channel_shuffle(4) -> pixel_shuffle(2) -> slice(1, 2)",
    "stamped": "x -> conv_transpose(4, 4, stride=2, pad=1) -> upsample(2)",
    "mirrored": "x -> pad(2, mode=reflect) -> [layernorm, instancenorm] -> concat",
    "learned": "x -> learned",
}
# What no peer but ONNX Runtime is given.
OTHERS = {
    "transposed": "x -> conv_transpose(4, (3, 2), stride=2, pad=(1, 0, 0, 0), output_pad=1, groups=2)",
    "same": "x -> conv_transpose(3, 4, stride=2, pad=same) -> leaky_relu(0.2) -> clip(-1, 2)",
    "exponential": "x -> [elu, selu, softplus, gelu, silu, mish] -> concat",
    "straight": "x -> [hardsigmoid, hardswish, relu6, abs] -> concat -> global_maxpool",
    "functions": "x -> abs -> [sqrt, exp, log] -> add",
    "shuffles": "x -> conv(8, 1) -> channel_shuffle(4) -> pixel_shuffle(2)",
    "parts": "x -> slice(2, 7, axis=3) -> transpose([2, 3, 1]) -> reshape([-1, 2])",
    "zeros": "x -> pad((1, 2, 3, 0))",
    "mirrors": "x -> pad(2, mode=reflect) -> pad(1, mode=edge) -> upsample(2)",
    "resized": 'x -> resize(4, 9, mode="nearest", coords=asymmetric) -> upsample(2, mode=bicubic)',
    "statistics": "x -> [layernorm, instancenorm, instancenorm(affine=false)] -> concat",
    "layers": "x -> flatten -> dense(6) -> layernorm -> log_softmax",
    "reductions": "x -> sum(axis=2, keep=true) -> mean(axis=3)",
    "arithmetic": "x -> scaled",
}


def by_onnx(model: onnx.ModelProto, x: np.ndarray, folder: Path) -> np.ndarray:
    (y,) = ReferenceEvaluator(model).run(None, {model.graph.input[0].name: x})
    return np.asarray(y)


def by_onnxruntime(model: onnx.ModelProto, x: np.ndarray, folder: Path) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {model.graph.input[0].name: x})
    return np.asarray(y)


def by_torch(model: onnx.ModelProto, x: np.ndarray, folder: Path) -> np.ndarray:
    onnx.save(model, folder / "model.onnx")
    with torch.inference_mode():
        return load(folder / "model.onnx")(torch.from_numpy(x)).numpy()


def varied(network: cnnc.Network) -> dict[str, np.ndarray]:
    """Weights that are all different: no bias or statistic can be forgotten, or taken for another."""
    rng = np.random.default_rng(0)
    return {name: rng.uniform(0.1, 1, param.shape).astype(np.float32) for name, param in network.params.items()}


def agree(network: cnnc.Network, weights: dict[str, np.ndarray] | None, answer: Answer, folder: Path) -> None:
    (image,), rng = network.inputs, np.random.default_rng(1)
    shape = (2, *image.shape)
    x = rng.integers(0, 256, shape, np.uint8) if image.dtype == "u8" else rng.standard_normal(shape, np.float32)
    wanted = cnnc.interpret(network, weights=weights)(x)
    got = answer(export(network.graph.bind(weights or {}), batch=2), x, folder)
    assert got.shape == wanted.shape
    assert np.abs(got - wanted).max() <= 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize("answer", [by_onnx, by_torch])
@pytest.mark.parametrize("stages", MODELS.values(), ids=MODELS)
def test_every_part(stages: str, answer: Answer, tmp_path: Path):
    network = cnnc.parse(f"{PARTS} model M {{ input x: f32[N, 2, 11, 9]  output y = {stages} }}")
    agree(network, varied(network), answer, tmp_path)


@pytest.mark.parametrize("stages", OTHERS.values(), ids=OTHERS)
def test_every_other_part(stages: str, tmp_path: Path):
    network = cnnc.parse(f"{PARTS} model M {{ input x: f32[N, 2, 11, 9]  output y = {stages} }}")
    agree(network, varied(network), by_onnxruntime, tmp_path)


@pytest.mark.parametrize("answer", [by_onnx, by_torch])
@pytest.mark.parametrize("name", ["digits", "LeNet-5"])
def test_small_networks(name: str, answer: Answer, tmp_path: Path):
    network = SUBJECTS[name].load()
    agree(network, cnnc.random_weights(network), answer, tmp_path)


def test_an_operator_without_a_counterpart_is_refused():
    with pytest.raises(cnnc.CnncError, match="no export to ONNX yet for argmax, at `y`"):
        export(cnnc.parse("model M { input x: f32[N, 2]  output y = x -> argmax }").graph, batch=1)
