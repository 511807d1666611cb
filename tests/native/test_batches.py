"""Batches: dense layers and Winograd's algorithm take several images at a time, and no image notices."""

import os

import numpy as np
import pytest
from builder import Net, features, image, stage, with_random_weights
from child import in_child
from harness import Native, assert_right, compile_native, every_cpu, every_way, images_for, run, truth

from cnnc.compiler.codegen.segments import batching
from cnnc.compiler.ir.graph import Graph, Value
from cnnc.compiler.options import Options
from cnnc.compiler.pipeline import program_of
from cnnc.compiler.schedule.schedule import BATCH_TILE, WINOGRAD, Choice
from cnnc.compiler.schedule.target import target
from cnnc.runtime.executable import Executable
from cnnc.runtime.threads import team


def heads(lanes: int) -> Graph:
    """Dense layers behind convolutions, behind one another, joined, added to what came before, and scored."""
    net = Net()
    x = net.input("x", image(3, 5, 6))
    body = net.chain(x, stage("conv", channels=lanes + 1, kernel=3, pad=1), stage("relu"))
    flat = net.chain(body, stage("flatten"))
    hidden = net.chain(flat, stage("dense", units=4 * lanes), stage("relu"), stage("dense", units=4 * lanes))
    short = net.chain(body, stage("global_avgpool"), stage("flatten"), stage("dense", units=4 * lanes))
    total = net.apply(stage("add"), hidden, short).output
    gate = net.chain(flat, stage("dense", units=1), stage("sigmoid"))
    gated = net.apply(stage("mul"), net.chain(total, stage("dense", units=2 * lanes + 3)), gate).output
    joined = net.apply(stage("concat"), net.chain(gated, stage("tanh")), short).output
    net.output(net.chain(joined, stage("dense", units=5), stage("softmax")), total)
    row = net.input("row", features(37))
    again = net.chain(row, stage("dense", units=37, bias=False))
    net.output(net.apply(stage("add"), again, row).output, net.chain(again, stage("reshape", dims=[37, 1, 1])))
    return net.graph


@every_cpu
@pytest.mark.parametrize("batch", [1, 2, BATCH_TILE - 1, BATCH_TILE, BATCH_TILE + 1, 2 * BATCH_TILE + 5])
def test_a_batch_is_right(cpu: str, batch: int):
    native = compile_native(with_random_weights(heads(target(cpu).lanes)), cpu)
    inputs = images_for(native.graph, batch)
    assert_right(every_way(native, inputs), truth(native, inputs))


@every_cpu
def test_a_batch_gives_each_image_the_bits_that_it_has_alone(cpu: str):
    native = compile_native(with_random_weights(heads(target(cpu).lanes)), cpu)
    inputs = images_for(native.graph, BATCH_TILE + 6)
    results = run(native, inputs)
    for k in range(BATCH_TILE + 6):
        alone = run(native, {name: array[k : k + 1] for name, array in inputs.items()})
        for name, array in alone.items():
            np.testing.assert_array_equal(array[0], results[name][k], f"{name} of image {k}")


def windows(lanes: int) -> Graph:
    """Convolutions whose epilogues read tensors and channels of other layers, and parameters; one is pooled, one inside
    a concatenation, others are dilated and grouped."""
    net = Net()
    x = net.input("x", image(4 * lanes, 5, 7))

    def conv(value: Value, channels: int = 4 * lanes, **attributes: object) -> Value:
        return net.chain(value, stage("conv", **{"channels": channels, "kernel": 3, "pad": 1, **attributes}))

    def joined(name: str, *values: Value) -> Value:
        return net.apply(stage(name), *values).output

    body = net.chain(conv(x), stage("relu"))
    channel = net.chain(body, stage("global_avgpool"), stage("sigmoid"))
    body = joined("mul", joined("add", conv(body, groups=2), body), channel)
    body = joined("mul", conv(body, dilation=2, pad=2), net.param(4 * lanes, 1, 1))
    body = joined("concat", net.chain(conv(body), stage("leaky_relu", a=0.5)), body)
    body = net.chain(conv(body, channels=3 * lanes + 1), stage("tanh"))
    net.output(net.chain(conv(body), stage("maxpool", kernel=2)), conv(body, kernel=5, pad=2, stride=2))
    return net.output(net.chain(conv(body), stage("scale", k=0.5)), net.chain(body, stage("global_maxpool")))


def tiled(graph: Graph, cpu: str, most: int, batched: bool) -> Native:
    """Winograd's algorithm of several kinds for every layer that it fits, in blocks of up to so many chunks."""
    choices = compile_native(graph, cpu).program.schedule.choices
    windowed = [
        name for name, choice in choices.items() if choice.algorithm in ("direct", *WINOGRAD) and choice.pixels > 1
    ]
    assert len(windowed) == 8
    made = {
        name: Choice(f"winograd{(2, 4, 6)[i % 3]}", 2, 1 + i % 2, block=1 + i % most, batched=batched)
        for i, name in enumerate(windowed)
    }
    return compile_native(graph, cpu, choices=made)


@every_cpu
@pytest.mark.parametrize("batch", [1, 3, BATCH_TILE, BATCH_TILE + 2])
def test_tiles_of_many_images_are_right(cpu: str, batch: int):
    """To the bit what they are image by image."""
    graph = with_random_weights(windows(target(cpu).lanes))
    alone, together = tiled(graph, cpu, 1, False), tiled(graph, cpu, 7, True)
    assert (batching(alone.program).tile, batching(together.program).tile) == (1, BATCH_TILE)
    inputs = images_for(graph, batch)
    results = every_way(together, inputs)
    assert_right(results, truth(together, inputs))
    for name, array in run(alone, inputs).items():
        np.testing.assert_array_equal(results[name], array, name)


def chosen(channels: int, size: int, batch: int) -> Choice:
    net = Net()
    x = net.input("x", image(channels, size, size))
    net.output(net.chain(x, stage("conv", channels=channels, kernel=3, pad=1)))
    program = program_of(with_random_weights(net.graph), Options("x86-64-v4", batch=batch))
    return program.schedule.choices["conv_1"]


def test_images_share_weights_that_are_many():
    """Reading those of F(4) takes longer than computing a single image of 7 x 7."""
    assert chosen(512, 7, 16) == Choice("winograd4", 4, 4, block=8, batched=True)
    assert chosen(512, 7, 1).algorithm == "winograd2"
    assert not any(chosen(512, 7, batch).batched for batch in (1, 2, 4))  # threads would leave each other no two
    assert not chosen(128, 28, 16).batched  # sixteen such images are more than the weights


def classifier(units: int) -> Net:
    """A body and a head whose weights outweigh a body's tensors, or don't."""
    net = Net()
    x = net.input("x", image(16, 8, 8))
    body = net.chain(x, stage("conv", channels=16, kernel=3, pad=1), stage("conv", channels=16, kernel=3, pad=1))
    head = net.chain(body, stage("global_avgpool"), stage("flatten"), stage("dense", units=units), stage("sigmoid"))
    gate = net.chain(head, stage("dense", units=16), stage("reshape", dims=[16, 1, 1]))
    net.output(net.apply(stage("mul"), body, gate).output)
    return net


def test_what_outlives_a_segment_has_a_place_for_each_image():
    native = compile_native(with_random_weights(classifier(2000).graph))
    batches = batching(native.program)
    assert batches.tile == BATCH_TILE
    names = {buffer.name for buffer in batches.kept}
    assert "global_avgpool_1" in names and "conv_1_2" in names
    assert not names & {"x", "conv_1"}


def test_a_gate_of_few_weights_is_computed_image_by_image():
    batches = batching(compile_native(with_random_weights(classifier(4).graph)).program)
    assert (batches.tile, batches.kept) == (1, frozenset())


def test_networks_without_dense_layers_have_one_segment():
    net = Net()
    net.output(net.chain(net.input("x", image(3, 5, 6)), stage("conv", channels=4, kernel=3)))
    native = compile_native(with_random_weights(net.graph))
    assert native.artifact.manifest.batch_tile == 1
    assert [segment.steps for segment in native.artifact.manifest.segments] == [len(native.program.steps)]


def test_a_call_that_stops_before_images_that_are_missing_loses_no_worker():
    """A call goes on where a slice of it stopped. Where only places of missing images are left, no step makes threads
    meet; they must all have seen it before another network has them."""
    natives = []
    for units in ((300,), (200, 500)):
        net = Net()
        layers = [stage("dense", units=n) for n in units]
        net.output(net.chain(net.input("x", features(40)), *layers, stage("softmax")))
        natives.append(compile_native(with_random_weights(net.graph)))
    assert all(n.artifact.manifest.batch_tile > 1 and n.artifact.manifest.segments[-1].each for n in natives)

    def work(_: object) -> int:
        right, given = ([Executable(n.artifact, threads) for n in natives] for threads in (1, 4))
        for worker in team(4)._workers:
            os.setpriority(os.PRIO_PROCESS, worker.native_id or 0, 19)  # so that they come late
        wrong = 0
        for k in range(300):
            x, executable = images_for(natives[0].graph, seed=k)["x"], given[k % 2]
            wrong += bool((executable(x)[0] != right[k % 2](x)[0]).any())
            lane = executable._lanes[0]
            executable._share(lane, lane.end(1) - 1, lane.end(1), 1)
        return wrong

    assert in_child(work) == 0
