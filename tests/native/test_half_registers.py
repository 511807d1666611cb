"""Convolutions with so few channels that half a register has them: two pixels go through what follows as one."""

from __future__ import annotations

import numpy as np
import pytest
from builder import Net, image, stage
from child import in_child
from harness import compile_native, every_cpu, run, truth

from cnnc.compiler.codegen.kernels.direct import Direct
from cnnc.compiler.ir.operator import REGISTRY, bind
from cnnc.compiler.ir.types import ints
from cnnc.compiler.schedule.target import target


@every_cpu
@pytest.mark.parametrize("columns", [1, 2, 3, 7, 8, 28, 29])
@pytest.mark.parametrize("whole", [0, 1])
def test_each_pixel_meets_its_own_operands(cpu: str, columns: int, whole: int):
    """Numbers are small and whole, or halves, so that nothing is rounded."""
    lanes, net, random = target(cpu).lanes, Net(), np.random.default_rng(columns)
    channels = whole * lanes + lanes // 2 - 1
    value = net.chain(net.input("x", image(3, 3, columns + 2)), stage("conv", channels=channels, kernel=3))
    for name, size in (("tensor", (1, columns)), ("channel", (1, 1))):
        value = net.apply(bind(REGISTRY["add"], {}), value, net.input(name, image(channels, *size))).output
        value = net.chain(value, stage("prelu"))
    net.output(value)
    native = compile_native(net.graph, cpu, exact=True)
    (kernel,) = (kernel for kernel in native.program.kernels if isinstance(kernel, Direct))
    assert (kernel.last < lanes) == (lanes == 16)
    assert len(kernel.epilogue.links) == 4
    inputs = {
        v.name: random.integers(-8, 9, (2, *ints(v.type.shape[1:]))).astype(np.float32) for v in native.graph.inputs
    }
    (given,), (wanted,) = in_child(lambda note: run(native, inputs)).values(), truth(native, inputs).values()
    np.testing.assert_array_equal(given, wanted.exact.astype(np.float32))
