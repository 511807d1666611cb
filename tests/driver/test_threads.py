"""Threads: the same bits for any number of them, many callers at once, forks, signals, and no core that burns."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

import cnnc
from cnnc.runtime.threads import available, quota

TEXT = """
block unit(c) = [conv(c, 3, pad=1) -> batchnorm -> relu, conv(c, 1)] -> add
model Mixed {
  input x: f32[N, 20, 13, 17]
  h = x -> unit(40) -> maxpool(3, stride=2, pad=1) -> unit(35) -> lrn(3)
  a, b = h -> [depthwise(3, pad=1), conv(35, 3, pad=2, dilation=2)]
  output probs = (a, b) -> concat -> conv_transpose(9, 2, stride=2) -> global_avgpool -> flatten -> dense(7) -> softmax
}
"""
NETWORK = cnnc.parse(TEXT)
WEIGHTS = cnnc.random_weights(NETWORK, 3)
MANY = np.random.default_rng(0).standard_normal((38, 20, 13, 17)).astype(np.float32)
X = MANY[:3]


def test_any_number_of_threads_gives_the_same_bits():
    """More than there are cores, too; of few images all threads share each, of many each takes some."""
    one = cnnc.compile(NETWORK, weights=WEIGHTS, threads=1)
    for threads in (2, 3, 4, 7):
        net = cnnc.compile(NETWORK, weights=WEIGHTS, threads=threads)
        assert net.threads == threads
        for images in (X, X[:1], MANY):
            right = one(images)
            for _ in range(10):
                np.testing.assert_array_equal(net(images), right)


def test_little_work_stays_on_one_thread():
    network = cnnc.parse("model M { input x: f32[N, 64]  output y = x -> dense(50) }")
    machine = cnnc.compile(network, weights=cnnc.random_weights(network, 0)).machine
    assert machine.threads_for(1) == 1
    assert machine.threads_for(100_000) == available()


def test_many_callers_and_many_networks_at_once():
    nets = [cnnc.compile(NETWORK, weights=WEIGHTS, threads=threads) for threads in (1, 2, 2, 3)]
    wanted = [nets[0](X * scale) for scale in range(8)]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda k: nets[k % len(nets)](X * (k % 8)), range(200)))
    for k, result in enumerate(results):
        np.testing.assert_array_equal(result, wanted[k % 8])


def test_a_forked_child_has_threads_of_its_own():
    net = cnnc.compile(NETWORK, weights=WEIGHTS, threads=2)
    wanted = net(X)
    children = [get_context("fork").Process(target=_call, args=(net, wanted)) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    np.testing.assert_array_equal(net(X), wanted)


def _call(net: cnnc.Net, wanted: np.ndarray) -> None:
    for _ in range(3):
        np.testing.assert_array_equal(net(X), wanted)


def test_a_fork_amid_a_call_leaves_no_lock_behind():
    net = cnnc.compile(NETWORK, weights=WEIGHTS, threads=2)
    many, wanted, done = np.repeat(X, 200, 0), net(X), threading.Event()

    def work() -> None:
        while not done.is_set():
            net(many)

    caller = threading.Thread(target=work)
    caller.start()
    try:
        for _ in range(5):
            time.sleep(0.02)
            process = get_context("fork").Process(target=_call, args=(net, wanted))
            process.start()
            process.join(60)
            assert process.exitcode == 0
    finally:
        done.set()
        caller.join()


def test_an_error_leaves_no_thread_amid_the_native_loop(monkeypatch: pytest.MonkeyPatch):
    """Which is made beside the passes."""
    made = []

    def make(store: object) -> None:
        time.sleep(0.5)
        made.append(store)

    monkeypatch.setattr("cnnc.build.runner", make)
    with pytest.raises(cnnc.TargetError, match="E0506"):
        cnnc.compile(NETWORK, weights=WEIGHTS, schedule={"no_layer": "direct 4x2"}, cache=False)
    assert made


def test_a_fork_after_an_error_finds_no_thread_amid_llvm(tmp_path: Path):
    """The child would wait for a lock that nobody opens."""
    script = f"""
import os, signal, sys
import cnnc
from cnnc.compiler.codegen import build
network = cnnc.parse({TEXT!r})
weights, rest, right = cnnc.random_weights(network), [True], build.object_of
def compile():
    cnnc.compile(network, weights=weights, threads=1)
def failing(*arguments):
    if rest:
        rest.pop()
        raise cnnc.InternalError("as a test wants it")
    return right(*arguments)
try:
    build.object_of = failing
    compile()
except cnnc.CnncError:
    child = os.fork()
    if not child:
        signal.alarm(60)
        build.object_of = right
        compile()
        os._exit(0)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
sys.exit("no error")
"""
    environment = {**os.environ, "CNNC_CACHE_DIR": str(tmp_path / "cache")}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=120)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_long_call_can_be_interrupted(threads: int):
    """Hours of images; a signal ends it, and the network works afterwards."""
    script = f"""
import signal
import cnnc
import numpy as np
signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background of a shell ignores it
network = cnnc.parse("model M {{ input x: f32[N, 1, 1, 1]  output y = x -> pad(40) -> conv(16, 9) -> global_avgpool }}")
net = cnnc.compile(network, weights=cnnc.random_weights(network, 0), threads={threads})
x = np.broadcast_to(np.float32(1), (30_000_000, 1, 1, 1))
print("running", flush=True)
try:
    net(x)
except KeyboardInterrupt:
    print(net(x[:1]).shape, flush=True)
"""
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "running\n"
        time.sleep(1)
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=60)
        assert out == "(1, 16, 1, 1)\n"
    finally:
        child.kill()


def test_no_core_burns_after_a_call():
    """Workers sleep: a second of doing nothing costs next to no time of any core."""
    net = cnnc.compile(NETWORK, weights=WEIGHTS, threads=4)
    net(X)
    before = time.process_time()
    time.sleep(1)
    assert time.process_time() - before < 0.1


def test_workers_end_with_the_process():
    """At once and without an accident, though they sleep in native code."""
    script = f"""
import cnnc
import numpy as np
network = cnnc.parse({TEXT!r})
net = cnnc.compile(network, weights=cnnc.random_weights(network, 3), threads=3)
net(np.zeros((1, 20, 13, 17), np.float32))
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@pytest.mark.parametrize("threads", [0, -1, 257, 2.0, "2"])
def test_numbers_that_are_none_are_refused(threads):
    with pytest.raises(cnnc.TargetError, match=r"wanted a number from 1 to 256"):
        cnnc.compile(NETWORK, weights=WEIGHTS, threads=threads)


def test_the_variable_and_the_affinity_limit_the_default(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("CNNC_NUM_THREADS", raising=False)
    assert 1 <= available() <= len(os.sched_getaffinity(0))
    monkeypatch.setenv("CNNC_NUM_THREADS", "3")
    assert available() == 3
    for wrong in ("many", "0", "9" * 5000):
        monkeypatch.setenv("CNNC_NUM_THREADS", wrong)
        with pytest.raises(cnnc.TargetError, match="CNNC_NUM_THREADS is"):
            available()


@pytest.mark.parametrize(
    ("own", "limits", "cores"),
    [
        ("0::/\n", {"": "200000 100000"}, 2),
        ("0::/\n", {"": "max 100000"}, 256),
        ("0::/\n", {"": "50000 100000"}, 1),
        ("0::/a/b\n", {"a": "300000 100000", "a/b": "max 100000"}, 3),
        ("0::/a/b\n", {"a": "300000 100000", "a/b": "150000 100000"}, 1),
        ("1:cpu:/\n", {"": "100000 100000"}, 256),
        ("", {}, 256),
    ],
)
def test_quotas_of_control_groups(tmp_path, own: str, limits: dict[str, str], cores: int):
    (tmp_path / "cgroup").write_text(own)
    for group, text in limits.items():
        folder = tmp_path / "fs" / group
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cpu.max").write_text(text)
    assert quota(tmp_path / "cgroup", tmp_path / "fs") == cores
