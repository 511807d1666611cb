"""Whatever a `.cnn` file holds: success, or a finding with a code, in little time and memory.

What costs more than a moment is marked slow.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import texts
from jail import MEGABYTES, Jail, Outcome
from texts import model, nested

SECONDS = 2.0
CODE = re.compile(r"^(error|warning|note)\[[EW]\d{4}\]: ", re.MULTILINE)
VERBS = ("check", "fmt", "summary", "cnnc.parse", "cnnc.load")


@pytest.fixture(scope="module")
def jail() -> Iterator[Jail]:
    jail = Jail()
    yield jail
    jail.close()


def holds(outcome: Outcome) -> None:
    assert outcome.code in (0, 1), outcome.err[-2000:]
    assert outcome.code == 0 or CODE.search(outcome.err), outcome.err[-2000:]
    assert "Traceback" not in outcome.err
    assert outcome.seconds < SECONDS
    assert outcome.megabytes < MEGABYTES


def ask_all(text: str, jail: Jail, folder: Path, verbs: tuple[str, ...] = VERBS) -> None:
    for verb in verbs:
        (folder / "m.cnn").write_text(text)
        holds(jail.run(verb, "m.cnn", folder=folder))


@pytest.mark.parametrize("depth", [30, pytest.param(150, marks=pytest.mark.slow), 5_000])
@pytest.mark.parametrize("name", texts.DEEP)
def test_nesting(name: str, depth: int, jail: Jail, tmp_path: Path):
    opened, inner, closed = texts.DEEP[name]
    text = f"const a = [1]\nconst z = {nested(opened, inner, closed, depth)}\n{model('conv(z, 1)')}"
    ask_all(text, jail, tmp_path)


@pytest.mark.parametrize("name", texts.HUGE)
def test_much_from_little(name: str, jail: Jail, tmp_path: Path):
    ask_all(texts.HUGE[name], jail, tmp_path, ("check", "summary", "cnnc.parse"))


@pytest.mark.parametrize("name", ["a string", "a name", "digits", "digits of a real", "blanks", "quotes", "hashes"])
def test_long_words(name: str, jail: Jail, tmp_path: Path):
    ask_all(f"const z = {texts.SHALLOW[name]}\n{model('conv(z, 1)')}", jail, tmp_path, ("check", "fmt"))


TEN_MB = {"(": b"(", "-": b"-", "one line": b"x", "NULs": b"\0", "no UTF-8": b"\xff", "half of UTF-8": b"\xc3\xa9\xc3"}


@pytest.mark.parametrize("name", TEN_MB)
def test_ten_megabytes(name: str, jail: Jail, tmp_path: Path):
    byte = TEN_MB[name]
    for size in (10, 900_000, 10_000_000):
        (tmp_path / "m.cnn").write_bytes(byte * (size // len(byte)))
        for verb in ("check", "fmt", "cnnc.load"):
            holds(jail.run(verb, "m.cnn", folder=tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["check", "fmt", "summary"])
@pytest.mark.parametrize("name", [*texts.SHALLOW, *texts.WHOLE, *texts.SHARED])
def test_large_texts(name: str, verb: str, jail: Jail, tmp_path: Path):
    text = f"const z = {texts.SHALLOW[name]}\n{model('conv(z, 1)')}" if name in texts.SHALLOW else ""
    text = text or texts.WHOLE.get(name) or texts.SHARED[name]
    ask_all(text, jail, tmp_path, (verb,))


@pytest.mark.slow
@pytest.mark.parametrize("name", texts.ALLOWED)
def test_all_that_is_allowed(name: str, jail: Jail, tmp_path: Path):
    ask_all(texts.ALLOWED[name], jail, tmp_path, ("check",))


# What is no file, or another one.


def uses(path: str) -> str:
    return f'use "{path}" as other\n{model("other.b", shape="3, 8, 8")}'


@pytest.mark.parametrize("what", ["fifo", "folder", "device", "loop", "nothing", "link out"])
def test_what_is_no_model(what: str, jail: Jail, tmp_path: Path):
    """As the file, and as a file that it uses."""
    folder, other = tmp_path / "models", tmp_path / "models" / "other.cnn"
    folder.mkdir()
    (tmp_path / "secret.cnn").write_text("block b = relu")
    match what:
        case "fifo":
            os.mkfifo(other)
        case "folder":
            other.mkdir()
        case "device":
            other.symlink_to("/dev/zero")
        case "loop":
            other.symlink_to(other)
        case "link out":
            other.symlink_to(tmp_path / "secret.cnn")
    (folder / "m.cnn").write_text(uses("other.cnn"))
    assert jail.run("check", "m.cnn", folder=folder).code == 1
    for verb in ("check", "summary", "cnnc.load"):
        holds(jail.run(verb, "m.cnn", folder=folder))
        holds(jail.run(verb, "other.cnn", folder=folder))
    holds(jail.run("fmt", "other.cnn", folder=folder))


@pytest.mark.parametrize(
    "path",
    [
        "../secret.cnn",
        "/etc/passwd",
        "/dev/zero",
        "x" * 5000 + ".cnn",
        "a/../../secret.cnn",
        "",
        ".",
        "..",
        "~",
        "HERE/../secret.cnn",
    ],
)
def test_ways_out(path: str, jail: Jail, tmp_path: Path):
    (tmp_path / "secret.cnn").write_text("block b = relu")
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "m.cnn").write_text(uses(path.replace("HERE", str(folder))))
    outcome = jail.run("check", "m.cnn", folder=folder)
    holds(outcome)
    assert outcome.code == 1


def test_files_that_use_one_another(jail: Jail, tmp_path: Path):
    for k in range(150):
        (tmp_path / f"f{k}.cnn").write_text(f'use "f{k + 1}.cnn" as next\nblock b = next.b\n')
    (tmp_path / "f150.cnn").write_text("block b = relu")
    (tmp_path / "m.cnn").write_text(uses("f0.cnn"))
    outcome = jail.run("check", "m.cnn", folder=tmp_path)
    holds(outcome)
    assert "E0335" in outcome.err
    (tmp_path / "f3.cnn").write_text('use "f0.cnn" as next\nblock b = next.b\n')
    outcome = jail.run("check", "m.cnn", folder=tmp_path)
    holds(outcome)
    assert "E0223" in outcome.err


NINES = "9" * 5000
VALUES = ["9**9**9**9", "(" * 5000, "1e999", "-1", "[1, 2]", "x" * 100_000, "", "relu", NINES, "{1}", "1 1", "M"]
SETTINGS = [*(f"classes={value}" for value in VALUES), "classes", "=1", "unknown=1"]
HEIGHTS = ["0", "-1", "99999999999", NINES, "1e9", "x", "2147483647", "9223372036854775808"]
SIZES = [*(f"H={height}" for height in HEIGHTS), "H", "N=3", "Q=3"]


@pytest.mark.parametrize("option", [*SETTINGS, *SIZES])
def test_options(option: str, jail: Jail, tmp_path: Path):
    (tmp_path / "m.cnn").write_text(
        "model M(classes=10) { input x: f32[N, 3, 32*H, W] output y = x -> conv(classes, 3) -> global_avgpool }"
    )
    name = "--set" if option in SETTINGS else "--size"
    more = () if name == "--size" else ("--size", "H=32")
    for verb in ("summary", *(["check"] if name == "--size" else [])):
        outcome = jail.run(verb, name, option, *more, "--size", "W=8", "m.cnn", folder=tmp_path)
        assert outcome.code in (0, 1, 2), outcome.err[-2000:]
        assert "Traceback" not in outcome.err
        assert outcome.code != 1 or CODE.search(outcome.err)
        assert outcome.seconds < SECONDS
        assert outcome.megabytes < MEGABYTES
