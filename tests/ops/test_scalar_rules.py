"""Elementwise operators say what they mean twice; here both are heard by NumPy and must agree."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import cnnc.compiler.ops  # noqa: F401  fills the registry
from cnnc.compiler.ir.operator import REGISTRY, bind
from cnnc.compiler.ir.types import Type


class Spoken:
    """The words of `Scalar`, spoken in NumPy arrays of one precision."""

    def __init__(self, precision: type[np.floating]):
        self.of = lambda value: np.asarray(value, precision)

    def add(self, a, b):
        return self.of(a) + self.of(b)

    def sub(self, a, b):
        return self.of(a) - self.of(b)

    def mul(self, a, b):
        return self.of(a) * self.of(b)

    def div(self, a, b):
        return self.of(a) / self.of(b)

    def fma(self, a, b, c):
        return self.of(a.astype(np.float64) * b + c)

    def less(self, a, b):
        return self.of(a) < self.of(b)

    def select(self, condition, a, b):
        return np.where(condition, self.of(a), self.of(b))

    def sqrt(self, a):
        return np.sqrt(a)

    def abs(self, a):
        return np.abs(a)

    def exp(self, a):
        return self.of(np.exp(a.astype(np.float64)))

    def log(self, a):
        return self.of(np.log(a.astype(np.float64)))

    def tanh(self, a):
        return self.of(np.tanh(a.astype(np.float64)))

    def sigmoid(self, a):
        return self.of(1 / (1 + np.exp(-a.astype(np.float64))))

    def normal(self, a):
        return self.of((1 + np.vectorize(math.erf)(a.astype(np.float64) * math.sqrt(0.5))) / 2)

    def round(self, a):
        return np.rint(a)


CHANNELS = 3
ODD_NUMBERS = [0.0, -0.0, math.inf, -math.inf, math.nan, 1e-30, -1e-30, 3.0, -3.0, 6.0, 20.0, -20.0, 90.0, -90.0, 255.5]
PLAIN = """
    relu relu6 leaky_relu prelu elu selu gelu silu mish sigmoid tanh softplus hardsigmoid hardswish
    sqrt abs exp log batchnorm add mul sub div to_u8
"""
STAGES: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in PLAIN.split()),
    ("leaky_relu", {"a": -0.5}),
    ("clip", {"low": -1.5, "high": 2}),
    ("threshold", {"t": 3}),
    ("scale", {"k": 1 / 255}),
    ("normalize", {"mean": [0.5, 1, -2], "std": [0.25, 3, 1]}),
    ("normalize", {"mean": 0.5, "std": [0.25, 3, 1]}),
    ("normalize", {"mean": 120, "std": 60}),
    *((name, {side: 2.5}) for name in ("add", "mul", "sub", "div") for side in ("left", "right")),
]


def samples(count: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    smooth = rng.normal(size=(CHANNELS, 200)) * 4
    small = smooth * 10.0 ** rng.uniform(-12, 0, smooth.shape)
    odd = np.tile(ODD_NUMBERS, (CHANNELS, 1))
    x = np.concatenate([smooth, small, odd], axis=1)[None]
    return np.stack([x, *(rng.permuted(x, axis=2) for _ in range(count - 1))])


def stated(name: str, attributes: dict[str, Any], precision: type[np.floating]) -> tuple[np.ndarray, np.ndarray]:
    """What the reference (in float64) and the scalar rule (in `precision`) make of the samples."""
    op = bind(REGISTRY[name], attributes)
    several = op.inputs is None and not attributes
    operands = samples(2 if several else 1)
    operands = operands.astype(np.float32).astype(np.float64)
    types = [Type("f32", x.shape) for x in operands]
    rng = np.random.default_rng(5)
    roles = {r: rng.uniform(0.1, 2, s.shape).astype(np.float32) for r, s in op.params(*types).items()}  # type: ignore[arg-type]
    tables = {role: table.reshape(CHANNELS, 1) for role, table in op.tables(**roles).items()}
    assert all(table.dtype == np.float32 for table in tables.values())
    assert op.scalar is not None
    with np.errstate(all="ignore"):
        reference = op.reference(*operands, **{role: table.astype(np.float64) for role, table in roles.items()})
        spoken = op.scalar(Spoken(precision), *operands.astype(precision), **tables)
    assert isinstance(reference, np.ndarray)
    return reference, np.broadcast_to(spoken, reference.shape)


def test_every_elementwise_operator_is_tried():
    elementwise = {name for name, record in REGISTRY.items() if record.scalar is not None}
    assert elementwise == {name for name, _ in STAGES}


@pytest.mark.parametrize(("name", "attributes"), STAGES)
def test_a_scalar_rule_is_its_reference(name, attributes):
    reference, spoken = stated(name, attributes, np.float64)
    tables = name in ("batchnorm", "normalize")  # rounded to float32
    assert_allclose(spoken, reference, rtol=1e-6 if tables else 1e-12, atol=1e-6 if tables else 1e-15)


@pytest.mark.parametrize(("name", "attributes"), STAGES)
def test_a_scalar_rule_rounds_well_in_single_precision(name, attributes):
    """A few units in the last place of the result, near zero and far from it: nothing cancels."""
    reference, spoken = stated(name, attributes, np.float32)
    ulp = 2.0**-23
    absolute = 1e-6 if name in ("batchnorm", "normalize") else 4 * ulp if name == "gelu" else 1e-37  # counted from 1/2
    with np.errstate(over="ignore"):
        reference = reference.astype(np.float32)
    assert_allclose(spoken, reference, rtol=8 * ulp, atol=absolute)
