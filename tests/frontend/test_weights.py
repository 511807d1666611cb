"""Weights: read, compared with what the network wants, made up."""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from cnnc.compiler.frontend import load, parse_text
from cnnc.compiler.frontend.weights import deferred_weights, digest, load_weights, open_weights, random_weights
from cnnc.compiler.frontend.weights.fitting import fit
from cnnc.compiler.ir.deferred import Deferred, sum_of
from cnnc.runtime.errors import WeightsError

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def digits():
    return load(EXAMPLES / "digits.cnn").graph


@pytest.fixture(scope="module")
def files(digits, tmp_path_factory):
    """The same weights as `.safetensors` and `.npz`."""
    npz = tmp_path_factory.mktemp("weights") / "digits.npz"
    np.savez(npz, allow_pickle=False, **random_weights(digits, seed=1))
    return [EXAMPLES / "digits.safetensors", npz]


def test_files_fit_their_network(digits, files):
    for file in files:
        bound = load_weights(digits, file)
        assert all(param.data is not None and param.data.dtype == np.float32 for param in bound.params.values())


def test_all_that_does_not_fit_is_listed_with_the_likely_rename(digits):
    data = random_weights(digits)
    data["fc.weight"] = data.pop("classifier.weight")
    data["bn.num_batches_tracked"] = np.array(3)
    data["conv1.bias"] = np.zeros(3, np.float32)
    data["conv2.bias"] = data["conv2.bias"].astype(np.float64)
    with pytest.raises(WeightsError) as caught:
        fit(digits, data, "mine.npz")
    assert caught.value.code == "E0402"
    assert (
        caught.value.message
        == """\
mine.npz does not fit Digits
  = missing: `classifier.weight` [10, 128]: is it `fc.weight`?
  = not wanted: `fc.weight` [10, 128]
  = misshaped: `conv1.bias` [3], wanted [32]
  = not f32: `conv2.bias` float64"""
    )


def test_arrays_are_read_as_numpy_wrote_them(tmp_path):
    """In both orders of axes, compressed or not, larger than one reading."""
    random = np.random.default_rng(0)
    arrays = {
        "number": np.float32(3),
        "fortran": np.asfortranarray(random.random((3, 4, 5), np.float32)),
        "large": random.random((700, 1000), np.float32),
    }
    for k, save in enumerate((np.savez, np.savez_compressed)):
        save(tmp_path / f"{k}.npz", **arrays)
        with open_weights(tmp_path / f"{k}.npz") as file:
            for name, array in arrays.items():
                read = file.tensors[name].read()
                assert read.flags.c_contiguous
                np.testing.assert_array_equal(read, array)


def test_what_is_not_wanted_is_not_read(digits, tmp_path):
    """PyTorch counts the batches that a normalization has seen."""
    data = random_weights(digits)
    save_file({**data, "bn.num_batches_tracked": np.array(3)}, tmp_path / "w.safetensors")
    bound = load_weights(digits, tmp_path / "w.safetensors")
    assert set(bound.params) == set(data)


def test_the_search_for_renames_ends_soon():
    """Though a file may have thousands of tensors that each of the missing ones might be."""
    graph = parse_text("model M { input x: f32[N, 4]  output y = x -> repeat(10, dense(4)) }").graph
    alike = {f"{'layer' * 12}{k}.weight": np.zeros((4, 4), np.float32) for k in range(8000)}
    started = time.process_time()
    with pytest.raises(WeightsError, match="is it `layer"):
        fit(graph, alike)
    assert time.process_time() - started < 2


def test_numbers_that_are_read_late_are_the_same(digits, files):
    whole = load_weights(digits, files[0])
    with deferred_weights(digits, files[0]) as late:
        for name, param in late.params.items():
            assert isinstance(param.data, Deferred)
            numbers = np.asarray(whole.params[name].data)
            np.testing.assert_array_equal(np.asarray(param.data), numbers)
            np.testing.assert_array_equal(param.data[1:3], numbers[1:3], strict=True)


def test_no_byte_of_a_file_changes_without_its_digest(tmp_path, monkeypatch):
    """Of a file of several blocks, the last one short."""
    monkeypatch.setattr(digest, "BLOCK", 1000)

    def of(data: bytes) -> bytes:
        (tmp_path / "f").write_bytes(data)
        with (tmp_path / "f").open("rb") as file, digest.FileDigest(file.fileno(), len(data)) as found:
            return found()

    data = np.random.default_rng(0).bytes(7300)
    flipped = [data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] for at in (*range(0, 7300, 300), 7299)]
    others = [data + b"\0", data[:-1], data[:7000], data[1000:2000] + data[:1000] + data[2000:], b"", *flipped]
    assert len({of(data), *map(of, others)}) == 1 + len(others)
    assert of(data) == of(data)


def test_tensors_of_one_file_are_told_from_one_another(digits, files):
    with deferred_weights(digits, files[0]) as graph:
        sums = {sum_of(param.data) for param in graph.params.values() if param.data is not None}
        assert len(sums) == len(graph.params)


def test_a_file_that_changes_while_it_is_open_is_refused(digits, files, tmp_path):
    changing = tmp_path / "w.safetensors"
    changing.write_bytes(files[0].read_bytes())
    with pytest.raises(WeightsError, match="it changed while it was read"), deferred_weights(digits, changing) as late:
        late.read()
        with changing.open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"\1")


@pytest.mark.parametrize("kind", [0, 1])
def test_files_that_shrink_are_refused(digits, kind, files, tmp_path):
    shrinking = tmp_path / files[kind].name
    shrinking.write_bytes(files[kind].read_bytes())
    with pytest.raises(WeightsError, match="is no sound"), open_weights(shrinking) as file:
        os.truncate(shrinking, 2000)
        file.bind(digits).read()


def test_a_file_that_shrinks_is_refused_where_its_digest_is_wanted(digits, files, tmp_path):
    shrinking = tmp_path / "w.safetensors"
    shrinking.write_bytes(files[0].read_bytes())
    with pytest.raises(WeightsError, match="became shorter"), deferred_weights(digits, shrinking) as graph:
        os.truncate(shrinking, 2000)
        late = graph.params["conv1.bias"].data
        assert late is not None
        sum_of(late)


def test_weights_that_memory_has_no_room_for_are_refused(tmp_path):
    """The network wants 400 MB, and the file has them: it is a hole."""
    graph = parse_text("model M { input x: f32[N, 10000]  output y = x -> dense(10000, bias=false) as fc }").graph
    about = {"dtype": "F32", "shape": [10_000, 10_000], "data_offsets": [0, 400_000_000]}
    header = json.dumps({"fc.weight": about}).encode()
    (tmp_path / "w.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    os.truncate(tmp_path / "w.safetensors", 8 + len(header) + 400_000_000)
    with memory_for(100_000_000), pytest.raises(WeightsError, match="there is not enough memory"):
        load_weights(graph, tmp_path / "w.safetensors")


@contextmanager
def memory_for(more: int) -> Iterator[None]:
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + more, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (before, most))


def test_files_that_may_not_be_read_are_refused(files, tmp_path):
    closed = tmp_path / "closed.npz"
    closed.write_bytes(files[1].read_bytes())
    closed.chmod(0)
    with (
        as_nobody(),
        pytest.raises(WeightsError, match=r"cannot read .*closed.npz: Permission denied"),
        open_weights(closed),
    ):
        pass


@contextmanager
def as_nobody() -> Iterator[None]:
    """Lay down the rights of root, who may read everything."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


def test_random_weights_start_as_the_operators_say():
    graph = load(EXAMPLES / "resnet.cnn:ResNet18").graph
    data = random_weights(graph, seed=3)
    kernel = data["trunk_1.conv_bn_1.conv_1.weight"]
    assert kernel.std() == pytest.approx(np.sqrt(2 / kernel[0].size), rel=0.05)
    assert (data["trunk_1.conv_bn_1.batchnorm_1.running_var"] == 1).all()
    assert (data["dense_1.bias"] == 0).all()
    assert (random_weights(graph, seed=3)["dense_1.weight"] == data["dense_1.weight"]).all()
