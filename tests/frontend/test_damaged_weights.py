"""Files of weights that are damaged at random give the right weights or a `WeightsError`, and nothing else."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from cnnc.compiler.frontend import parse_text
from cnnc.compiler.frontend.weights import load_weights
from cnnc.runtime.errors import WeightsError

GRAPH = parse_text(
    "model M { input x: f32[N, 2, 6, 6]  output y = x -> conv(3, 3) as c -> flatten -> dense(5) as d }"
).graph
SHAPES = {"c.weight": (3, 2, 3, 3), "c.bias": (3,), "d.weight": (5, 48), "d.bias": (5,)}
RIGHT = {name: np.random.default_rng(1).random(shape, np.float32) for name, shape in SHAPES.items()}


def npz(save) -> bytes:
    file = io.BytesIO()
    save(file, **RIGHT)
    return file.getvalue()


# Nothing in a .safetensors file tells whether a bit of its numbers was turned: what can be damaged is its header.
SAFETENSORS = save(RIGHT, metadata={"format": "pt"})
DATA = 8 + struct.unpack_from("<Q", SAFETENSORS)[0]
FILES = [
    (".safetensors", SAFETENSORS[:DATA], SAFETENSORS[DATA:]),
    (".npz", npz(np.savez), b""),
    (".npz", npz(np.savez_compressed), b""),
]


@st.composite
def damages(draw, head: bytes) -> bytes:
    """A file's head with some bytes changed, left out, put in, or copied over others."""
    damaged = bytearray(head)
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(damaged)))
        end = min(begin + draw(st.integers(0, 40)), len(damaged))
        copied = draw(st.integers(0, len(damaged)))
        damaged[begin:end] = draw(
            st.sampled_from([b"", bytes(damaged[copied : copied + end - begin])]) | st.binary(max_size=8)
        )
    return bytes(damaged)


def loaded(path: Path, data: bytes) -> dict[str, np.ndarray] | None:
    """The weights of a file with these bytes; None where it is refused."""
    path.write_bytes(data)
    try:
        return {name: np.asarray(param.data) for name, param in load_weights(GRAPH, path).params.items()}
    except WeightsError as error:
        assert max(map(len, str(error).splitlines())) < 400
        return None


def assert_right(weights: dict[str, np.ndarray] | None) -> None:
    if weights is not None:
        assert weights.keys() == RIGHT.keys()
        assert all(np.array_equal(weights[name], array) for name, array in RIGHT.items())


thorough = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.mark.parametrize(("suffix", "head", "rest"), FILES, ids=["safetensors", "stored", "deflated"])
def test_the_whole_file_is_right(suffix: str, head: bytes, rest: bytes, tmp_path: Path):
    weights = loaded(tmp_path / f"w{suffix}", head + rest)
    assert weights is not None
    assert_right(weights)


@pytest.mark.parametrize(("suffix", "head", "rest"), FILES, ids=["safetensors", "stored", "deflated"])
@thorough
@given(data=st.data())
def test_changed_bytes(suffix: str, head: bytes, rest: bytes, tmp_path: Path, data: st.DataObject):
    assert_right(loaded(tmp_path / f"w{suffix}", data.draw(damages(head)) + rest))


@pytest.mark.parametrize(("suffix", "head", "rest"), FILES, ids=["safetensors", "stored", "deflated"])
@thorough
@given(data=st.data())
def test_files_that_end_too_early(suffix: str, head: bytes, rest: bytes, tmp_path: Path, data: st.DataObject):
    whole = head + rest
    assert loaded(tmp_path / f"w{suffix}", whole[: data.draw(st.integers(0, len(whole) - 1))]) is None


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-4, 60)
    | st.floats()
    | st.sampled_from(["F32", "I64", "x"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["dtype", "shape", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@thorough
@given(name=st.sampled_from(sorted(SHAPES)), field=st.sampled_from(["dtype", "shape", "data_offsets"]), value=ANYTHING)
def test_changed_fields(name: str, field: str, value: object, tmp_path: Path):
    header = json.loads(SAFETENSORS[8:DATA])
    changed = json.dumps(header[name][field]) != json.dumps(value)
    header[name][field] = value
    text = json.dumps(header).encode()
    weights = loaded(tmp_path / "w.safetensors", struct.pack("<Q", len(text)) + text + SAFETENSORS[DATA:])
    assert (weights is None) == changed
    assert_right(weights)
