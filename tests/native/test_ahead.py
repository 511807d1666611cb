"""What convolutions fetch before they need it: the right layers do, and results are those of layers that do not."""

import pytest
from builder import Net, image, stage
from harness import Native, hold

from cnnc.compiler.codegen.kernels.ahead import Ahead
from cnnc.compiler.codegen.kernels.direct import Direct
from cnnc.compiler.codegen.kernels.winograd import Winograd
from cnnc.compiler.codegen.program import Word
from cnnc.compiler.ir.types import Type


def convolution(x: Type, **attributes: object) -> Net:
    net = Net()
    net.output(net.chain(net.input("x", x), stage("conv", **{"kernel": 1, **attributes})))
    return net


def only_kernel(native: Native) -> Direct | Winograd:
    (kernel,) = (kernel for kernel in native.program.kernels if isinstance(kernel, Direct | Winograd))
    return kernel


def ahead(native: Native) -> Ahead:
    return only_kernel(native).ahead


def portion(native: Native) -> Word:
    """Bytes of the next weights that each block of channels fetches."""
    kernel = only_kernel(native)
    (step,) = (step for step in native.program.steps if step.kernel == native.program.kernels[kernel])
    return dict(zip(kernel.arguments, step.words, strict=True))["portion"]


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
    assert bool(portion(hold(convolution(x, channels=channels).graph))) == fetched


def test_winograds_blocks_of_few_chunks_fetch_the_next_points_weights():
    small = convolution(image(256, 14, 14), channels=256, kernel=3, pad=1)
    assert portion(hold(small.graph))


def test_weights_that_the_cache_does_not_keep_are_streamed_ahead():
    heavy = convolution(image(512, 14, 14), channels=512, kernel=3, stride=2, pad=1)
    assert ahead(hold(heavy.graph)).stream
    light = convolution(image(64, 14, 14), channels=64, kernel=3, stride=2, pad=1)
    assert not ahead(hold(light.graph)).stream


def test_large_tensors_of_an_epilogue_are_fetched_while_sums_are_computed():
    net = Net()
    x, y = net.input("x", image(16, 264, 264)), net.input("y", image(16, 264, 264))
    sums = net.chain(x, stage("conv", channels=16, kernel=1))
    net.output(net.apply(stage("add"), sums, net.chain(y, stage("relu"))).output)
    native = hold(net.graph)
    assert ahead(native).tensors
    assert any(kernel.epilogue.extras == ("tensor",) for kernel in native.program.kernels if isinstance(kernel, Direct))
