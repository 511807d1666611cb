"""The table of measured errors: what it says is found where it says, nothing larger is, and the bounds hold it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from inspect import signature
from itertools import chain

import accuracy
import numpy as np
import pytest
from accuracy import DENSE, SPARSE, TRUTHS, Error, errors, inputs, largest, parsed, shown
from builder import stage
from harness import runs_here

from cnnc.compiler.tolerance import ELEMENTWISE, UNDERFLOW, U

PAGE = accuracy.PAGE.read_text(encoding="utf-8")
TABLE = accuracy.read(PAGE)
LEVELS = [level for level in accuracy.LEVELS if runs_here(level)]
FEW = DENSE * 601, SPARSE * 61  # some of the numbers that the table is made of
every_function = pytest.mark.parametrize("name", TRUTHS)

native = lru_cache(accuracy.Native)


@lru_cache
def sample() -> np.ndarray:
    return np.concatenate(list(inputs(*FEW)))


# Of elementwise operators that have no defaults.
ATTRIBUTES = {
    "clip": {"low": 0, "high": 1}, "threshold": {"t": 0}, "scale": {"k": 2}, "normalize": {"mean": 0, "std": 1},
}  # fmt: skip


class Spoken:
    """Notes which words an operator's rule is spoken in."""

    def __init__(self):
        self.words: set[str] = set()

    def __getattr__(self, word: str) -> Callable[..., float]:
        return lambda *values: self.words.add(word) or 0.5


def test_the_table_has_every_function():
    """Every word that is no arithmetic, every operator that uses one, and what is not elementwise and does."""
    wanted = {"softmax", "log_softmax"}
    for name in ELEMENTWISE:
        spoken, op = Spoken(), stage(name, **ATTRIBUTES.get(name, {}))
        assert op.scalar is not None
        tables = [p.name for p in signature(op.scalar).parameters.values() if p.kind is p.KEYWORD_ONLY]
        op.scalar(spoken, *[0.5] * (op.inputs or 2), **dict.fromkeys(tables, 0.5))
        known = spoken.words & {"exp", "log", "tanh", "sigmoid", "normal"}
        wanted |= known | ({name} if known else set())
    assert TABLE.keys() == TRUTHS.keys() == wanted


@every_function
@pytest.mark.parametrize("level", LEVELS)
def test_the_largest_errors_are_where_the_table_says(level: str, name: str):
    for error in TABLE[name][level]:
        x = np.array([error.at], np.float32)
        with np.errstate(divide="ignore"):
            found = errors(name, x, native(name, level)(x), TRUTHS[name](x.astype(np.float64)))[0]
        assert parsed(shown(Error(found, error.at))) == error


@every_function
def test_no_error_is_larger(name: str):
    found = largest(name, {level: native(name, level) for level in LEVELS}, iter([sample()]))
    for level, pair in found.items():
        for error, known in zip(pair, TABLE[name][level], strict=True):
            assert error.ulp <= known.ulp, f"{shown(error)} on {level}"


@pytest.mark.parametrize("name", [name for name in TRUTHS if name in ELEMENTWISE or name == "normal"])
@pytest.mark.parametrize("level", LEVELS)
def test_bounds_hold_where_errors_are_largest(level: str, name: str):
    units = ELEMENTWISE[name][0] if name != "normal" else 3
    known = [error.at for error in chain.from_iterable(TABLE[name].values())]
    x = np.concatenate([np.array(known, np.float32), sample()])
    with np.errstate(all="ignore"):
        exact = TRUTHS[name](x.astype(np.float64))
    inside = np.abs(exact) <= accuracy.LARGEST
    x, exact = x[inside], exact[inside]
    size = np.abs(x if name == "gelu" else np.ones_like(x) if name == "normal" else exact)
    assert (np.abs(native(name, level)(x) - exact) <= units * U * size + UNDERFLOW).all()


@pytest.mark.parametrize("name", [name for name in TRUTHS if name not in ("tanh", "elu", "selu")])
@pytest.mark.skipif(not (runs_here("x86-64-v4") and runs_here("x86-64-v3")), reason="this machine lacks one of them")
def test_wider_registers_give_the_same_bits(name: str):
    narrow, wide = (native(name, level)(sample()).view(np.uint32) for level in ("x86-64-v3", "x86-64-v4"))
    np.testing.assert_array_equal(narrow, wide)


@pytest.mark.slow
@every_function
@pytest.mark.parametrize("level", LEVELS)
def test_the_table_is_as_measured(level: str, name: str):
    (found,) = largest(name, {level: native(name, level)}, inputs()).values()
    assert tuple(parsed(shown(error)) for error in found) == TABLE[name][level]
