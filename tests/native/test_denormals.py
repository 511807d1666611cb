"""Denormal numbers are neither flushed on the way in nor on the way out.

They are whole multiples of 2**-149, so that sums of them with small whole weights are exact, and so are their results.
"""

from __future__ import annotations

import numpy as np
import pytest
from builder import Net, image, stage
from child import in_child
from harness import compile_native, every_cpu, run, truth

from cnnc.compiler.ir.operator import REGISTRY, Operator, bind
from cnnc.compiler.ir.types import ints
from cnnc.compiler.schedule.target import target

LEAST = 2.0**-149
STAGES: dict[str, tuple[Operator, ...]] = {
    "conv": (stage("conv", channels=19, kernel=3, pad=1, bias=False),),
    "conv, groups": (stage("conv", channels=4, kernel=3, groups=4, bias=False),),
    "depthwise": (stage("depthwise", kernel=3, pad=1, bias=False),),
    "conv_transpose": (stage("conv_transpose", channels=5, kernel=2, stride=2, bias=False),),
    "dense": (stage("flatten"), stage("dense", units=21, bias=False)),
    "maxpool": (stage("maxpool", kernel=2),),
    "avgpool": (stage("avgpool", kernel=2),),
    "global_avgpool": (stage("global_avgpool"),),
    "global_maxpool": (stage("global_maxpool"),),
    "sum": (stage("sum", axis=1),),
    "mean": (stage("mean", axis=2),),
    "resize": (stage("resize", h=8, w=8, coords="asymmetric"),),
    "transpose": (stage("transpose", order=[3, 1, 2]),),
    "upsample": (stage("upsample", n=2),),
    "pad": (stage("pad", size=(1, 1, 1, 1), mode="reflect"),),
    **{name: (stage(name),) for name in ("relu", "relu6", "abs", "tanh")},
    "leaky_relu": (stage("leaky_relu", a=0.5),),
    "scale": (stage("scale", k=0.25),),
    "back again": (stage("scale", k=2.0**100), stage("sqrt"), stage("mul", right=2.0**-80)),
    "add": (bind(REGISTRY["add"], {"right": 2.0**-140}),),
    "div": (bind(REGISTRY["div"], {"right": 2.0}),),
    "clip": (stage("clip", low=-(2.0**-130), high=2.0**-130),),
    "argmax": (stage("argmax"),),
}


@every_cpu
@pytest.mark.parametrize("name", STAGES)
def test_denormals_are_kept(cpu: str, name: str):
    channels, net, random = 2 * target(cpu).lanes + 4, Net(), np.random.default_rng(8)
    net.output(net.chain(net.input("x", image(channels, 4, 4)), *STAGES[name]))
    data = {n: random.integers(-2, 3, ints(p.type.shape)).astype(np.float32) for n, p in net.graph.params.items()}
    native = compile_native(net.graph.bind(data), cpu, exact=True)
    whole = 64 * random.integers(-100, 101, (2, channels, 4, 4))
    whole[1] = abs(whole[1])
    inputs = {"x": (whole * LEAST).astype(np.float32)}
    (given,), (wanted,) = in_child(lambda note: run(native, inputs)).values(), truth(native, inputs).values()
    np.testing.assert_array_equal(given, wanted.exact.astype(given.dtype))
    assert name in ("argmax", "back again") or ((given != 0) & (abs(given) < 2.0**-126)).any()
