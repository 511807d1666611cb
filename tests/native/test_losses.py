"""Losses: one number for the whole batch, made of images that go one by one."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812  everybody's name for it
from builder import Net, features, image, stage, with_random_weights
from child import in_child
from harness import (
    CPUS,
    EVERY_PASS,
    HERE,
    Native,
    assert_calls_do_not_meet,
    assert_right,
    compile_native,
    every_cpu,
    every_way,
    images_for,
    run,
    truth,
)
from special import INF, NAN, assert_same

from cnnc.compiler.codegen.memory import plan_arena
from cnnc.compiler.codegen.segments import batching
from cnnc.compiler.interpreter import interpret
from cnnc.compiler.ir.graph import Graph, Value
from cnnc.compiler.ir.operator import Array
from cnnc.compiler.ir.types import BATCH, Dim, Type
from cnnc.compiler.schedule.schedule import BATCH_TILE
from cnnc.compiler.schedule.target import target
from cnnc.compiler.tolerance.rules import ELEMENTWISE
from cnnc.runtime.errors import TargetError
from cnnc.runtime.executable import Executable

BATCHES = pytest.mark.parametrize("batch", [1, 3, BATCH_TILE, BATCH_TILE + 1, 40])
passes = pytest.mark.parametrize("disabled", [frozenset(), EVERY_PASS], ids=["all passes", "no pass"])


def box(*sizes: int, dtype: str = "f32") -> Type:
    return Type(dtype, (Dim.letter(BATCH), *sizes))  # type: ignore[arg-type]


def labelled(net: Net, scores: Value) -> Value:
    """The cross entropy of scores and an input of their own."""
    known = scores.type.known
    label = net.input(net.graph.fresh("label"), box(*known[1:], dtype="i64"))
    return net.apply(stage("cross_entropy"), scores, label).output


def squared(net: Net, a: Value, b: Value) -> Value:
    return net.apply(stage("mse"), a, b).output


def feeds_for(graph: Graph, batch: int, seed: int = 0) -> dict[str, Array]:
    """Labels are classes."""
    feeds = images_for(graph, batch, seed)
    for node in graph.nodes("cross_entropy"):
        scores, label = graph.operands(node)
        if label.name in feeds:
            feeds[label.name] %= scores.type.known[0]
    return feeds


def shapes(lanes: int) -> Graph:
    """Of the caller's numbers and of computed ones, in every layout."""
    net = Net()
    for sizes in [
        (),
        (1,),
        (lanes - 1,),
        (lanes,),
        (2 * lanes + 3,),
        (3, 5, 7),
        (lanes + 1, 4, 5),
        (lanes, 1, 2),
        (2, 3, 2, 3),
    ]:
        number = "x".join(map(str, sizes)) or "none"
        x, y = net.input(f"a{number}", box(*sizes)), net.input(f"b{number}", box(*sizes))
        net.output(squared(net, x, y), squared(net, net.chain(x, stage("tanh")), y))
        if sizes:
            net.output(labelled(net, x), labelled(net, net.chain(y, stage("scale", k=3))))
    x = net.input("image", image(lanes + 2, 6, 5))
    y = net.chain(x, stage("conv", channels=lanes + 2, kernel=3, pad=1))
    net.output(squared(net, x, y), labelled(net, y), net.chain(y, stage("conv", channels=3, kernel=3, pad=1)))
    best = net.chain(net.input("teacher", box(lanes + 2, 6, 5)), stage("argmax"), stage("identity"))
    net.output(net.apply(stage("cross_entropy"), y, best).output)
    return net.graph


@every_cpu
@BATCHES
def test_losses_of_every_shape(cpu: str, batch: int):
    native = compile_native(with_random_weights(shapes(target(cpu).lanes)), cpu)
    inputs = feeds_for(native.graph, batch)
    assert_right(every_way(native, inputs), truth(native, inputs))


def head(lanes: int) -> Graph:
    """Losses before and after dense layers, whose steps run once for a tile; what is made of losses; images' own."""
    net = Net()
    x = net.input("x", image(6, 5, 6))
    body = net.chain(x, stage("conv", channels=6, kernel=3, pad=1), stage("relu"))
    early = squared(net, x, body)
    hidden = net.chain(body, stage("flatten"), stage("dense", units=8 * lanes), stage("relu"))
    scores = net.chain(hidden, stage("dense", units=lanes + 1))
    late = labelled(net, scores)
    half = net.chain(early, stage("mul", right=0.5))
    total = net.apply(stage("add"), half, late).output
    apart = net.chain(squared(net, early, total), stage("exp"))
    pixels = net.chain(net.apply(stage("add"), apart, late).output, stage("to_u8"))
    net.output(early, scores, late, total, apart, pixels, net.chain(body, stage("global_avgpool")))
    return net.graph


@every_cpu
@passes
@BATCHES
def test_losses_around_dense_layers(cpu: str, disabled: frozenset[str], batch: int):
    native = compile_native(with_random_weights(head(target(cpu).lanes)), cpu, disabled)
    assert batching(native.program).tile == BATCH_TILE
    inputs = feeds_for(native.graph, batch)
    assert_right(every_way(native, inputs), truth(native, inputs))


@pytest.mark.parametrize("make", [shapes, head])
def test_threads_give_the_same_bits(make):
    native = compile_native(with_random_weights(make(16)))
    inputs = feeds_for(native.graph, 40)
    first, *others = in_child(lambda note: [Executable(native.artifact, k).run(inputs) for k in (1, 2, 3)])
    for other in others:
        for name, array in first.items():
            assert array.tobytes() == other[name].tobytes(), name


def test_every_call_begins_anew():
    native = compile_native(with_random_weights(head(16)))
    first, second = feeds_for(native.graph, 19, seed=1), feeds_for(native.graph, 3, seed=2)
    assert_calls_do_not_meet(native, first, second)


def test_sums_share_no_memory():
    """They live from the first image to the last."""
    program = compile_native(with_random_weights(head(16))).program
    batches = batching(program)
    offsets = plan_arena(program, batches).offsets
    ends = {buffer: offsets[buffer] + buffer.image_bytes * batches.images(buffer) for buffer in offsets}
    lasting = [buffer for buffer in offsets if buffer.lasting]
    assert len(lasting) == 3
    for mine in lasting:
        assert not [
            other for other in offsets
            if other is not mine and offsets[other] < ends[mine] and offsets[mine] < ends[other]
        ]  # fmt: skip


def two(channels: int, *sizes: int, cpu: str = CPUS[-1]) -> Native:
    """The two losses of tensors of one shape, `a` and `b` or `label`."""
    net = Net()
    a, b = net.input("a", box(channels, *sizes)), net.input("b", box(channels, *sizes))
    label = net.input("label", box(*sizes, dtype="i64"))
    net.graph.outputs = {"mse": squared(net, a, b), "entropy": net.apply(stage("cross_entropy"), a, label).output}
    return compile_native(net.graph, cpu)


def test_no_images_have_no_mean():
    native = two(3)
    results = in_child(lambda note: run(native, images_for(native.graph, 0)))
    for name, wanted in interpret(native.graph, images_for(native.graph, 0)).items():
        assert (results[name].shape, results[name].dtype) == (np.shape(wanted), np.float32)
        assert np.isnan(results[name]) and np.isnan(wanted)


@every_cpu
@pytest.mark.parametrize("sizes", [(), (5,), (2, 9)])
@pytest.mark.parametrize("label", [-1, -9, -(2**63), 5, 6, 2**24 + 1, 2**32, 2**63 - 1])
def test_a_label_that_is_no_class_makes_nan(cpu: str, sizes: tuple[int, ...], label: int):
    native = two(5, *sizes, cpu=cpu)
    inputs = feeds_for(native.graph, 3)
    inputs["label"].flat[-1] = label
    results = every_way(native, inputs)
    assert np.isnan(results["entropy"]) and np.isfinite(results["mse"])
    assert np.isnan(interpret(native.graph, inputs)["entropy"])


@every_cpu
@pytest.mark.parametrize("sizes", [(), (4, 5)])
def test_strange_numbers_are_as_in_pytorch(cpu: str, sizes: tuple[int, ...]):
    """In every lane of a register, right class or not."""
    channels = target(cpu).lanes + 2
    native, random = two(channels, *sizes, cpu=cpu), np.random.default_rng(7)
    cases = []
    for number in (NAN, INF, -INF, -0.0, 1e30, -3e38):
        for channel in range(channels):
            for right in (channel, (channel + 1) % channels):
                a, b = random.standard_normal((2, 3, channels, *sizes)).astype(np.float32)
                label = random.integers(0, channels, (3, *sizes))
                a[-1, channel, ...], label[-1, ...] = number, right
                cases.append({"a": a, "b": b, "label": label})
    given = in_child(lambda note: [run(native, case) for case in cases])
    for case, results in zip(cases, given, strict=True):
        a, b, label = (torch.tensor(case[name]) for name in ("a", "b", "label"))
        wanted = {"mse": F.mse_loss(a.double(), b.double()), "entropy": F.cross_entropy(a.double(), label)}
        for name, array in results.items():
            assert_same(array, wanted[name].numpy(), 0, name)


def test_a_sum_of_many_images_keeps_its_last_bits():
    """In single precision a sum of 2**24 ones and more stays where it is."""
    native = two(1024, 4)
    a = np.ones((4100, 1024, 4), np.float32)
    a[4090:] = 5
    feeds = {"a": a, "b": np.zeros_like(a), "label": np.zeros((4100, 4), np.int64)}
    results = in_child(lambda note: run(native, feeds))
    assert results["mse"] == np.float32((4090 + 250) / 4100)
    assert_same(results["entropy"], np.log(np.float64(1024)), 0)


def tensor_of_a_loss(kind: str) -> Graph:
    net = Net()
    x = net.input("x", features(3))
    loss = squared(net, x, net.chain(x, stage("relu")))
    other = {"images": x, "parameter": net.param(3)}[kind]
    made = net.chain(net.apply(stage("mul"), net.chain(other, stage("abs")), net.chain(loss, stage("exp"))).output)
    return net.output(net.chain(made, stage("tanh")))


@passes
@pytest.mark.parametrize("kind", ["images", "parameter"])
def test_a_tensor_of_a_loss_is_refused_in_words(kind: str, disabled: frozenset[str]):
    with pytest.raises(
        TargetError, match="no native code yet for `mul` that makes a tensor of a loss, at `mul_1`"
    ) as e:
        compile_native(with_random_weights(tensor_of_a_loss(kind)), disabled=disabled)
    assert "known after the last image" in (e.value.help or "")


@pytest.mark.parametrize("cpu", HERE)
def test_a_loss_may_lie_beside_a_parameter(cpu: str):
    net = Net()
    x, weight = net.input("x", features(9)), net.param()
    loss = squared(net, x, net.chain(x, stage("relu")))
    net.output(squared(net, loss, weight), net.apply(stage("mul"), weight, loss).output, loss)
    native = compile_native(with_random_weights(net.graph), cpu)
    inputs = images_for(native.graph, 5)
    assert_right(every_way(native, inputs), truth(native, inputs))


NUMBERS = {
    "clip": {"low": 0.1, "high": 0.7}, "threshold": {"t": 0.3}, "scale": {"k": -2.5},
    "normalize": {"mean": -2.0, "std": -3.0},
    "add": {"left": 0.7}, "sub": {"right": 1.5}, "mul": {"right": -3.0}, "div": {"left": 2.0},
}  # fmt: skip


@passes
def test_every_elementwise_operator_takes_a_loss(disabled: frozenset[str]):
    net = Net()
    x = net.input("x", features(9))
    loss = squared(net, x, net.chain(x, stage("relu")))
    taken = [name for name in sorted(ELEMENTWISE) if name not in ("batchnorm", "prelu")]  # these have channels
    net.output(*(net.chain(loss, stage(name, **NUMBERS.get(name, {}))) for name in taken))
    native = compile_native(with_random_weights(net.graph), disabled=disabled)
    inputs = images_for(native.graph, 5)
    assert_right(every_way(native, inputs), truth(native, inputs))
