"""Weights: read, compared with what the network wants, made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cnnc.compiler.frontend import load
from cnnc.compiler.frontend.weights import fit, load_weights, random_weights, read_weights
from cnnc.runtime.errors import WeightsError

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def digits():
    return load(EXAMPLES / "digits.cnn").graph


@pytest.fixture(scope="module")
def files(digits, tmp_path_factory):
    """The same weights as `.safetensors` and `.npz`."""
    npz = tmp_path_factory.mktemp("weights") / "digits.npz"
    np.savez(npz, allow_pickle=False, **random_weights(digits, seed=1))
    return [EXAMPLES / "digits.safetensors", npz]


def test_files_fit_their_network(digits, files):
    for file in files:
        bound = load_weights(digits, file)
        assert all(param.data is not None and param.data.dtype == np.float32 for param in bound.params.values())


def test_all_that_does_not_fit_is_listed_with_the_likely_rename(digits):
    data = random_weights(digits)
    data["fc.weight"] = data.pop("classifier.weight")
    data["bn.num_batches_tracked"] = np.array(3)
    data["conv1.bias"] = np.zeros(3, np.float32)
    data["conv2.bias"] = data["conv2.bias"].astype(np.float64)
    with pytest.raises(WeightsError) as caught:
        fit(digits, data, "mine.npz")
    assert caught.value.code == "E0402"
    assert (
        caught.value.message
        == """\
mine.npz does not fit Digits
  = missing: `classifier.weight` [10, 128]: is it `fc.weight`?
  = not wanted: `fc.weight` [10, 128]
  = misshaped: `conv1.bias` [3], wanted [32]
  = not f32: `conv2.bias` float64"""
    )


def test_damaged_files_are_refused(files, tmp_path):
    for file in files:
        whole = file.read_bytes()
        broken = tmp_path / f"broken{file.suffix}"
        for data in (b"", whole[:4], whole[: len(whole) // 2], whole[:-5], b"\xff" * 100, whole[:2000] + bytes(9)):
            broken.write_bytes(data)
            with pytest.raises(WeightsError) as caught:
                read_weights(broken)
            assert caught.value.code == "E0401"


def test_an_array_that_promises_more_than_it_has_is_refused(tmp_path):
    np.savez(tmp_path / "lie.npz", a=np.zeros(16, np.float32))
    data = (tmp_path / "lie.npz").read_bytes()
    (tmp_path / "lie.npz").write_bytes(data.replace(b"(16,)", b"(9e9)"[:5]))
    with pytest.raises(WeightsError):
        read_weights(tmp_path / "lie.npz")


def test_pickles_are_never_loaded(tmp_path):
    np.savez(tmp_path / "objects.npz", a=np.array([{"a": 1}], dtype=object))
    with pytest.raises(WeightsError):
        read_weights(tmp_path / "objects.npz")


def test_random_weights_start_as_the_operators_say():
    graph = load(EXAMPLES / "resnet.cnn:ResNet18").graph
    data = random_weights(graph, seed=3)
    kernel = data["trunk_1.conv_bn_1.conv_1.weight"]
    assert kernel.std() == pytest.approx(np.sqrt(2 / kernel[0].size), rel=0.05)
    assert (data["trunk_1.conv_bn_1.batchnorm_1.running_var"] == 1).all()
    assert (data["dense_1.bias"] == 0).all()
    assert (random_weights(graph, seed=3)["dense_1.weight"] == data["dense_1.weight"]).all()
