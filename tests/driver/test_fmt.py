"""`cnnc fmt`: which files it writes, what it says, and how it ends."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from click.testing import CliRunner
from command import Command, on_one_line

from cnnc.cli import main

LOOSE = "const a=[1 ,2]  # why\n"
NEAT = "const a = [1, 2]  # why\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with two files that differ from their layout, one that does not, and two that nobody meant."""
    (tmp_path / "deep").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ("loose.cnn", "deep/loose.cnn", ".hidden/loose.cnn", "loose.txt"):
        (tmp_path / name).write_text(LOOSE)
    (tmp_path / "neat.cnn").write_text(NEAT)
    return tmp_path


def test_files_and_folders_are_laid_out_in_place(cnnc: Command, files: Path):
    (files / "loose.cnn").chmod(0o600)
    done = cnnc("fmt", files)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f"formatted {files}/deep/loose.cnn\nformatted {files}/loose.cnn\n"
    assert {path.read_text() for path in files.glob("**/[!.]*.cnn") if ".hidden" not in path.parts} == {NEAT}
    assert (files / "loose.txt").read_text() == (files / ".hidden" / "loose.cnn").read_text() == LOOSE
    assert (files / "loose.cnn").stat().st_mode & 0o777 == 0o600
    assert cnnc("fmt", files).output == ""


def test_a_file_that_has_its_layout_is_not_written(cnnc: Command, files: Path):
    before = (files / "neat.cnn").stat()
    assert cnnc("fmt", files / "neat.cnn").output == ""
    after = (files / "neat.cnn").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_link_stays_one(cnnc: Command, files: Path):
    link = files / "link.cnn"
    link.symlink_to("loose.cnn")
    assert cnnc("fmt", link).stdout == f"formatted {link}\n"
    assert link.is_symlink()
    assert (files / "loose.cnn").read_text() == NEAT


def test_check_names_what_would_change(cnnc: Command, files: Path):
    done = cnnc("fmt", "--check", files / "loose.cnn", files / "neat.cnn")
    assert (done.exit_code, done.stdout) == (1, f"would format {files}/loose.cnn\n")
    assert (files / "loose.cnn").read_text() == LOOSE
    done = cnnc("fmt", "--check", files / "neat.cnn")
    assert (done.exit_code, done.output) == (0, "")


def test_diff_shows_what_would_change(cnnc: Command, files: Path):
    path = files / "loose.cnn"
    path.write_text(LOOSE.rstrip())
    done = cnnc("fmt", "--diff", path)
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        f"--- {path}",
        f"+++ {path}",
        "@@ -1 +1 @@",
        "-const a=[1 ,2]  # why",
        "\\ No newline at end of file",
        "+const a = [1, 2]  # why",
    ]
    assert path.read_text() == LOOSE.rstrip()
    done = cnnc("fmt", "--diff", "--check", path)
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (1, f"would format {path}")


@pytest.mark.parametrize(
    ("given", "words", "code", "out"),
    [
        (LOOSE, [], 0, NEAT),
        (NEAT, [], 0, NEAT),
        ("# → ok", [], 0, "# → ok\n"),
        (LOOSE, ["--check"], 1, "would format <stdin>\n"),
        ("const a = [1", [], 1, ""),
    ],
)
def test_standard_input_goes_to_standard_output(given: str, words: list[str], code: int, out: str):
    done = CliRunner().invoke(main, ["fmt", "-", *words], input=io.BytesIO(given.encode()))
    assert (done.exit_code, done.stdout) == (code, out)


def test_a_file_that_does_not_parse_is_left_alone_and_the_rest_is_done(cnnc: Command, files: Path):
    wrong = files / "a.cnn"
    wrong.write_text("const a=[1\nconst b=2x\n")
    done = cnnc("fmt", wrong, files / "gone.cnn", files / "loose.cnn")
    assert (done.exit_code, done.stdout) == (1, f"formatted {files}/loose.cnn\n")
    for said in (f"{wrong}:1:9", f"{wrong}:2:9", f"cannot read {files}/gone.cnn"):
        assert said in on_one_line(done.stderr)
    assert wrong.read_text() == "const a=[1\nconst b=2x\n"


def test_examples_are_laid_out(cnnc: Command, examples: Path):
    assert cnnc("fmt", "--check", examples).output == ""
