"""The Python interface: reading, compiling, calling, and every refusal a `CnncError`."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import cnnc

TWO = """
model Two {
  input left: f32[N, 3]
  input right: f32[N, 3]
  output total = left + right
  output gap = left - right
}
"""
DENSE = "model M { input x: f32[N, 2]  output y = x -> dense(1) as last }"


def test_public_names_are_there():
    for name in cnnc.__all__:
        assert getattr(cnnc, name) is not None
    assert set(cnnc.__all__) <= set(dir(cnnc))
    with pytest.raises(AttributeError, match="no `transmogrify`"):
        cnnc.transmogrify  # type: ignore[attr-defined]  # noqa: B018


def test_a_network_knows_its_ends_and_parameters(digits: str):
    network = cnnc.load(digits)
    assert repr(network) == "<Network Digits(image: u8[N, 1, 28, 28]) -> probs: f32[N, 10]>"
    assert [(p.name, p.dtype, p.shape) for p in network.inputs] == [("image", "u8", (1, 28, 28))]
    assert list(network.params)[:2] == ["conv1.weight", "conv1.bias"]
    assert network.params["conv1.weight"].shape == (32, 1, 3, 3)
    assert network.params["conv1.weight"].dtype == "f32"


@pytest.mark.parametrize("make", [cnnc.compile, cnnc.interpret])
def test_arrays_go_in_by_order_or_name_and_come_out_by_name(make: Callable[..., cnnc.Net]):
    net = make(cnnc.parse(TWO))
    a, b = np.ones((2, 3), np.float32), np.full((2, 3), 3, np.float32)
    by_order, by_name = net(a, b), net(a, right=b)
    assert by_order._fields == ("total", "gap")
    assert np.array_equal(by_order.gap, np.full((2, 3), -2))
    assert all(map(np.array_equal, by_order, by_name))
    assert list(net.run({"left": a, "right": b})) == ["total", "gap"]
    assert repr(net) == "<Net Two(left: f32[N, 3], right: f32[N, 3]) -> total: f32[N, 3], gap: f32[N, 3]>"


@pytest.mark.parametrize("make", [cnnc.compile, cnnc.interpret])
@pytest.mark.parametrize(
    ("arrays", "named", "says"),
    [
        ([np.zeros((1, 3))], {"right": np.zeros((1, 3), np.float32)}, "wants f32"),
        ([np.zeros((1, 4), np.float32)], {"right": np.zeros((1, 3), np.float32)}, r"wants f32\[N, 3\]"),
        ([np.zeros((1, 3), np.float32)], {}, "no array for input `right`"),
        ([np.zeros((1, 3), np.float32)] * 3, {}, "takes 2 arrays, got 3"),
        ([np.zeros((1, 3), np.float32)], {"left": np.zeros((1, 3), np.float32)}, "given twice"),
        ([np.zeros((1, 3), np.float32)] * 2, {"up": 1}, "no input `up`"),
        ([np.zeros((1, 3), np.float32), np.zeros((2, 3), np.float32)], {}, "differ in batch"),
        ([np.float32(1), np.zeros((1, 3), np.float32)], {}, "wants f32"),
    ],
)
def test_what_does_not_fit_is_refused(make: Callable[..., cnnc.Net], arrays: list, named: dict, says: str):
    with pytest.raises(cnnc.InputError, match=says):
        make(cnnc.parse(TWO))(*arrays, **named)


def test_captured_tensors_are_outputs_too(expected: dict[str, np.ndarray], digits: str):
    net = cnnc.interpret(digits, capture=["conv1", "relu_1", "probs"])
    assert [port.name for port in net.outputs] == ["probs", "conv1", "relu_1"]
    outputs = net.run({"image": expected["images"]})
    assert np.array_equal(np.maximum(outputs["conv1"], 0), outputs["relu_1"])
    with pytest.raises(cnnc.InputError, match=r"no tensor is called `conv9`(.|\n)*there are image, scale_1"):
        cnnc.load(digits).capture(["conv9"])


def test_a_mapping_may_hold_lists_but_only_of_numbers():
    net = cnnc.compile(cnnc.parse(DENSE), weights={"last.weight": [[1, 2]], "last.bias": [0.5]})
    assert net(np.ones((1, 2), np.float32)) == 3.5
    with pytest.raises(cnnc.WeightsError, match=r"`last\.bias` is no array of numbers, got str"):
        cnnc.compile(cnnc.parse(DENSE), weights={"last.weight": [[1, 2]], "last.bias": "much"})


def test_weights_come_from_a_mapping_a_file_or_beside(model: Callable[[str], Path], tmp_path: Path):
    path = model(DENSE)
    weights = {"last.weight": np.array([[2, 3]], np.float32), "last.bias": np.array([1], np.float32)}
    x = np.array([[1, 10]], np.float32)
    assert cnnc.compile(path, weights=weights)(x) == 33
    np.savez(tmp_path / "elsewhere.npz", **weights)  # type: ignore[arg-type]
    assert cnnc.compile(path, weights=tmp_path / "elsewhere.npz")(x) == 33
    (tmp_path / "elsewhere.npz").rename(tmp_path / "model.npz")
    assert cnnc.compile(path)(x) == 33


def test_missing_weights_say_what_would_help(model: Callable[[str], Path]):
    with pytest.raises(cnnc.WeightsError) as refusal:
        cnnc.compile(model(DENSE))
    assert str(refusal.value) == (
        "error[E0405]: M has 2 parameters without numbers, and there is no model.safetensors or model.npz beside it\n"
        "  = help: `--weights` a .safetensors or .npz file; to time or try it, `--random-weights 1`"
    )
    with pytest.raises(cnnc.WeightsError, match="2 parameters without numbers\n"):
        cnnc.compile(cnnc.parse(DENSE))


def test_random_weights_are_the_same_for_the_same_seed():
    network = cnnc.parse(DENSE)
    x = np.ones((1, 2), np.float32)
    first, again, other = (cnnc.compile(network, weights=cnnc.random_weights(network, s))(x) for s in (1, 1, 2))
    assert first == again != other


def test_sizes_and_settings_bind(edges: str):
    assert cnnc.load(edges, sizes={"H": 7, "W": 9}).outputs[0].shape == (1, 7, 9)
    text = "model M(classes=10) { input x: f32[N, 2]  output y = x -> dense(classes) }"
    assert cnnc.parse(text, settings={"classes": 4}).outputs[0].shape == (4,)
    with pytest.raises(TypeError, match="belong to the call that reads"):
        cnnc.compile(cnnc.parse(text), sizes={"H": 1})


@pytest.mark.parametrize("batch", [0, -1, 2.5, "16"])
def test_a_batch_is_a_number_of_images(digits: str, batch: object):
    with pytest.raises(cnnc.CnncError, match=f"batch is {batch!r}, wanted a positive number of images"):
        cnnc.compile(digits, batch=batch)  # type: ignore[arg-type]


def test_an_error_in_a_model_is_a_cnnc_error_with_its_place():
    with pytest.raises(cnnc.CnncError) as refusal:
        cnnc.parse("model M { input x: f32[N, 2]  output y = x -> dence(3) }", name="mine.cnn")
    assert isinstance(refusal.value, cnnc.ModelError)
    assert "mine.cnn:1:47" in str(refusal.value)
    assert "dense" in str(refusal.value)


def test_an_output_may_be_a_single_number():
    loss = cnnc.parse("model M { input a: f32[N, 2]  input b: f32[N, 2]  output loss = (a, b) -> mse }")
    results = cnnc.interpret(loss).run({"a": np.zeros((2, 2), np.float32), "b": np.ones((2, 2), np.float32)})
    assert results["loss"] == 1


def test_arrays_of_every_kind_lie_where_they_are_said_to():
    """Read-only ones, parts of others, subclasses and empty ones give what a copy gives."""
    network = cnnc.parse("model M { input x: f32[N, 4]  output y = x -> dense(3) }")
    net = cnnc.compile(network, weights=cnnc.random_weights(network, 1), threads=1)
    whole = np.random.default_rng(0).standard_normal((6, 8)).astype(np.float32)
    right = net(whole[2:5, :4].copy())
    frozen = whole[2:5, :4].copy()
    frozen.setflags(write=False)
    subclass = whole[2:5, :4].copy().view(np.matrix)
    for array in (frozen, whole[2:5, :4], whole[::-1][1:4, :4][::-1], subclass):
        np.testing.assert_array_equal(net(array), right)
    rows = np.ascontiguousarray(whole[:, :4])
    np.testing.assert_array_equal(net(rows[2:5]), right)
    assert net(rows[:0]).shape == (0, 3)
