"""`cnnc verify` shows the first layer that differs, and `--bisect` says in one sentence who is to blame."""

from collections.abc import Callable
from pathlib import Path

import faults
import numpy as np
import pytest
from command import Command

MODEL = """model M {
  input x: f32[N, 16, 8, 8]
  a = x -> conv(16, 3, pad=1) as one -> relu
  b = a -> conv(16, 1, bias=false) as two -> batchnorm as norm
  output y = b -> conv(4, 1) as three
}
"""
SHORT = """model M {
  input x: f32[N, 2, 2, 2]
  output y = x -> conv(2, 1, bias=false) as one -> relu
}
"""
Write = Callable[[str], Path]


def sentence(cnnc: Command, path: Path, *more: object) -> str:
    """The last line of what `--bisect` says, the model's path left out."""
    result = cnnc("verify", path, "--random-weights", 1, "--bisect", "--batch", 1, *more)
    assert result.exit_code == 1, result.output
    return result.stdout.splitlines()[-1].replace(str(path), "m.cnn")


@pytest.mark.parametrize("how", ["direct 4x1", "winograd2 4x1", "winograd3 4x1", "winograd4 4x1", "winograd6 4x1"])
def test_a_layer_alone_agrees_by_each_algorithm(cnnc: Command, model: Write, tmp_path: Path, how: str):
    """Though nothing that follows it blurs what one algorithm's roundings leave."""
    path = model("model M { input x: f32[N, 256, 24, 24]  output y = x -> conv(64, 3, pad=1) }\n")
    (tmp_path / "how.txt").write_text(f"y  {how}\n")
    result = cnnc("verify", path, "--random-weights", 1, "--schedule", tmp_path / "how.txt")
    assert result.exit_code == 0, result.output
    assert "y  agrees" in result.stdout


def test_an_outputs_bound_is_as_wide_as_its_algorithms_want(cnnc: Command, model: Write):
    """Winograd's F(6) may be off further than a plain sum, by --exact it may not."""
    path = model("model M { input x: f32[N, 64, 24, 24]  output y = x -> conv(64, 3, pad=1) }\n")

    def allowed(*more: object) -> float:
        text = cnnc("verify", path, "--random-weights", 1, "--target-cpu", "x86-64", *more).stdout
        return float(text.split("allowed ")[1].split()[0])

    assert 4 * allowed("--exact") < allowed() < 8 * allowed("--exact")


def test_the_first_layer_that_differs(cnnc: Command, model: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Everything that there is to say, to the letter."""
    faults.double_direct_weights(monkeypatch)
    path = model(SHORT)
    np.savez(tmp_path / "ones.npz", x=np.ones((1, 2, 2, 2), np.float32))
    np.savez(path.with_suffix(".npz"), **{"one.weight": np.ones((2, 2, 1, 1), np.float32)})  # type: ignore[arg-type]
    result = cnnc("verify", path, tmp_path / "ones.npz", "--target-cpu", "x86-64", "--bisect")
    assert result.exit_code == 1
    assert (
        result.stdout.replace(str(path), "m.cnn")
        == """\
y  DIFFERS  error 2.00e+00, allowed 4.77e-07  relu at m.cnn:3:52
error: the first layer that differs by itself is `y`, conv(2, 1, bias=false) ->
  relu by direct
 --> m.cnn:3:19
  |
3 |   output y = x -> conv(2, 1, bias=false) as one -> relu
  |                   ^^^^^^^^^^^^^^^^^^^^^^
  |
  = at [0, 0, 0, 0]: native code gives 4, the definition 2
  = error 2.00e+00, allowed 4.07e-07
no pass: code generation of `y`, conv(2, 1, bias=false) -> relu by direct (m.cnn:3:19) changes `y` by 2.00e+00, \
allowed 4.77e-07
"""
    )


def test_a_right_network_has_nobody_to_blame(cnnc: Command, model: Write):
    result = cnnc("verify", model(MODEL), "--random-weights", 1, "--bisect")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "3 layers agree, each by itself"


def test_losses_are_layers(cnnc: Command, model: Write):
    text = "input x: f32[N, 3, 4, 4]  h = x -> conv(3, 1)  output y = h  output loss = 0.5 * ((x, h) -> mse)"
    result = cnnc("verify", model(f"model M {{ {text} }}"), "--random-weights", 1, "--batch", 3)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == "3 layers agree, each by itself"


def test_a_pass(cnnc: Command, model: Write, monkeypatch: pytest.MonkeyPatch):
    faults.shift_folded_biases(monkeypatch)
    told = sentence(cnnc, model(MODEL))
    assert told.startswith("`fold_batchnorm` changes `y` by ")
    assert told.endswith(
        ", where it made `two`, conv(16, 1) (m.cnn:4:12), `y`, conv(4, 1) (m.cnn:5:19); without it the outputs agree"
    ) or told.endswith(", where it made `two`, conv(16, 1) (m.cnn:4:12); without it the outputs agree")


def test_an_algorithm(cnnc: Command, model: Write, monkeypatch: pytest.MonkeyPatch):
    faults.spoil_winograd(monkeypatch)
    told = sentence(cnnc, model(MODEL.replace("8, 8", "32, 32")))
    assert told.startswith("the algorithm winograd")
    assert " of `a`, conv(16, 3, pad=1) -> relu (m.cnn:3:12) changes `y` by " in told
    assert cnnc("verify", model(MODEL), "--random-weights", 1, "--exact").exit_code == 0


def test_the_code_of_what_a_pass_makes(cnnc: Command, model: Write, monkeypatch: pytest.MonkeyPatch):
    faults.lose_tails_after_biases(monkeypatch)
    told = sentence(cnnc, model(MODEL), "--exact")
    assert told.startswith("no pass: code generation of `a`, conv(16, 3, pad=1) -> relu by direct (m.cnn:3:12) changes")
    assert told.endswith("; without `fuse_epilogues` the outputs agree")


def test_what_no_layer_shows(cnnc: Command, model: Write, monkeypatch: pytest.MonkeyPatch):
    faults.spoil_whole_networks(monkeypatch)
    told = sentence(cnnc, model(MODEL))
    assert told.startswith("no pass: layers that are right by themselves change `y` by 1.00e+00")
    assert told.endswith(" together: their layouts or memory")


def test_threads(cnnc: Command, model: Write, monkeypatch: pytest.MonkeyPatch):
    faults.spoil_whole_networks(monkeypatch, threads=2)
    told = sentence(cnnc, model(MODEL), "--threads", 2)
    assert told.startswith("no pass: 2 threads change `y` by 1.00e+00")
    assert told.endswith("; on one thread the outputs agree")


def test_a_layer_that_the_outputs_do_not_show(cnnc: Command, model: Write, monkeypatch: pytest.MonkeyPatch):
    faults.double_direct_weights(monkeypatch)
    path = model(
        "model M { input x: f32[N, 2, 4, 4]  a = x -> conv(2, 3) as one  output y = (a -> global_maxpool) * 0.0 }"
    )
    told = sentence(cnnc, path)
    assert told.startswith("no pass: code generation of `a`, conv(2, 3) by direct (m.cnn:1:46) changes it by ")
    assert told.endswith(", which the outputs do not show")
