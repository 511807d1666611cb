"""The cache: the same answers as from the compiler, or it is as if it were not there."""

import fcntl
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import Command
from safetensors.numpy import save, save_file

import cnnc
from cnnc.compiler.frontend.weights.digest import FileDigest
from cnnc.compiler.options import Options
from cnnc.compiler.pipeline import compile_graph
from cnnc.compiler.schedule.schedule import Choice
from cnnc.keys import key_of, state_of
from cnnc.runtime import runner as loop
from cnnc.runtime.abi import Artifact, Image
from cnnc.runtime.background import finish
from cnnc.runtime.errors import ModelError, WeightsError
from cnnc.runtime.runner import runner, runner_ir
from cnnc.runtime.store import Store, user_store
from cnnc.weights import bind, bound

TEXT = "model M { input x: f32[N, 3, 6, 6]  output y = x -> conv(20, 3) -> relu -> flatten -> dense(4) }"
NETWORK = cnnc.parse(TEXT)
WEIGHTS = cnnc.random_weights(NETWORK, 1)
X = np.random.default_rng(0).standard_normal((3, 3, 6, 6)).astype(np.float32)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of a process that has its native loop already, and keeps networks only."""
    runner()
    monkeypatch.setenv("CNNC_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Filled with a word whenever the compiler works."""
    made: list[str] = []

    def counted(*args: Any) -> Any:
        made.append("compiled")
        return compile_graph(*args)

    monkeypatch.setattr("cnnc.compiler.pipeline.compile_graph", counted)
    return made


def answer(**more: Any) -> np.ndarray:
    net = cnnc.compile(NETWORK, weights=WEIGHTS, **more)
    finish()
    return net(X)


def entry(folder: Path) -> Path:
    (path,) = folder.glob("*.cnnc")
    return path


def test_the_second_time_nothing_is_compiled_and_the_bits_are_the_same(folder: Path, compilations: list[str]):
    first = answer()
    np.testing.assert_array_equal(answer(), first)
    np.testing.assert_array_equal(answer(threads=2), first)
    assert compilations == ["compiled"]
    assert (folder.stat().st_mode & 0o777, entry(folder).stat().st_mode & 0o777) == (0o700, 0o600)


def test_no_answer_waits_for_the_disk_and_whoever_asks_next_does(
    folder: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
):
    answered, put = threading.Event(), Store.put

    def late(store: Store, key: str, artifact: Artifact) -> None:
        assert answered.wait(60)
        put(store, key, artifact)

    monkeypatch.setattr(Store, "put", late)
    first = cnnc.compile(NETWORK, weights=WEIGHTS)(X)
    assert not folder.exists()
    answered.set()
    np.testing.assert_array_equal(cnnc.compile(NETWORK, weights=WEIGHTS)(X), first)
    assert compilations == ["compiled"]


def test_a_process_that_ends_meanwhile_keeps_what_it_made(folder: Path):
    """Its interpreter starts no more threads then."""
    script = f"""
import time
from concurrent.futures import ThreadPoolExecutor
import cnnc
from cnnc.runtime import store
from cnnc.runtime.runner import runner
other = ThreadPoolExecutor(1)
def write(*arguments, write=store._write):
    try:
        while other.submit(time.sleep, 0.01):
            time.sleep(0.01)
    except RuntimeError:  # there is no main thread any more
        write(*arguments)
network = cnnc.parse({TEXT!r})
runner(store.user_store())  # kept at once
store._write = write
cnnc.compile(network, weights=cnnc.random_weights(network, 1))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    assert len(list(folder.glob("*.cnnc"))) == 2


def test_a_start_from_the_cache_loads_neither_the_compiler_nor_llvm():
    script = (
        "import sys, cnnc, numpy as np; "
        f"network = cnnc.parse({TEXT!r}); net = cnnc.compile(network, weights=cnnc.random_weights(network, 1)); "
        "net(np.zeros((1, 3, 6, 6), np.float32)); "
        "print(*(name in sys.modules for name in "
        "('cnnc.compiler.pipeline', 'cnnc.compiler.passes', 'cnnc.compiler.codegen', 'llvmlite.binding')))"
    )
    command = [sys.executable, "-c", script]
    said = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert said == ["True True True True\n", "False False False False\n"]


def test_a_network_from_the_cache_outlives_its_entry(folder: Path):
    first = answer()
    net = cnnc.compile(NETWORK, weights=WEIGHTS)
    finish()
    entry(folder).unlink()
    np.testing.assert_array_equal(net(X), first)


def test_whoever_wants_to_see_compilation_does(compilations: list[str]):
    seen = []
    for _ in range(2):
        answer(cache=False, after=lambda name, stage, seconds: seen.append(name))
    assert len(compilations) == 2
    assert seen.count("build") == 2


def test_keys_differ_with_all_that_matters():
    graph = bind(NETWORK, WEIGHTS)
    other = {name: array.copy() for name, array in WEIGHTS.items()}
    other["conv_1.bias"][7] += 1e-7
    longer = cnnc.parse(TEXT.replace("relu", "tanh"))
    keys = [
        key_of(graph, Options()),
        key_of(graph, Options(cpu="x86-64")),
        key_of(graph, Options(exact=True)),
        key_of(graph, Options(batch=16)),
        key_of(graph, Options(disabled=frozenset({"fuse_epilogues"}))),
        key_of(graph, Options(choices={"y": Choice("direct", 2, 1)})),
        key_of(bind(NETWORK, other), Options()),
        key_of(bind(longer, WEIGHTS), Options()),
    ]
    assert len(set(keys)) == len(keys)
    assert key_of(bind(cnnc.parse(TEXT), WEIGHTS), Options()) == keys[0]


OTHER = {**WEIGHTS, "conv_1.bias": WEIGHTS["conv_1.bias"] + np.arange(20, dtype=np.float32)}


def test_keys_differ_with_files(tmp_path: Path):
    """Not with where they are."""
    names = ("a", "b", "c", "d")
    for name, weights in zip(names, (WEIGHTS, WEIGHTS, OTHER, WEIGHTS), strict=True):
        save_file(weights, tmp_path / f"{name}.safetensors")
    with (tmp_path / "d.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\1")
    keys = []
    for name in names:
        with bound(NETWORK, tmp_path / f"{name}.safetensors") as graph:
            keys.append(key_of(graph, Options()))
    assert keys[0] == keys[1]
    assert len({*keys}) == 3


def test_keys_differ_with_the_compilers_sources(tmp_path: Path):
    first, inner = tmp_path / "a.py", tmp_path / "inner" / "b.py"
    inner.parent.mkdir()
    first.write_text("a = 1")
    inner.write_text("b = 1")
    states = [state_of(str(tmp_path))]
    (tmp_path / "notes.txt").write_text("no source")
    assert state_of(str(tmp_path)) == states[0]
    os.utime(inner, ns=(0, inner.stat().st_mtime_ns + 1))
    states.append(state_of(str(tmp_path)))
    status = first.stat()
    first.write_text("a = 10")
    os.utime(first, ns=(0, status.st_mtime_ns))
    states.append(state_of(str(tmp_path)))
    first.rename(tmp_path / "c.py")
    states.append(state_of(str(tmp_path)))
    inner.unlink()
    states.append(state_of(str(tmp_path)))
    assert len(set(states)) == len(states)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A file, and its weights beside it."""
    (tmp_path / "m.cnn").write_text(TEXT)
    save_file(WEIGHTS, tmp_path / "m.safetensors")
    save_file(OTHER, tmp_path / "other.safetensors")
    return tmp_path / "m.cnn"


def test_the_digest_of_a_file_begins_before_the_model_is_read(
    model: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
):
    """Whether the file is beside it or given; answers are those of its numbers, the first time and from the cache."""
    order: list[str] = []

    def noted(what: str, function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **more: (order.append(what), function(*args, **more))[1]

    monkeypatch.setattr("cnnc.build.load", noted("load", cnnc.load))
    monkeypatch.setattr(FileDigest, "begin", noted("begin", FileDigest.begin))
    for weights, numbers in ((None, WEIGHTS), (model.with_name("other.safetensors"), OTHER)):
        expected = cnnc.compile(NETWORK, weights=numbers, cache=False)(X)
        for _ in range(2):
            order.clear()
            np.testing.assert_array_equal(cnnc.compile(model, weights=weights)(X), expected)
            finish()
            assert order[:2] == ["begin", "load"]
    assert len(compilations) == 4


def test_what_is_wrong_with_a_model_is_said_before_what_is_wrong_with_its_weights(model: Path):
    threads = threading.active_count()
    wrong = model.with_name("wrong.cnn")
    wrong.write_text(TEXT.replace("relu", "rellu"))
    damaged = model.with_name("damaged.safetensors")
    damaged.write_bytes(b"damaged")
    for weights in (damaged, model.with_name("missing.safetensors"), model.with_name("other.safetensors")):
        with pytest.raises(ModelError, match="rellu"):
            cnnc.compile(wrong, weights=weights)
    with pytest.raises(WeightsError, match="no sound"):
        cnnc.compile(model, weights=damaged)
    with pytest.raises(WeightsError, match="No such file"):
        cnnc.compile(model, weights=model.with_name("missing.safetensors"))
    assert threading.active_count() == threads


def test_a_file_that_changes_while_the_model_is_read_is_refused(
    model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    def meanwhile(*args: Any, **more: Any) -> cnnc.Network:
        model.with_suffix(".safetensors").write_bytes(save(OTHER))
        return cnnc.load(*args, **more)

    monkeypatch.setattr("cnnc.build.load", meanwhile)
    with pytest.raises(WeightsError, match="it changed while it was read"):
        cnnc.compile(model)
    finish()
    assert not [*folder.glob("*")]


def test_what_is_made_of_a_file_that_changes_meanwhile_is_not_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "w.safetensors"
    save_file(WEIGHTS, path)

    def meanwhile(*args: Any) -> Artifact:
        path.write_bytes(save({name: 2 * array for name, array in WEIGHTS.items()}))
        return compile_graph(*args)

    with monkeypatch.context() as patch:
        patch.setattr("cnnc.compiler.pipeline.compile_graph", meanwhile)
        with pytest.raises(WeightsError, match="it changed while it was read"):
            cnnc.compile(NETWORK, weights=path)
    finish()
    assert not [*folder.glob("*")]


def cut(data: bytearray) -> bytearray:
    return data[: len(data) // 2]


def empty(data: bytearray) -> bytearray:
    return bytearray()


def longer(data: bytearray) -> bytearray:
    return data + b"\0"


def older(data: bytearray) -> bytearray:
    return bytearray(bytes(data).replace(b'"version":', b'"version":0'))


def flipped(place: float) -> Callable[[bytearray], bytearray]:
    def flip(data: bytearray) -> bytearray:
        data[int(place * (len(data) - 1))] ^= 4
        return data

    flip.__name__ = f"flipped at {place}"
    return flip


DAMAGE = [cut, empty, longer, older, *(flipped(k / 40) for k in range(41))]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_damaged_entry_is_a_miss(folder: Path, compilations: list[str], damage: Callable[[bytearray], bytearray]):
    """But for bytes between the parts, which mean nothing."""
    first = answer()
    path = entry(folder)
    path.write_bytes(damage(bytearray(path.read_bytes())))
    np.testing.assert_array_equal(answer(), first)
    padding = path.read_bytes().find(b"\0" * 64)
    assert len(compilations) == 2 or padding > 0
    np.testing.assert_array_equal(answer(), first)


@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_a_folder_that_others_may_write_is_not_used(folder: Path, compilations: list[str], mode: int):
    answer()
    folder.chmod(mode)
    answer()
    assert len(compilations) == 2


def test_what_others_may_write_or_a_link_is_not_run(folder: Path, compilations: list[str]):
    answer()
    path = entry(folder)
    path.chmod(0o666)
    answer()
    assert len(compilations) == 2
    real = path.rename(folder / "elsewhere")
    path.symlink_to(real)
    answer()
    assert len(compilations) == 3


def test_a_folder_that_cannot_be_is_as_none(folder: Path, compilations: list[str]):
    folder.write_text("a file")
    np.testing.assert_array_equal(answer(), answer())
    assert len(compilations) == 2


def test_an_empty_variable_turns_it_off(monkeypatch: pytest.MonkeyPatch, compilations: list[str]):
    monkeypatch.setenv("CNNC_CACHE_DIR", "")
    assert user_store() is None
    np.testing.assert_array_equal(answer(), answer())
    assert len(compilations) == 2


def test_the_ones_not_used_for_longest_go_first(folder: Path):
    answer()
    artifact = Store(folder).get(entry(folder).stem)
    assert artifact is not None
    size = entry(folder).stat().st_size
    store = Store(folder, most_bytes=3 * size + 100)
    store.clear()
    for k, key in enumerate("abcd"):
        store.put(key, artifact)
        os.utime(folder / f"{key}.cnnc", (k, k))
    assert store.get("b") is not None
    store.put("e", artifact)
    assert {path.stem for path in store.entries()} == {"b", "e", "d"}
    Store(folder, most_bytes=size // 2).put("f", artifact)
    assert not (folder / "f.cnnc").exists()


def test_what_a_stopped_process_left_goes(folder: Path):
    """Not what somebody writes just now, unless all is to go."""
    answer()
    store, left, written = Store(folder), folder / "a.part", folder / "b.part"
    artifact = store.get(entry(folder).stem)
    assert artifact is not None
    left.touch()
    with written.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        store.put("c", artifact)
    assert not left.exists() and written.exists()
    store.clear()
    assert not [*folder.iterdir()]


def test_sixteen_processes_at_once(folder: Path, tmp_path: Path):
    script = f"""
import cnnc, numpy as np
network = cnnc.parse({TEXT!r})
net = cnnc.compile(network, weights=cnnc.random_weights(network, 1), threads=1)
print(net(np.full((1, 3, 6, 6), 0.3, np.float32)).tobytes().hex())
"""
    children = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(16)]
    answers = {child.communicate(timeout=120)[0] for child in children}
    assert len(answers) == 1 and "" not in answers
    assert [path.suffix for path in folder.iterdir()] == [".cnnc", ".cnnc"]  # the network, and the loop that runs it


@pytest.fixture
def loops(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Filled with a word whenever the native loop is compiled."""
    made: list[str] = []

    def counted(*args: str) -> Image:
        made.append("compiled")
        return compile_loop(*args)

    compile_loop = loop._compile
    monkeypatch.setattr(loop, "_compile", counted)
    monkeypatch.setattr(loop, "_made", [])
    return made


def anew(**more: Any) -> np.ndarray:
    """As a process answers that has no loop yet."""
    loop._made.clear()
    return answer(**more)


def kept_loop(folder: Path) -> Path:
    (path,) = (path for path in folder.glob("*.cnnc") if path.stat().st_size < 5000)
    return path


def test_the_loop_is_kept_too(folder: Path, loops: list[str]):
    first = anew()
    np.testing.assert_array_equal(anew(), first)
    np.testing.assert_array_equal(anew(threads=2), first)
    assert loops == ["compiled"]
    assert kept_loop(folder) in Store(folder).entries()


def test_without_the_cache_the_loop_is_not_kept(folder: Path, loops: list[str]):
    np.testing.assert_array_equal(anew(cache=False), anew(cache=False))
    assert len(loops) == 2 and not folder.exists()


@pytest.mark.parametrize("damage", [cut, empty, longer, older, flipped(0), flipped(0.05), flipped(0.3), flipped(0.45)])
def test_a_damaged_loop_is_a_miss(folder: Path, loops: list[str], damage: Callable[[bytearray], bytearray]):
    """Of the entry's bytes the last half are between the parts."""
    first = anew()
    path = kept_loop(folder)
    path.write_bytes(damage(bytearray(path.read_bytes())))
    np.testing.assert_array_equal(anew(), first)
    assert len(loops) == 2


@pytest.mark.parametrize("what", ["runner_ir", "llvmlite_version"])
def test_another_loop_has_another_entry(loops: list[str], monkeypatch: pytest.MonkeyPatch, what: str):
    first = anew()
    other = {"runner_ir": lambda machine: runner_ir(machine) + "; another", "llvmlite_version": "0"}[what]
    monkeypatch.setattr(loop, what, other)
    np.testing.assert_array_equal(anew(), first)
    assert len(loops) == 2


def test_the_verb(cnnc: Command, folder: Path):
    answer()
    facts = json.loads(cnnc("cache", "info", "--format", "json").stdout)
    assert (facts["folder"], facts["entries"]) == (str(folder), 1)
    assert facts["bytes"] == entry(folder).stat().st_size
    assert cnnc("cache", "info").stdout.startswith(f"{folder}: 1 entry, ")
    assert "1 entry deleted" in cnnc("cache", "clear").stderr
    assert "0 entries" in cnnc("cache", "info").stdout
