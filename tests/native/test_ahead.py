"""What convolutions fetch before they need it: the right layers do, and results are those of layers that do not."""

import ctypes
from collections.abc import Iterator

import pytest
from builder import Net, features, image, stage, with_random_weights
from harness import Native, compile_native, every_cpu, hold, images_for, run

from cnnc.compiler.codegen.emit import Emitter
from cnnc.compiler.codegen.kernels.ahead import Ahead
from cnnc.compiler.codegen.kernels.dense import STRETCH, Dense
from cnnc.compiler.codegen.kernels.direct import Direct
from cnnc.compiler.codegen.kernels.winograd import Winograd
from cnnc.compiler.ir.types import Type
from cnnc.compiler.schedule.schedule import BATCH_TILE
from cnnc.compiler.schedule.target import target

WIDE = "x86-64-v4"  # tiles, and what fits beside them, differ from CPU to CPU


def convolution(x: Type, **attributes: object) -> Net:
    net = Net()
    net.output(net.chain(net.input("x", x), stage("conv", **{"kernel": 1, **attributes})))
    return net


def only_kernel(native: Native) -> Direct | Winograd:
    (kernel,) = (kernel for kernel in native.program.kernels if isinstance(kernel, Direct | Winograd))
    return kernel


def ahead(native: Native) -> Ahead:
    return only_kernel(native).ahead


def value(native: Native, argument: str) -> int:
    """What the kernel is given: a number, or the offset of constants."""
    kernel = only_kernel(native)
    (step,) = (step for step in native.artifact.manifest.steps if step.kernel == native.program.kernels[kernel])
    return dict(zip(kernel.arguments, step.words, strict=True))[argument].value


@pytest.mark.parametrize(
    ("x", "channels", "fetched"),
    [
        (image(64, 14, 14), 384, True),
        (image(160, 7, 7), 960, True),
        (image(16, 64, 64), 96, False),  # many tiles: the first counts little
        (image(1024, 14, 14), 256, False),  # two groups' weights and the image do not fit the cache
    ],
)
def test_few_tiles_fetch_the_next_weights(x: Type, channels: int, fetched: bool):
    graph = convolution(x, channels=channels).graph
    hold(graph)
    assert ahead(compile_native(with_random_weights(graph), WIDE)).following == fetched


def test_winograds_blocks_of_few_chunks_fetch_the_next_points_weights():
    small = convolution(image(256, 14, 14), channels=256, kernel=3, pad=1)
    assert ahead(hold(small.graph)).following


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The addresses that code which is compiled meanwhile has fetched."""
    addresses: list[int] = []
    note = ctypes.CFUNCTYPE(None, ctypes.c_size_t)(addresses.append)
    place = ctypes.cast(note, ctypes.c_void_p).value

    def call(e: Emitter, pointer: str) -> None:
        e.do(f"call void inttoptr (i64 {place} to ptr)(ptr {pointer})")

    monkeypatch.setattr(Emitter, "prefetch", call)
    yield addresses


@every_cpu
@pytest.mark.parametrize(
    ("x", "attributes", "matrix"),
    [
        (image(64, 14, 14), {"channels": 384}, "weights_group"),
        (image(160, 7, 7), {"channels": 960}, "weights_group"),
        (image(64, 7, 9), {"channels": 96, "kernel": (1, 3)}, "weights_group"),
        (image(64, 14, 14), {"channels": 64, "kernel": 3, "pad": 1}, "weights_point"),
        (image(64, 56, 56), {"channels": 64, "kernel": 3, "pad": 1}, "weights_point"),
        (image(256, 14, 14), {"channels": 256, "kernel": 3, "pad": 1}, "weights_point"),
    ],
)
def test_each_line_of_the_next_weights_is_fetched(
    cpu: str, x: Type, attributes: dict[str, int], matrix: str, fetched: list[int]
):
    """The next are those of a group of output channels, or of one of Winograd's points: of all but the first, which
    nothing comes before."""
    native = compile_native(with_random_weights(convolution(x, **attributes).graph), cpu)
    assert ahead(native).following
    run(native, images_for(native.graph))
    (constant,) = (packed for name, packed in native.constants.items() if name.endswith(" weights"))
    weights = native.artifact.constants.ctypes.data + value(native, "@weights")
    line = native.program.schedule.target.line_bytes
    begin, second, end = (at // line for at in (weights, weights + value(native, matrix), weights + constant.nbytes))
    assert {address // line for address in fetched} & {*range(begin, end)} == {*range(second, end)}


@every_cpu
def test_of_a_batch_each_stretch_of_a_dense_layers_weights_is_fetched(cpu: str, fetched: list[int]):
    """While the one before is computed: of the first group all but its first stretch."""
    net = Net()
    graph = net.output(net.chain(net.input("x", features(1000)), stage("dense", units=250)))
    native = compile_native(with_random_weights(graph), cpu)
    run(native, images_for(native.graph, BATCH_TILE))
    (kernel,) = (kernel for kernel in native.program.kernels if isinstance(kernel, Dense))
    (step,) = (step for step in native.artifact.manifest.steps if step.kernel == native.program.kernels[kernel])
    words = dict(zip(kernel.arguments, step.words, strict=True))
    weights, line = native.artifact.constants.ctypes.data + words["@weights"].value, target(cpu).line_bytes
    second, end = (at // line for at in (weights + STRETCH, weights + words["weights_group"].value))
    assert {*range(second, end)} <= {address // line for address in fetched}


def test_weights_that_the_cache_does_not_keep_are_streamed_ahead():
    heavy = convolution(image(512, 14, 14), channels=512, kernel=3, stride=2, pad=1)
    light = convolution(image(64, 14, 14), channels=64, kernel=3, stride=2, pad=1)
    for net, streams in ((heavy, True), (light, False)):
        hold(net.graph, exact=True)
        native = compile_native(with_random_weights(net.graph), WIDE, exact=True)
        assert bool(ahead(native).stream) == streams


def test_large_tensors_of_an_epilogue_are_fetched_while_sums_are_computed():
    net = Net()
    x, y = net.input("x", image(16, 264, 264)), net.input("y", image(16, 264, 264))
    sums = net.chain(x, stage("conv", channels=16, kernel=1))
    net.output(net.apply(stage("add"), sums, net.chain(y, stage("relu"))).output)
    native = hold(net.graph)
    assert ahead(native).tensors
    assert any(kernel.epilogue.extras == ("tensor",) for kernel in native.program.kernels if isinstance(kernel, Direct))
