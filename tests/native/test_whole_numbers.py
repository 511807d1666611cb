"""Convolutions drawn at random, in small whole numbers: nothing can be rounded, so that every bit must be right."""

from typing import Any

import numpy as np
import pytest
from builder import Net, image, stage
from harness import HERE, SLOWLY, compile_native, every_way
from test_winograd import chosen

from cnnc.compiler.diagnostics import Refusal
from cnnc.compiler.interpreter import interpret
from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.ops.conv import Conv
from cnnc.compiler.schedule.schedule import Choice
from cnnc.compiler.schedule.target import target
from cnnc.compiler.schedule.tiles import filterings

LEVELS = [*HERE, *SLOWLY]
GRAPHS, LAYERS = 20, 100


def convolutions(random: np.random.Generator, lanes: int) -> Graph:
    """Layers on images of their own, many to a compilation: what a window or a count of channels can be, mixed."""
    net = Net()
    half = lanes // 2
    counts = [1, 2, 3, half, half + 1, lanes - 1, lanes, lanes + 1, 2 * lanes - 1, 2 * lanes, 3 * lanes, 4 * lanes + 1]
    while len(net.graph.outputs) < LAYERS:
        attributes: dict[str, Any] = {"kernel": (3, 3), "pad": "same", "bias": bool(random.integers(2))}
        if random.integers(4):
            attributes["kernel"] = tuple(random.integers(1, 6, 2).tolist())
            attributes["stride"] = tuple(random.choice([1, 1, 2, 3], 2).tolist())
        if random.integers(4):
            attributes["pad"] = tuple(random.choice([0, 0, 1, 2, 3], 4).tolist())
        attributes["dilation"] = random.choice([1, 1, 1, 2, 3], 2 if random.integers(2) else 1).tolist()
        attributes["dilation"] = tuple(attributes["dilation"] * 2)[:2]
        groups = int(random.choice([1, 1, 1, 1, 1, 2, 3, lanes + 2]))
        few = counts if groups < 4 else counts[:3]
        inside, outside = (int(random.choice(few)) for _ in range(2))
        conv = stage("conv", channels=groups * outside, groups=groups, **attributes)
        size = image(groups * inside, int(random.integers(1, 12)), int(random.integers(1, 32)))
        try:
            conv.infer(size)
        except Refusal:
            continue  # the window is larger than the image
        net.output(net.chain(net.input(f"x{len(net.graph.outputs)}", size), conv))
    return net.graph


def by_tiles(graph: Graph, cpu: str, k: int) -> dict[str, Choice]:
    """Winograd's algorithm for every other layer that can have it: F(2, 3), whose transforms round nothing."""
    fit: dict[str, str] = {}
    lanes = target(cpu).lanes
    for node in graph.nodes("conv"):
        (x,), op = graph.operands(node), node.op
        assert isinstance(op, Conv)
        inside, outside = x.type.known[0] // op.groups, op.channels // op.groups
        whole = op.groups == 1 or not (inside % lanes or outside % lanes)
        if whole and (exact := {"winograd2", "winograd2stride2"} & filterings(op, inside, lanes).keys()):
            (fit[node.name],) = exact
    made = {algorithm: chosen(graph, algorithm, cpu, k) for algorithm in set(fit.values())}
    return {name: made[algorithm][name] for name, algorithm in list(fit.items())[k % 2 :: 2]}


@pytest.mark.slow
@pytest.mark.parametrize("k", range(GRAPHS))
def test_convolutions_are_exact(k: int):
    cpu, random = LEVELS[k % len(LEVELS)], np.random.default_rng(k)
    lanes = target(cpu).lanes
    graph = convolutions(random, lanes)
    whole = graph.bind(
        {
            name: random.integers(-3, 4, param.type.shape).astype(np.float32)  # type: ignore[arg-type]
            for name, param in graph.params.items()
        }
    )
    inputs = {
        value.name: random.integers(-4, 5, (1 + k % 3, *value.type.known)).astype(np.float32) for value in whole.inputs
    }
    native = compile_native(whole, cpu, exact=True, choices=by_tiles(whole, cpu, k))
    assert {choice.algorithm for choice in native.program.schedule.choices.values()} >= {"direct", "winograd2"}
    results = every_way(native, inputs)
    for name, wanted in interpret(whole, inputs, np.float64).items():
        np.testing.assert_array_equal(results[name], wanted, str(whole.producer(whole.outputs[name]).op))
