"""Batches: dense layers take several images at a time, and no image notices."""

import os

import numpy as np
import pytest
from builder import Net, features, image, stage, with_random_weights
from child import in_child
from harness import assert_right, compile_native, every_cpu, every_way, images_for, run, truth

from cnnc.compiler.codegen.segments import TILE, batching
from cnnc.compiler.ir.graph import Graph
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
@pytest.mark.parametrize("batch", [1, 2, TILE - 1, TILE, TILE + 1, 2 * TILE + 5])
def test_a_batch_is_right(cpu: str, batch: int):
    native = compile_native(with_random_weights(heads(target(cpu).lanes)), cpu)
    inputs = images_for(native.graph, batch)
    assert_right(every_way(native, inputs), truth(native, inputs))


@every_cpu
def test_a_batch_gives_each_image_the_bits_that_it_has_alone(cpu: str):
    native = compile_native(with_random_weights(heads(target(cpu).lanes)), cpu)
    inputs = images_for(native.graph, TILE + 6)
    results = run(native, inputs)
    for k in range(TILE + 6):
        alone = run(native, {name: array[k : k + 1] for name, array in inputs.items()})
        for name, array in alone.items():
            np.testing.assert_array_equal(array[0], results[name][k], f"{name} of image {k}")


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
    assert batches.tile == TILE
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
