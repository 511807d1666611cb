"""`cnnc reduce` leaves a small network that still fails in the same way; its steps make sound networks and end."""

import multiprocessing
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import faults
import numpy as np
import pytest
from builder import Net, image, random_inputs, stage
from command import Command
from hypothesis import assume, given, settings
from numpy.testing import assert_array_equal
from random_graphs import networks

from cnnc import cut, parse, reduce
from cnnc.case import Case
from cnnc.child import HANG, Answer, answer_of
from cnnc.compiler.interpreter import interpret
from cnnc.compiler.ir.verify import verify
from cnnc.compiler.passes.drop_dead_nodes import DropDeadNodes
from cnnc.reduce import STEPS, Judge, Reduction
from cnnc.weights import bind

Fault = Callable[[pytest.MonkeyPatch], None]
MODEL = """model M {
  input x: f32[N, 16, 32, 32]
  a = x -> conv(16, 3, pad=1) as one -> relu
  b = a -> conv(16, 1, bias=false) as two -> batchnorm as norm -> maxpool(2)
  output y = (b -> conv(4, 1) as three) -> softmax
  output z = a -> global_avgpool -> flatten -> dense(3) as last
}
"""


def reduced(cnnc: Command, folder: Path, text: str = MODEL, *more: object):
    """The files that a model is reduced to: the result of the command, and the model's path."""
    (folder / "m.cnn").write_text(text)
    written = folder / "reduced.cnn"
    result = cnnc("reduce", folder / "m.cnn", "--random-weights", 1, "--seconds", 900, "-o", written, *more)
    return result, written


def nodes(text: str) -> int:
    return text.count("->")


@pytest.mark.parametrize(
    ("fault", "kind", "at_most", "holds"),
    [
        (faults.double_direct_weights, "a layer differs", 1, r" -> conv\(2, 1, bias=false\) "),
        pytest.param(
            faults.spoil_winograd, "a layer differs", 1, r" -> conv\(\d+, 3, (pad=1, )?bias=false\) ",
            marks=pytest.mark.slow,
        ),
        (faults.lose_tails_after_biases, "a layer differs", 3, r" -> conv"),
        (faults.shift_folded_biases, "an output differs", 2, r" -> batchnorm "),
    ],
)  # fmt: skip
def test_wrong_numbers(
    cnnc: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault, kind: str, at_most: int, holds: str
):
    fault(monkeypatch)
    result, path = reduced(cnnc, tmp_path)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == kind
    text = path.read_text()
    assert 1 <= nodes(text) <= at_most, text
    assert re.search(holds, text), text
    command = f"cnnc verify {path} {path.with_suffix('.npz')}"
    assert text.splitlines()[0] == f"# M, reduced. To see it fail: {command}"
    assert cnnc("check", path).exit_code == 0
    assert cnnc(*command.split()[1:]).exit_code == 1
    monkeypatch.undo()
    assert cnnc(*command.split()[1:]).exit_code == 0


def test_an_output_alone(cnnc: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    faults.spoil_whole_networks(monkeypatch)
    result, path = reduced(cnnc, tmp_path, MODEL.replace("output z", "z"))
    assert result.stdout.splitlines()[0] == "an output differs"
    assert nodes(path.read_text()) == 0, "an input that is handed through"
    assert cnnc("verify", path, path.with_suffix(".npz")).exit_code == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (faults.send_weights_nowhere, "it ends with SIGSEGV"),
        (faults.abort, "it ends with SIGABRT"),
        (faults.forget_a_key, "it raises KeyError"),
    ],
)
def test_crashes(cnnc: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault, kind: str):
    fault(monkeypatch)
    result, path = reduced(cnnc, tmp_path)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == kind
    assert nodes(path.read_text()) == 1
    assert "conv(2, 1, bias=false)" in path.read_text()


@pytest.mark.slow
def test_a_hang(cnnc: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    faults.wait_forever(monkeypatch)
    monkeypatch.setattr(reduce, "_patience", lambda case: 2.0)
    small = "model M { input x: f32[N, 2, 2, 2]  output y = x -> scale(2) -> conv(2, 1, bias=false) as one -> relu }"
    result, path = reduced(cnnc, tmp_path, small)
    assert result.stdout.splitlines()[:2] == ["it hangs", "  = no answer in 2 s"]
    assert nodes(path.read_text()) == 1


def test_what_is_said_and_written(cnnc: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """To the letter, but for the time that it took."""
    faults.double_direct_weights(monkeypatch)
    short = "model M { input x: f32[N, 2, 2, 2]  output y = x -> conv(2, 1, bias=false) as one -> relu }"
    result, path = reduced(cnnc, tmp_path, short, "--target-cpu", "x86-64")
    said = re.sub(r"\d+ trials and [\d.]+ s", "9 trials and 1 s", result.stdout.replace(f"{tmp_path}/", ""))
    assert (
        said
        == """\
a layer differs
  = `one`, conv(2, 1, bias=false) by direct
  = at [0, 0, 0, 0]: native code gives 2, the definition 1
  = error 1.00e+00, allowed 1.79e-07
from 2 nodes, 4 weights, 2 images to 1 node, 2 weights, 1 image, in 9 trials and 1 s: nothing smaller fails in this way
cnnc verify reduced.cnn reduced.npz --target-cpu x86-64
"""
    )
    assert (
        path.read_text().replace(f"{tmp_path}/", "")
        == """\
# M, reduced. To see it fail: cnnc verify reduced.cnn reduced.npz --target-cpu x86-64
# a layer differs
# `one`, conv(2, 1, bias=false) by direct
# at [0, 0, 0, 0]: native code gives 2, the definition 1
# error 1.00e+00, allowed 1.79e-07
model M {
  input x: f32[N, 1, 1, 1]  # m.cnn:1:11
  one: f32[N, 2, 1, 1] = x -> conv(2, 1, bias=false) as "one"  # m.cnn:1:53
  output one
}
"""
    )
    assert dict(np.load(path.with_suffix(".npz")))["x"].tolist() == [[[[1.0]]]]


def test_a_right_model_is_left_alone(cnnc: Command, tmp_path: Path):
    result, path = reduced(cnnc, tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error: M does not fail: its layers and outputs agree with the definitions\n"
    assert not path.exists()


def test_what_has_no_native_code_is_no_failure(cnnc: Command, tmp_path: Path):
    result, path = reduced(cnnc, tmp_path, "model M { input x: f32[N, 2]  output y = x * ((x, x) -> mse) }")
    assert result.exit_code == 1
    assert "no native code yet for `mul` that makes a tensor of a loss" in result.stderr
    assert not path.exists()


def test_a_loss_goes_where_it_is_not_to_blame(cnnc: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    faults.double_direct_weights(monkeypatch)
    text = "h = x -> conv(4, 1)  l = (x -> relu, h) -> mse  output y = h -> sigmoid  output loss = 2.0 * l + l * l"
    result, path = reduced(cnnc, tmp_path, f"model M {{ input x: f32[N, 4, 4, 4]  {text} }}")
    assert result.exit_code == 0, result.output
    assert "mse" not in path.read_text() and nodes(path.read_text()) == 1


def test_an_interrupted_run_leaves_the_best_so_far(cnnc: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    faults.double_direct_weights(monkeypatch)
    judge, calls = Judge.__call__, iter([*range(6)])

    def interrupted(*given):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return judge(*given)

    monkeypatch.setattr(Judge, "__call__", interrupted)
    result, path = reduced(cnnc, tmp_path)
    assert result.exit_code == 130
    assert "s: interrupted\n" in result.stdout
    assert nodes(path.read_text()) < nodes(MODEL)
    assert cnnc("verify", path, path.with_suffix(".npz")).exit_code == 1


def test_time_is_kept(cnnc: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    faults.double_direct_weights(monkeypatch)
    result, path = reduced(cnnc, tmp_path, MODEL, "--seconds", 0)
    assert result.exit_code == 0
    assert "in 0 trials" in result.stdout and "0 s are over" in result.stdout
    assert cnnc("verify", path, path.with_suffix(".npz")).exit_code == 1


def test_an_output_has_to_be_a_model(cnnc: Command, tmp_path: Path):
    assert cnnc("reduce", tmp_path / "m.cnn", "-o", tmp_path / "m.npz").exit_code == 2


# The steps


def case_of(net: Net) -> Case:
    """Without nodes that nothing needs, as elaboration leaves a graph. The language has no tuple of one to write."""
    joins = [node for node in net.graph.nodes("add", "mul", "concat") if str(node.op) == node.op.name]
    assume(all(len(net.graph.operands(node)) > 1 for node in joins))
    return Case.of(DropDeadNodes().run(net.graph), random_inputs(net.graph))


@given(networks())
@settings(deadline=None, max_examples=25)
def test_every_smaller_case_is_sound_and_its_text_means_the_same(net: Net):
    case = case_of(net)
    for step in STEPS:
        for smaller in [case, *step(case)][:15]:
            verify(smaller.graph)
            read = bind(parse(smaller.text), smaller.weights)
            assert read.inputs == smaller.graph.inputs
            wanted, got = (interpret(graph, smaller.inputs, np.float64) for graph in (smaller.graph, read))
            assert wanted.keys() == got.keys()
            for name, array in wanted.items():
                assert_array_equal(got[name], array)


@given(networks())
@settings(deadline=None, max_examples=10)
def test_what_always_fails_ends_as_next_to_nothing(net: Net):
    case = case_of(net)
    reduction = Reduction(case, lambda case, seconds, wanted: Answer("fails"), seconds=600)
    assert reduction.run()
    assert len([node for node in cut.computed(reduction.case.graph) if node.op.name != "input"]) <= 1
    assert all(len(array) == 1 for array in reduction.case.inputs.values())


def test_shared_weights_stay_shared():
    net = Net()
    x = net.input("x", image(4, 3, 3))
    first = net.apply(stage("conv", channels=4, kernel=1), x)
    second = net.apply(first.op, first.output, like=first)
    case = Case.of(net.output(second.output), {"x": np.ones((1, 4, 3, 3), np.float32)})
    assert case.text.count("share ") == 1
    assert parse(case.text).params.keys() == {"w_conv.weight", "w_conv.bias"}


# Children


def test_children_are_ended_with_what_they_do():
    started = time.monotonic()
    assert answer_of(lambda: time.sleep(1000) or Answer(""), 0.5) == Answer(HANG, "no answer in 0 s")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        with pytest.raises(KeyboardInterrupt):
            answer_of(lambda: time.sleep(1000) or Answer(""), 500)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert not multiprocessing.active_children()
    assert time.monotonic() - started < 100
