"""The transcendental functions in vectors: their errors over all of float32, measured in units of 2**-24."""

import math

import numpy as np
import pytest
from builder import Net, features, stage
from child import in_child
from harness import compile_native, every_cpu, run

from cnnc.compiler.tolerance import ELEMENTWISE, LARGEST, UNDERFLOW, U, distance

COUNT = 1 << 15
# The functions that polynomials stand for, and the rules that are made of several.
EXACT = {
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "gelu": lambda x: x * np.vectorize(lambda v: 1 - math.erf(v) if v < 5 else math.erfc(v))(-x / math.sqrt(2)) / 2,
    "silu": lambda x: x / (1 + np.exp(-x)),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0))),
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    "mish": lambda x: x * np.tanh(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))),
}


def everywhere() -> np.ndarray:
    """Every exponent and sign, and more of them where functions bend."""
    random = np.random.default_rng(8)
    bits = random.integers(0, 1 << 32, COUNT // 4, dtype=np.uint32).view(np.float32)
    parts = [random.uniform(-reach, reach, COUNT // 4) for reach in (1.5, 12, 110)]
    return np.concatenate([bits[np.isfinite(bits)], *parts])[:COUNT].astype(np.float32)


def measured(cpu: str, name: str, numbers: np.ndarray) -> np.ndarray:
    """One function on many numbers, 256 of them an image."""
    net = Net()
    native = compile_native(net.output(net.chain(net.input("x", features(256)), stage(name))), cpu)
    padded = np.resize(numbers, (-(-len(numbers) // 256), 256))
    (result,) = in_child(lambda note: run(native, {"x": padded})).values()
    return result.reshape(-1)[: len(numbers)]


@every_cpu
@pytest.mark.parametrize("name", EXACT)
def test_functions_are_as_good_as_the_error_policy_says(cpu: str, name: str):
    numbers = everywhere()
    given = measured(cpu, name, numbers)
    x = numbers.astype(np.float64)
    with np.errstate(all="ignore"):
        exact = EXACT[name](x)
    np.testing.assert_array_equal(np.isnan(given), np.isnan(exact))
    inside = np.isfinite(exact) & (np.abs(exact) < LARGEST) & (distance(exact, given) > UNDERFLOW)
    magnitude = np.abs(x if name == "gelu" else exact)
    units = distance(exact, given)[inside] / (U * magnitude[inside])
    worst = np.argmax(units)
    allowed = ELEMENTWISE[name][0]
    assert units[worst] <= allowed, f"{units[worst]:.2f} u at {x[inside][worst]!r}, {allowed} allowed"


@every_cpu
def test_limits_and_signs(cpu: str):
    """NaN stays, infinities give limits, zeros keep their sign, nothing overflows on the way."""
    nan, inf = float("nan"), float("inf")
    numbers = np.array([nan, inf, -inf, 0.0, -0.0, 88.73, -104.0, 1e-40, -1.0], np.float32)
    wanted = {
        "exp": [nan, inf, 0, 1, 1, inf, 0, 1, 0.36787945],
        "log": [nan, inf, nan, -inf, -inf, 4.485598, nan, -92.1034, nan],
        "tanh": [nan, 1, -1, 0.0, -0.0, 1, -1, 1e-40, -0.7615942],
        "sigmoid": [nan, 1, 0, 0.5, 0.5, 1, 0, 0.5, 0.26894143],
        "softplus": [nan, inf, 0, math.log(2), math.log(2), 88.73, 0, math.log(2), 0.3132617],
        "relu": [nan, inf, 0, 0.0, 0.0, 88.73, 0, 1e-40, 0],
        "relu6": [nan, 6, 0, 0.0, 0.0, 6, 0, 1e-40, 0],
    }
    for name, values in wanted.items():
        given = measured(cpu, name, numbers)
        np.testing.assert_allclose(given, np.array(values, np.float32), rtol=3e-7, err_msg=name)
    assert np.signbit(measured(cpu, "tanh", numbers)[4])
