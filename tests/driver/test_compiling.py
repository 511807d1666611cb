"""`cnnc compile`, `bench` and `verify`."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command import Command, on_one_line

from cnnc import compile, parse, random_weights
from cnnc.compiler.pipeline import GRAPH_PASSES
from cnnc.runtime.executable import Executable


@pytest.mark.parametrize(
    ("form", "has"),
    [("graph", "model Digits {"), ("schedule", "logits "), ("program", "steps"), ("llvm", "define"), ("asm", ".text")],
)
def test_every_form_can_be_seen(cnnc: Command, digits: str, tmp_path: Path, form: str, has: str):
    result = cnnc("compile", digits, "--emit", form)
    assert result.exit_code == 0, result.stderr
    assert has in result.stdout
    assert cnnc("compile", digits, "--emit", form, "-o", tmp_path / "form").stdout == ""
    assert (tmp_path / "form").read_text() == result.stdout


@pytest.mark.parametrize(
    ("form", "has"), [("schedule", "target neon"), ("program", "steps"), ("llvm", "<4 x float>"), ("asm", "\tfmla\t")]
)
def test_code_for_another_cpu_can_be_seen(cnnc: Command, digits: str, form: str, has: str):
    result = cnnc("compile", digits, "--target-cpu", "aarch64", "--emit", form)
    assert result.exit_code == 0, result.stderr
    assert has in result.stdout


def test_dumps_are_numbered(cnnc: Command, digits: str, tmp_path: Path):
    assert cnnc("compile", digits, "--dump-to", tmp_path / "dump").exit_code == 0
    names = sorted(path.name for path in (tmp_path / "dump").iterdir())
    assert names[0] == "01.elaborate.cnn"
    assert [name for name in names if name.endswith(".s")]
    assert len(names) == 1 + len(GRAPH_PASSES) + 5  # schedule, program with .ll and .s, build


def test_passes_can_be_seen_timed_and_left_out(cnnc: Command, digits: str):
    shown = cnnc("compile", digits, "--print-after", "drop_identities")
    assert "dropout" not in shown.stdout
    assert "dropout" in cnnc("compile", digits, "--print-after", "elaborate").stdout
    kept = cnnc("compile", digits, "--disable-pass", "fuse_epilogues", "--emit", "graph", "--time-passes")
    assert "block" not in kept.stdout
    assert " ms  drop_identities" in kept.stderr
    assert "fuse_epilogues" not in kept.stderr


def test_verify_each_names_the_pass_that_changed_a_number(cnnc: Command, digits: str, monkeypatch: pytest.MonkeyPatch):
    assert cnnc("compile", digits, "--verify-each").exit_code == 0
    guilty = next(step for step in GRAPH_PASSES if step.name == "fold_batchnorm")

    def spoil(self: object, graph):
        data = {name: 2 * np.asarray(param.data) for name, param in graph.params.items()}
        return graph.bind(data)

    monkeypatch.setattr(type(guilty), "run", spoil)
    result = cnnc("compile", digits, "--verify-each")
    assert result.exit_code == 70
    assert "fold_batchnorm changed `probs` by" in result.stderr


def test_bench(cnnc: Command, digits: str):
    words = ["bench", digits, "--batch", 2, "--repeats", 3, "--threads", 1]
    facts = json.loads(cnnc(*words, "--format", "json").stdout)
    assert (facts["calls"], facts["batch"], facts["threads"]) == (3, 2, 1)
    assert 0 < facts["minimum_ms"] <= facts["median_ms"]
    assert facts["images_per_second"] == pytest.approx(2000 / facts["median_ms"])
    assert cnnc(*words).stdout.startswith("Digits, batch 2, 1 thread: median ")


def test_bench_beside_others(cnnc: Command, digits: str):
    pytest.importorskip("onnxruntime")
    words = ["bench", digits, "--compare", "interpreter,onnxruntime", "--repeats", 2]
    compared = json.loads(cnnc(*words, "--format", "json").stdout)["compared"]
    assert list(compared) == ["interpreter", "onnxruntime"]
    for rival in compared.values():
        assert 0 < rival["minimum_ms"] <= rival["median_ms"]
        assert rival["difference"] < 1e-5
    assert re.search(
        r"^onnxruntime: median .* times cnnc's; outputs differ by .*e-0", cnnc(*words).stdout, re.MULTILINE
    )
    refused = cnnc("bench", digits, "--compare", "abacus")
    assert refused.exit_code == 2
    assert "`abacus` is none of interpreter, onnxruntime" in refused.stderr


def test_bench_layer_by_layer(cnnc: Command, digits: str):
    """Each layer once, its arithmetic counted, all of them together as long as a call, roughly."""
    words = ["bench", digits, "--per-layer", "--seconds", 0.2]
    profile = json.loads(cnnc(*words, "--format", "json").stdout)["profile"]
    layers = {layer["name"]: layer for layer in profile["layers"]}
    assert len(layers) == len(profile["layers"]) >= 7
    assert layers["relu_2"]["work"] == 2 * 64 * 32 * 9 * 11 * 11
    assert layers["relu_2"]["place"].endswith("digits.cnn:7:8")
    assert layers["relu_3"]["bytes"] == 4 * (128 * 1600 + 1600 + 2 * 128)  # weights, input, bias and output
    assert min(profile["peak_flops"], profile["bandwidth"]) > 1e8
    products = {"winograd4": 9 * 36, "winograd2": 36 * 16, "direct": 31 * 31}[layers["relu_2"]["how"].split()[0]]
    assert layers["relu_2"]["limit"] * profile["peak_flops"] > 0.999 * 2 * 64 * 32 * products
    assert profile["limit"] == pytest.approx(sum(layer["limit"] for layer in profile["layers"]))
    text = cnnc(*words).stdout
    assert re.search(r"relu_2 +(winograd\d|direct) \d+x\d+ ", text)


def test_bench_layer_by_layer_of_a_batch(cnnc: Command, digits: str):
    """An image has its share of weights that are read once for several."""
    words = ["bench", digits, "--per-layer", "--seconds", 0.2, "--format", "json", "--batch"]
    (one, ten) = ({x["name"]: x for x in json.loads(cnnc(*words, n).stdout)["profile"]["layers"]} for n in (1, 10))
    assert one.keys() == ten.keys()
    assert one["relu_3"]["bytes"] - ten["relu_3"]["bytes"] == 4 * 128 * 1601 - 4 * 128 * 1601 // 10
    assert one["relu_2"]["bytes"] == ten["relu_2"]["bytes"]


def test_a_schedule_for_batches(cnnc: Command, tmp_path: Path):
    path = tmp_path / "m.cnn"
    path.write_text("model M { input x: f32[N, 512, 7, 7]  output y = x -> conv(512, 3, pad=1) }")
    words = ["compile", path, "--random-weights", 1, "--target-cpu", "x86-64-v4", "--emit", "schedule"]
    assert "winograd4 4x4 block 8 batched" in cnnc(*words, "--batch", 16).stdout
    assert "batched" not in cnnc(*words).stdout


def test_timing_layers_keeps_what_they_write(edges: str):
    """Memory that goes back to the system at once: to write there too late would be an accident."""
    words = ["bench", edges, "--size", "H=1200", "--size", "W=1200", "--per-layer", "--seconds", "0.2"]
    at_once = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    subprocess.run([sys.executable, "-m", "cnnc.cli", *words], check=True, capture_output=True, timeout=60, env=at_once)


def test_bench_with_random_weights(cnnc: Command, tmp_path: Path):
    path = tmp_path / "m.cnn"
    path.write_text("model M { input x: f32[N, 2]  output y = x -> dense(3) }")
    refused = cnnc("bench", path)
    assert refused.exit_code == 1
    assert "no m.safetensors or m.npz beside it" in on_one_line(refused.stderr)
    assert cnnc("bench", path, "--random-weights", 1, "--repeats", 1).exit_code == 0


def test_verify_agrees_on_the_examples(cnnc: Command, digits: str, edges: str):
    result = cnnc("verify", digits)
    assert result.exit_code == 0, result.output
    assert "9 layers agree, each by itself" in result.stdout
    assert cnnc("verify", edges, "--size", "H=33", "--size", "W=20").exit_code == 0


RARE = """model Rare {
  input x: f32[N, 5, 6, 7]
  input label: i64[N, 3]
  param g: f32[5, 1, 1] = 0.5
  y = (x * g) -> conv(4, 3) -> reshape([2, 2, 4, 5]) -> transpose([4, 3, 2, 1]) -> softmax(3)
  output y
  output best = y -> argmax(4)
  output label
  output g
  output twice = g * 2
}
"""


@pytest.mark.parametrize(
    "verb", [("verify",), ("verify", "--bisect"), ("compile", "--verify-each"), ("bench", "--repeats", 1)]
)
def test_verbs_take_whole_numbers_and_give_what_has_no_batch(cnnc: Command, tmp_path: Path, verb: tuple[object, ...]):
    path = tmp_path / "rare.cnn"
    path.write_text(RARE)
    result = cnnc(*verb, path, "--random-weights", 1)
    assert result.exit_code == 0, result.output


def test_a_compiled_network_says_which_outputs_have_no_batch(tmp_path: Path):
    network = parse(RARE)
    net = compile(network, weights=random_weights(network, 1), cache=False)
    shown = "best: i64[N, 5, 4, 2], label: i64[N, 3], g: f32[5, 1, 1], twice: f32[5, 1, 1]"
    assert shown in repr(net) and shown in repr(network)


def test_verify_names_the_first_layer_that_differs(cnnc: Command, digits: str, monkeypatch: pytest.MonkeyPatch):
    """As if the kernel of `conv2`, fused with its relu, were a little wrong."""
    run = Executable.run

    def spoiled(self: Executable, feeds):
        outputs = run(self, feeds)
        return {name: array + 1e-3 if name in ("relu_2", "probs") else array for name, array in outputs.items()}

    monkeypatch.setattr(Executable, "run", spoiled)
    result = cnnc("verify", digits)
    assert result.exit_code == 1
    assert "probs  DIFFERS" in result.stdout
    assert "the first layer that differs by itself is `relu_2`, conv(64, 3) -> relu by " in on_one_line(result.stdout)
    assert "digits.cnn:7:8\n" in result.stdout
    assert "7 |     -> conv(64, 3) as conv2 -> relu -> maxpool(2)" in result.stdout
