"""`cnnc check`: files, folders and the standard input; as text and as JSON; strictly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cnnc.cli import main

RIGHT = "model M { input x: f32[N, 3]  output y = x -> relu }\n"
UNUSED = "model M {\n  input x: f32[N, 3]\n  idle = 3\n  output y = x -> relu\n}\n"
WRONG = "model M {\n  input x: f32[N, 3, 8, 8]\n  output y = x -> conv(4, 3) -> dense(3)\n}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets" / "more").mkdir(parents=True)
    (tmp_path / "nets" / "right.cnn").write_text(RIGHT)
    (tmp_path / "nets" / "more" / "unused.cnn").write_text(UNUSED)
    (tmp_path / "wrong.cnn").write_text(WRONG)
    return tmp_path


def check(*words: str, text: str | bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["check", *words], input=text)


def test_a_finding_is_one_line_of_json():
    result = check("--format", "json", "wrong.cnn")
    (line,) = result.stdout.splitlines()
    assert result.exit_code == 1
    assert json.loads(line) == {
        "code": "E0307",
        "severity": "error",
        "message": "dense wants a 2-D tensor, got f32[N, 4, 6, 6]",
        "file": "wrong.cnn",
        "line": 3,
        "column": 33,
        "end_line": 3,
        "end_column": 41,
        "notes": ["4 axes", "shapes: x f32[N, 3, 8, 8] -> conv(4, 3) f32[N, 4, 6, 6]"],
        "help": "insert flatten (144 features), or global_avgpool -> flatten (4)",
    }


def test_a_finding_without_a_place():
    (line,) = check("--format", "json", "gone.cnn").stdout.splitlines()
    finding = json.loads(line)
    assert (finding["code"], finding["file"], finding["line"]) == ("E0110", "gone.cnn", None)


def test_a_folder_is_searched():
    result = check("nets", "--format", "json")
    assert result.exit_code == 0
    (finding,) = map(json.loads, result.stdout.splitlines())
    assert (finding["code"], finding["severity"]) == ("W0201", "warning")
    assert finding["file"] == str(Path("nets/more/unused.cnn"))


def test_strictly_a_warning_is_an_error():
    result = check("--strict", "nets")
    assert result.exit_code == 1
    assert "error[W0201]: the binding `idle` is never used" in result.stderr
    assert check("--strict", "nets/right.cnn").exit_code == 0


def test_a_dash_is_the_standard_input():
    assert check("-", text=RIGHT).exit_code == 0
    result = check("-", text=WRONG)
    assert result.exit_code == 1
    assert "--> <stdin>:3:33" in result.stderr
    assert "error[E0103]" in check("-", text=b"# \xe9").stderr


def test_several_files_are_all_told_and_what_they_share_once(folder: Path):
    (folder / "parts.cnn").write_text("block unit = conv(3,\n")
    for name in ("a.cnn", "b.cnn"):
        (folder / name).write_text(f'use "parts.cnn" as parts\n{RIGHT.replace("relu", "parts.unit")}')
    result = check("a.cnn", "b.cnn", "parts.cnn", "wrong.cnn")
    assert result.stderr.count("error[") == 2
    assert "--> parts.cnn:1:18" in result.stderr
    assert "--> wrong.cnn:3:33" in result.stderr


def test_messages_name_used_files_as_seen_from_here(folder: Path):
    (folder / "nets" / "user.cnn").write_text('use "more/part.cnn" as part\n' + RIGHT.replace("relu", "part.unit"))
    (folder / "nets" / "more" / "part.cnn").write_text("block unit = conv(3, 99)\n")
    result = check("nets/user.cnn", "--format", "json")
    assert {json.loads(line)["file"] for line in result.stdout.splitlines()} == {str(Path("nets/more/part.cnn"))}


def test_text_goes_where_messages_go_and_fits_a_narrow_terminal():
    result = check("wrong.cnn", "nets")
    assert result.stdout == ""
    assert max(map(len, result.stderr.splitlines())) <= 80
    assert "\x1b" not in result.stderr


def test_long_help_is_folded_and_carets_stand_below_wide_letters():
    text = WRONG.replace("conv(4, 3) -> dense(3)", 'conv(8, 3) as "画像" -> conv(filters=4, kernel=3)')
    lines = check("-", text=text).stderr.splitlines()
    assert max(map(len, lines)) <= 80
    at = next(k for k, line in enumerate(lines) if "filters=4" in line)
    assert lines[at].index("filters=4") + len("画像") == lines[at + 1].index("^")
    assert [line for line in lines if "bias=true" in line and not line.startswith("  = ")]


LONG = {
    "a name": f"output y = x -> {'r' * 90_000}",
    "a string": f'output y = x -> conv("{"x y " * 20_000}", 3)',
    "a list": f"output y = x -> conv([{'1, ' * 20_000}], 3)",
    "a pipe": f"output y = x -> conv({' -> '.join(['relu'] * 5_000)}, 3)",
    "names": f"{', '.join(f'name{k}' for k in range(5_000))} = x  output y = x",
    "a word that is none": f"output y = x -> relu 1{'x' * 90_000}",
    "a shape": f"z: f32[{', '.join(['1'] * 30)}] = x  output y = z -> relu",
}


@pytest.mark.parametrize("name", LONG)
def test_no_message_is_wider_than_a_terminal_or_longer_than_a_screen(name: str):
    lines = check("-", text=f"model M {{\n  input x: f32[N, 3, 8, 8]\n  {LONG[name]}\n}}\n").stderr.splitlines()
    assert lines[0].startswith("error[E")
    assert max(map(len, lines)) <= 80
    assert len(lines) < 40


def test_warnings_stand_beside_errors_in_the_order_of_their_places():
    text = (
        "model M {\n  input x: f32[N, 3, 8, 8]\n  a = x -> conv(8, 3) -> batchnorm\n"
        "  b = a -> Conv2D(8, 3)\n  output y = (b, a) -> add -> relu\n}\n"
    )
    Path("both.cnn").write_text(text)
    for verb in ("check", "summary"):
        told = CliRunner().invoke(main, [verb, "both.cnn"]).stderr
        assert [line.split(":")[0] for line in told.splitlines() if line.startswith(("error", "warning"))] == [
            "warning[W0301]",
            "error[E0201]",
        ]
