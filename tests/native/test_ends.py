"""The ends of a network: several inputs and outputs, one value under two names, inputs handed through, batches."""

import pytest
from builder import Net, features, image, stage, with_random_weights
from child import in_child
from harness import EVERY_PASS, assert_calls_do_not_meet, compile_native, every_cpu, hold, images_for, run

from cnnc.compiler.ir.graph import Graph


def ends() -> Graph:
    net = Net()
    x, row, unused = net.input("x", image(3, 5, 6)), net.input("row", features(7)), net.input("unused", image(2, 2, 2))
    y = net.chain(x, stage("conv", channels=18, kernel=3, pad=1), stage("relu"))
    z = net.chain(y, stage("conv", channels=4, kernel=3, pad=1))
    net.output(y, z, x, row, unused)
    scores = net.chain(row, stage("dense", units=5), stage("softmax"))
    net.graph.outputs |= {"again": y, "scores": scores, "scores_too": scores, "x_too": x}
    return net.graph


@every_cpu
@pytest.mark.parametrize("disabled", [frozenset(), EVERY_PASS], ids=["all passes", "no pass"])
def test_outputs_that_are_read_on_named_twice_or_inputs(cpu: str, disabled: frozenset[str]):
    hold(ends(), cpu, disabled, batch=2)


@every_cpu
def test_a_batch_gives_the_bits_of_its_images_one_by_one(cpu: str):
    native = compile_native(with_random_weights(ends()), cpu)
    inputs = images_for(native.graph, batch=3)
    together = in_child(lambda note: run(native, inputs))
    for i in range(3):
        alone = in_child(lambda note, i=i: run(native, {name: array[i : i + 1] for name, array in inputs.items()}))
        for name, array in together.items():
            assert array[i : i + 1].tobytes() == alone[name].tobytes(), f"{name}, image {i}"


def test_no_images_give_no_results():
    native = compile_native(with_random_weights(ends()))
    results = in_child(lambda note: run(native, images_for(native.graph, batch=0)))
    assert {len(array) for array in results.values()} == {0}


def test_two_executables_of_one_network_do_not_meet():
    """The second run finds nothing of the first in the arena that it reads before it writes."""
    native = compile_native(with_random_weights(ends()))
    first, second = images_for(native.graph, 1, seed=1), images_for(native.graph, 1, seed=2)
    assert_calls_do_not_meet(native, first, second)
