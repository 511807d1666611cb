"""The error policy: it forgives rounding, and nothing larger."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cnnc.compiler.ir.operator import REGISTRY, bind
from cnnc.tolerance import apply, distance, of_operator


@given(st.integers(0, 2**32), st.integers(1, 3000))
def test_single_precision_sums_are_within_the_bound(seed: int, features: int):
    random = np.random.default_rng(seed)
    dense = bind(REGISTRY["dense"], {"units": 4})
    x = random.standard_normal((2, features)).astype(np.float32)
    weights = {"weight": random.standard_normal((4, features)).astype(np.float32), "bias": np.ones(4, np.float32)}
    operands, wide = [x.astype(np.float64)], {role: array.astype(np.float64) for role, array in weights.items()}
    (truth,) = apply(dense, operands, wide)
    (allowed,) = of_operator(dense, operands, wide, [truth])
    (single,) = apply(dense, [x], weights)
    assert (distance(truth, single) <= allowed).all()
    dropped = x.copy()
    dropped[:, 0] = 0  # one product left out
    (wrong,) = apply(dense, [dropped], weights)
    lost = np.abs(x[:, :1] * weights["weight"][:, 0])
    assert (distance(truth, wrong) > allowed)[lost > 3 * allowed].all()


def test_distance_knows_nan_and_infinity():
    truth = np.array([np.nan, np.inf, np.inf, 1.0, 1.0])
    assert distance(truth, np.array([np.nan, np.inf, -np.inf, np.nan, 1.5])).tolist() == [0, 0, np.inf, np.inf, 0.5]


def test_bytes_may_round_the_other_way():
    op = bind(REGISTRY["to_u8"], {})
    truth = np.array([[3]], np.uint8)
    (allowed,) = of_operator(op, [np.array([[3.0]])], {}, [truth])
    assert allowed.tolist() == [[1.0]]
