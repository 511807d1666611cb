"""Hostile programs end in a diagnostic, soon."""

from __future__ import annotations

from pathlib import Path

import pytest

from cnnc.compiler.frontend import check, check_text, parse_text
from cnnc.compiler.ir.text import show

ROUNDS = range(1, 80)


def applied(stage: str, before: str = "") -> str:
    return f"{before}\nmodel M {{ input x: f32[N, 3, 32, 32] output y = x -> {stage} }}"


PROGRAMS = {
    "blocks nested 65 deep": (
        applied("b64", "block b0 = relu\n" + "".join(f"block b{i} = b{i - 1}\n" for i in range(1, 65))),
        "E0332",
    ),
    "self application": (applied("w(w)", "block w(f) = f(f)"), "E0332"),
    "constants one through another": (
        applied("conv(a0, 1)", "".join(f"const a{i} = a{i + 1}\n" for i in range(10_000)) + "const a10000 = 3"),
        "E0332",
    ),
    "a doubling pipe": (
        applied("a79", "const a0 = relu -> relu\n" + "".join(f"const a{i} = a{i - 1} -> a{i - 1}\n" for i in ROUNDS)),
        "E0331",
    ),
    "a doubling of nothing": (
        applied(
            "a79", "const a0 = repeat(0, relu)\n" + "".join(f"const a{i} = a{i - 1} -> a{i - 1}\n" for i in ROUNDS)
        ),
        "E0331",
    ),
    "a doubling block": (applied("d(" * 40 + "relu" + ")" * 40, "block d(f) = f -> f"), "E0331"),
    "a doubling list": (
        applied(
            "conv(3, 3, weight=a79)",
            "const a0 = [1, 1]\n" + "".join(f"const a{i} = [a{i - 1}, a{i - 1}]\n" for i in ROUNDS),
        ),
        "E0333",
    ),
    "a doubling tuple": (
        "model M { input x: f32[N, 3] t0 = (x, x)\n"
        + "".join(f"t{i} = (t{i - 1}, t{i - 1})\n" for i in ROUNDS)
        + "output y = t79 -> add }",
        "E0333",
    ),
    "a tensor beyond 2^31": (applied("conv(2147483647, 1)"), "E0330"),
    "weights beyond 2^31": (applied("flatten -> dense(1000000000)"), "E0330"),
    "many parts": ("model M { input x: f32[N, 2147483647] a = x -> split(2147483647) output y = a[0] }", "E0336"),
    "a power": (applied("conv(10**10**10, 1)"), "E0314"),
    "a large file": ("#" + "x" * 1_000_001, "E0104"),
    "a NUL": ("const a = 1\0", "E0103"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_limits(errors, name):
    text, code = PROGRAMS[name]
    assert code in [found for found, _ in errors(text)]


def test_what_is_within_the_limits_works():
    blocks = "block b0 = relu\n" + "".join(f"block b{i} = b{i - 1}\n" for i in range(1, 64))
    assert len(parse_text(applied("b63", blocks)).graph.nodes()) == 2
    level = "block level(c, below) = [identity, conv(c, 3, pad=1) -> below] -> concat -> conv(c, 1)"
    assert len(parse_text(applied("level(4, " * 60 + "relu" + ")" * 60, level)).graph.nodes("concat")) == 60
    assert len(parse_text(applied(" -> ".join(["relu"] * 5000))).graph.nodes()) == 5001


def test_a_hundred_thousand_applications_work():
    rounds = "model M { input x: f32[N, 3] output y = x -> repeat(%d, relu) }"
    assert check_text(rounds % 50_000) == []
    assert [(d.code, d.message) for d in check_text(rounds % 50_001)] == [("E0331", "more than 100,000 applications")]
    assert len(parse_text(rounds % 30_000).graph.nodes()) == 30_001


def test_much_evaluation_ends():
    body = applied("repeat(30_000, b)", f"block b {{ input x a = {'1 + ' * 100}1 output y = (x -> pad(1)) + a }}")
    found = [d for d in check_text(body) if d.severity == "error"]
    assert [(d.code, d.message) for d in found] == [("E0331", "more than 460,000 steps of evaluation")]


def test_comments_count_as_words():
    assert [d.code for d in check_text("#\n" * 50_001)] == ["E0104"]
    assert check_text("#\n" * 49_000) == []


def test_a_printed_graph_of_two_thousand_nodes_is_a_file():
    unit = "block unit(c) { input x  output y = (x -> conv(c, 3, stride=1, pad=1, bias=false) -> batchnorm, x) -> add }"
    printed = show(parse_text(applied("repeat(667, unit(3))", unit)).graph)
    graph = parse_text(printed).graph
    assert len(graph.nodes()) > 2000
    assert show(graph) == printed


def test_all_files_of_a_program_are_no_larger_than_one(tmp_path: Path):
    for k in range(4):
        (tmp_path / f"{k}.cnn").write_text("# " + "x" * 399_000)
    (tmp_path / "all.cnn").write_text("".join(f'use "{k}.cnn" as part{k}\n' for k in range(4)) + applied("relu"))
    found = check(tmp_path / "all.cnn")
    assert [(d.code, d.span and d.span.line) for d in found if d.severity == "error"] == [("E0335", 3)]
