"""Threads wait where the next step needs it and nowhere else. That no barrier is missing every native test sees, since
all of them run programs in skewed threads too; here are those that would be one too many."""

from builder import Net, image, stage
from harness import compile_native, hold, with_random_weights


def barriers(net: Net) -> list[tuple[str, bool]]:
    """Kernel families in order, and whether a barrier follows."""
    native = compile_native(with_random_weights(net.graph))
    return [(step.kernel.rstrip("0123456789_"), step.barrier) for step in native.artifact.manifest.steps]


def test_a_rim_costs_none():
    net = Net()
    layers = [stage("conv", channels=16, kernel=1), stage("conv", channels=16, kernel=(1, 3), pad=(0, 1))]
    net.output(net.chain(net.input("x", image(16, 9, 9)), *layers))
    kinds, waits = zip(*barriers(net), strict=True)
    assert kinds == ("transpose", "rim", "direct", "direct", "transpose")
    assert waits == (False, True, True, True, True)  # the copy need not be done for the rim, but for what reads it


def test_branches_that_read_the_same_image_cost_one():
    net = Net()
    x = net.input("x", image(16, 9, 9))
    for channels in (16, 32, 48):
        net.output(net.chain(x, stage("conv", channels=channels, kernel=1)))
    kinds = barriers(net)
    assert [barrier for kind, barrier in kinds if kind == "direct"] == [False, False, True]


def test_layers_that_follow_one_another_have_one_each():
    net = Net()
    net.output(net.chain(net.input("x", image(16, 9, 9)), *[stage("conv", channels=16, kernel=1)] * 4))
    assert all(barrier for _, barrier in barriers(net))


def test_steps_that_write_lanes_of_one_block_keep_their_order():
    """A convolution writes whole registers; what is copied beside its channels must come after it."""
    net = Net()
    first = net.chain(net.input("x", image(16, 9, 9)), stage("conv", channels=6, kernel=1))
    second = net.chain(first, stage("conv", channels=9, kernel=1))
    net.output(net.apply(stage("concat"), second, first).output, net.chain(first, stage("relu")))
    hold(net.graph)


def test_a_rim_waits_for_what_wrote_in_its_memory_for_nobody():
    """What nobody reads is dead at once, and its memory may be the next one's."""
    net = Net()
    x = net.input("x", image(3, 6, 6))
    twice = net.apply(stage("add"), x, x).output
    net.chain(net.apply(stage("add"), twice, twice).output, stage("relu"))
    net.output(net.chain(twice, *[stage("conv", channels=8, kernel=(1, 3), pad=(0, 1))] * 2))
    hold(net.graph, disabled=["drop_dead_nodes"])
