"""What the tests of operator records share: applying one, with its shape rule held against its result."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import cnnc.compiler.ops  # noqa: F401  fills the registry
from cnnc.compiler.ir.operator import REGISTRY, bind
from cnnc.compiler.ir.types import Type


@pytest.fixture
def apply() -> Callable[..., Any]:
    """Run a stage's reference; parameters by role in `params`. Shapes must be the ones that its rules say."""

    def run(name: str, *arrays: np.ndarray, params: dict[str, np.ndarray] | None = None, **attributes: Any) -> Any:
        op, given = bind(REGISTRY[name], attributes), params or {}
        types = [Type("i64" if array.dtype.kind == "i" else "f32", array.shape) for array in arrays]
        wanted = {role: spec.shape for role, spec in op.params(*types).items()}
        assert wanted == {role: array.shape for role, array in given.items()}
        result, inferred = op.reference(*arrays, **given), op.infer(*types)
        pairs = zip(result, inferred, strict=True) if isinstance(inferred, tuple) else [(result, inferred)]
        for array, type_ in pairs:
            assert np.shape(array) == type_.shape
        return result

    return run


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)
