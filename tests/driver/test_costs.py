"""Parameters and multiply-accumulates are those that papers and other frameworks count."""

import json
from pathlib import Path

import pytest
from command import Command
from PIL import Image

import cnnc as package
from cnnc.runtime.executable import Executable


def test_summary_of_digits(cnnc: Command, digits: str):
    facts = json.loads(cnnc("summary", digits, "--format", "json").stdout)
    assert facts["params"] == 32 * 9 + 32 + 64 * 32 * 9 + 64 + 1600 * 128 + 128 + 128 * 10 + 10
    assert facts["macs"] == 26 * 26 * 32 * 9 + 11 * 11 * 64 * 32 * 9 + 1600 * 128 + 128 * 10
    assert facts["layers"][1] == {
        "name": "conv1",
        "stage": "conv(32, 3)",
        "output": "f32[N, 32, 26, 26]",
        "shape": [32, 26, 26],
        "params": 320,
        "fixed": 0,
        "macs": 194688,
        "memory": 4 * 32 * 26 * 26,
    }


def test_the_table_ends_with_the_sums(cnnc: Command, digits: str):
    *lines, native = cnnc("summary", digits).stdout.splitlines()
    assert lines[0].split() == ["layer", "stage", "output", "params", "fixed", "MACs", "memory"]
    assert lines[-1].split()[:3] == ["total", "225,034", "2,631,040"]
    assert native.startswith("native code: constants 1.")


def test_the_memory_of_native_code_is_known_before_there_is_any(cnnc: Command, digits: str):
    said = json.loads(cnnc("summary", digits, "--format", "json").stdout)["native"]
    machine = package.compile(digits).machine
    assert isinstance(machine, Executable)
    manifest = machine.manifest
    wanted = {"constants": machine.constant_bytes, "arena": manifest.arena_bytes, "alive": manifest.arena_peak}
    assert said["constants"] <= wanted["constants"] < said["constants"] + 64 * 20  # each begins on a cache line
    assert {**said, "constants": 0} == {**wanted, "constants": 0}
    timed = json.loads(cnnc("bench", digits, "--repeats", 1, "--format", "json").stdout)["memory"]
    assert timed.pop("process") > sum(timed.values())
    assert timed == wanted


def test_what_has_no_native_code_has_a_summary(cnnc: Command, tmp_path: Path):
    (tmp_path / "m.cnn").write_text("model M { input x: f32[N, 4]  output y = x * ((x, x -> relu) -> mse) }")
    assert json.loads(cnnc("summary", tmp_path / "m.cnn", "--format", "json").stdout)["native"] is None


@pytest.mark.parametrize(
    ("stages", "macs"),
    [
        ("conv(8, 3, pad=1)", 8 * 6 * 6 * 4 * 9),
        ("conv(8, 3, pad=1, groups=2)", 8 * 6 * 6 * 2 * 9),
        ("conv(8, (1, 3), stride=2)", 8 * 3 * 2 * 4 * 3),
        ("depthwise(3)", 4 * 4 * 4 * 9),
        ("conv_transpose(8, 2, stride=2)", 4 * 6 * 6 * 8 * 4),
        ("flatten -> dense(5)", 144 * 5),
        ("relu -> maxpool(2) -> softmax", 0),
    ],
)
def test_macs(stages: str, macs: int):
    network = package.parse(f"model M {{ input x: f32[N, 4, 6, 6]  output y = x -> {stages} }}")
    assert network.summary().macs == macs


def test_statistics_are_apart_and_shared_weights_count_once():
    network = package.parse(
        """model M {
          input x: f32[N, 4, 6, 6]
          share f = conv(4, 3, pad=1, bias=false) -> batchnorm
          output y = x -> f -> f
        }"""
    )
    summary = network.summary()
    assert (summary.params, summary.fixed) == (4 * 4 * 9 + 8, 8)
    assert summary.macs == 2 * 4 * 36 * 4 * 9


def test_literal_kernels_are_not_trained(edges: str):
    summary = package.load(edges, sizes={"H": 5, "W": 5}).summary()
    assert (summary.params, summary.fixed) == (0, 3 + 9 + 9)


def test_a_learned_tensor_has_no_batch():
    network = package.parse(
        "model M { input x: f32[N, 4, 6, 6]  param g: f32[4, 1, 1] = 1.0  output y = x * g }",
    )
    layer = next(layer for layer in network.summary().layers if layer.params)
    assert (layer.params, layer.shape) == (4, (4, 1, 1))


def test_a_roofline_is_a_picture(cnnc: Command, digits: str, tmp_path: Path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "roofline.png"
    result = cnnc("bench", digits, "--seconds", 0.05, "--plot", path)
    assert result.exit_code == 0, result.stderr
    with Image.open(path) as picture:
        assert picture.size == (1350, 900)
        assert len(set(picture.convert("RGB").getdata())) > 50  # type: ignore[arg-type]
