"""Exit codes and messages: 0, 1, 2, 70, 130; a message that says what to do; never a traceback."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command import Command

CNNC = [sys.executable, "-m", "cnnc.cli"]


def test_version_is_fast():
    started = time.perf_counter()
    done = subprocess.run([*CNNC, "--version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"cnnc \d+\.\d+\.\d+\n", done.stdout)
    assert time.perf_counter() - started < 1  # 0.06 s where it was measured; CI machines stumble


def test_version_needs_no_numpy():
    """What makes it fast."""
    code = "import sys, cnnc.cli; sys.exit('numpy' in sys.modules or 'llvmlite' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_version_is_the_package_s():
    import importlib.metadata

    import cnnc

    assert importlib.metadata.version("cnnc") == cnnc.__version__


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["frobnicate"], 2, "no such command"),
        (["runn"], 2, "no such command 'runn'. Did you mean 'run'?"),
        (["run"], 2, "missing argument"),
        (["summary", "{edges}", "--size", "H"], 2, "`H` is not of the form H=480"),
        (["summary", "{edges}", "--size", "H=0"], 2, "`0` is no positive whole number"),
        (["summary", "{edges}"], 1, "the size `H` is not known"),
        (["summary", "gone.cnn"], 1, "cannot read gone.cnn"),
        (["check", "gone.cnn"], 1, "cannot read gone.cnn"),
        (["bench", "{digits}", "--weights", "gone.npz"], 1, "cannot read gone.npz"),
        (["bench", "{digits}", "--weights", "w.npz", "--random-weights", "1"], 2, "exclude one another"),
        (["bench", "{digits}", "--random-weights", "--plot"], 2, "'--plot' is not a valid whole number"),
        (["bench", "{digits}", "--seconds", "x"], 2, "'x' is not a valid number"),
        (["bench", "{digits}", "--target-cpu", "z80"], 1, "there is no target CPU `z80`"),
        (["run", "{digits}", "x.png", "--labels", "gone.txt"], 1, "gone.txt: No such file"),
        (["compile", "{digits}", "--print-after", "magic"], 2, "there is no pass `magic`"),
        (["compile", "{digits}", "-o", "x"], 2, "-o needs --emit"),
        (["verify", "{digits}", "gone.npz"], 1, "there is no file gone.npz"),
        (["verify", "{digits}", "--bisect", "--schedule", "x"], 2, "--bisect decides itself what --schedule would"),
        (["reduce", "{digits}", "--schedule", "x"], 2, "--schedule decides for layers that change"),
        (["reduce", "{digits}", "-o", "x"], 2, "-o x is no .cnn file"),
        (["reduce", "{digits}", "gone.npz"], 1, "there is no file gone.npz"),
    ],
)
def test_what_is_wrong_is_said(cnnc: Command, digits: str, edges: str, words: list[str], code: int, says: str):
    result = cnnc(*(word.format(digits=digits, edges=edges) for word in words))
    assert (result.exit_code, result.stdout) == (code, "")
    assert says in result.stderr
    assert result.stderr.startswith("error")
    assert "Traceback" not in result.stderr


def test_check_reports_all_files_and_fails_for_one(cnnc: Command, digits: str, edges: str, tmp_path: Path):
    assert cnnc("check", digits, edges).output == ""
    bad = tmp_path / "bad.cnn"
    bad.write_text("model M { input x: f32[N, 2]  output y = x -> dence(3) }\nmodel K { output z = q }\n")
    result = cnnc("check", digits, bad)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{bad}:1:47" in result.stderr
    assert f"{bad}:2:" in result.stderr


def test_our_own_fault_leaves_a_repro(cnnc: Command, digits: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def explode(*_: object, **__: object) -> None:
        raise ZeroDivisionError("boom")

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("cnnc.compiler.pipeline.choose", explode)
    result = cnnc("bench", digits)
    assert (result.exit_code, result.stdout) == (70, "")
    assert "cnnc broke one of its own rules: boom" in result.stderr
    assert "Traceback" not in result.stderr
    (folder,) = tmp_path.iterdir()
    assert str(folder) in result.stderr
    texts = {path.name: path.read_text() for path in folder.iterdir()}
    assert "ZeroDivisionError" in texts["traceback.txt"]
    assert "cnnc" in texts["command.txt"]
    assert "ended well: fuse_epilogues" in texts["graph.cnn"]
    assert "model Digits {" in texts["graph.cnn"]


def test_ctrl_c_says_so_and_ends_with_130(digits: str):
    started = subprocess.Popen(
        [*CNNC, "bench", digits, "--seconds", "60"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored in the background of a shell
    )
    while "llvmlite" not in Path(f"/proc/{started.pid}/maps").read_text():  # it has begun to compile, however slowly
        assert started.poll() is None
        time.sleep(0.1)
    time.sleep(0.5)
    started.send_signal(signal.SIGINT)
    out, err = started.communicate(timeout=20)
    assert (out, err.strip()) == ("", "interrupted")
    # Where Python was amid an `exec`, as dataclasses have, it ends by the signal itself, which shells call 130 as well.
    assert started.returncode in (130, -signal.SIGINT)


@pytest.mark.parametrize("work", ["codegen.build.object_of", "codegen.packed._write"])
def test_ctrl_c_waits_for_no_thread(digits: str, work: str):
    """Neither for one that compiles nor for one that packs: however long it takes, the process ends."""
    name, _, attribute = f"cnnc.compiler.{work}".rpartition(".")
    script = f"""
import signal, sys, time
from pkgutil import resolve_name
signal.signal(signal.SIGINT, signal.default_int_handler)
from cnnc.cli import entry

def slow(*_):
    print("at work\\n", end="", flush=True)
    time.sleep(1000)

setattr(resolve_name({name!r}), {attribute!r}, slow)
sys.argv[1:] = ["bench", {digits!r}]
entry()
"""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    started = subprocess.Popen([sys.executable, "-c", script], **pipes)
    assert started.stdout is not None
    assert started.stdout.readline() == "at work\n"
    time.sleep(0.5)  # now all threads are, and it waits for them
    started.send_signal(signal.SIGINT)
    try:
        out, err = started.communicate(timeout=60)
    finally:
        started.kill()
    assert (err.strip(), started.returncode) == ("interrupted", 130)
    assert set(out.splitlines()) <= {"at work"}


def test_ctrl_c_while_a_class_is_made(cnnc: Command, digits: str, monkeypatch: pytest.MonkeyPatch):
    """As `import` does, and Python 3.11 makes another error of it."""

    class Interrupted:
        def __set_name__(self, *_: object) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr("cnnc.compiler.pipeline.choose", lambda *_, **__: type("Made", (), {"field": Interrupted()}))
    result = cnnc("bench", digits)
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "interrupted\n")


def test_a_closed_pipe_is_no_reason_to_complain(digits: str):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*CNNC, "summary", digits], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert done.stderr == ""


def test_no_colour_where_nobody_looks(tmp_path: Path):
    bad = tmp_path / "bad.cnn"
    bad.write_text("model {")
    done = subprocess.run([*CNNC, "check", str(bad)], capture_output=True, text=True)
    assert done.returncode == 1
    assert "\x1b" not in done.stderr
