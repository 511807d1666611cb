"""Syntax errors: all of a file, each once, none false, at their place."""

from __future__ import annotations

import pytest
from lark import Lark

from cnnc.compiler.diagnostics import Source
from cnnc.compiler.frontend import check_text
from cnnc.compiler.frontend.syntax.parse import parse
from cnnc.compiler.frontend.syntax.sources import source_of


def test_the_grammar_has_no_conflicts():
    starts = ["file", "_declaration", "header", "statement", "expression"]
    Lark.open_from_package("cnnc.grammar", "cnn.lark", parser="lalr", start=starts, strict=True)


# Statements of a model: what is underlined, and a word of the message or its help.
STATEMENTS = [
    ("y = x scale(1/255)", "scale", "missing before"),
    ("y = x + x -> relu", "->", "parentheses"),
    ("y = conv (3, 4)", "(", "space before"),
    ("y = x.shape [0]", "[", "space before"),
    ("y = x → relu", "→", "write `->`"),
    ("y = relu(a = 3", "(", "never closed"),
    ("y = (a, b]", "(", "closed by `]`"),
    ("y = a)", ")", "closes nothing"),
    ("y =", "=", "expected an expression"),
    ("y = -> relu", "->", "expected an expression"),
    ("y = 2x", "2x", "no number"),
    ("y = 10_", "10_", "no number"),
    ("y = 1._", "1._", "no number"),
    ("y = 99999999999999999999", "99999999999999999999", "64 bits"),
    ("y = a == b == c", "==", "do not chain"),
    ("y = if a then b", "b", "`else`"),
    ("y = x -> if a then b else c", "if", "parentheses"),
    ("y = 'abc'", "'", "double quotes"),
    ('y = "abc', '"', "does not end"),
    ("y = conv(3,, 4)", ",", "expected an expression"),
    ("y = conv(channels=3, 4)", "4", "after a named one"),
    ("y = x;", ";", "no separator"),
    ("y = a && b", "&", "`and`"),
    ("y = conv as 3", "3", "a name"),
    ("input input: f32[N]", "input", "reserved"),
    ("input y f32[N]", "f32", "`:`"),
    ("input y: f32 [N]", "[", "space before"),
    ("x -> relu", "x", "begins no statement"),
    ("y = a\u00a0+ b", "\u00a0", "U+00A0"),
    ("y = conv(8, 3, model=3)", "model", "choose another name"),
    ("y = x -> block(3) -> relu", "block", "choose another name"),
    ("y = conv(8, 3) as share -> relu", "share", "choose another name"),
    ("block = conv(8, 3)", "block", "choose another name"),
    ("const w = 3", "const", "a binding is enough"),
    ("block b(c) { input x  output y = x -> conv(c, 3) }", "block", "top of the file"),
    ("h x -> relu", "x", "`=` is missing"),
    ("ouput y = x -> relu", "ouput", "`output`"),
    ("return x", "return", "output y"),
    ("y = if a = 1 then b else c", "=", "`==`"),
    ('assert x.channels = 3, "three"', "=", "`==`"),
    ("input y = f32[N, 3]", "=", "input y: f32"),
    ("share s: f32[3] = relu", ":", "no type"),
    ("y = x [relu, elu] -> add", "[", "space before"),
    ("y = x -> relu, z2 = x", ",", "no separator"),
    ("(a, b) = x -> split(2)", "(", "a, b = …"),
    ("y = x -> relu + x", "+", "(a -> f) + b"),
    ("y = x -> relu == 3", "==", "parentheses"),
    ("y = x |> relu", "|>", "`->`"),
    ("y = x - > relu", "- >", "`->`"),
    ("y = x -> {relu, elu} -> add", "{", "[f, g]"),
    ("y = x -> (if a then relu elif b then elu else selu)", "elif", "`else if`"),
    ("output a, b", ",", "one `output`"),
    ("}", "}", "closes nothing"),
]


@pytest.mark.parametrize(("statement", "underlined", "said"), STATEMENTS, ids=[s for s, _, _ in STATEMENTS])
def test_a_wrong_statement_is_the_only_error(statement, underlined, said):
    text = f"model M {{\n  input x: f32[N, 3]\n  {statement}\n  z = x -> relu\n  output o = z\n}}\nconst last = 3\n"
    (error,) = syntax_errors(text)
    assert error.span is not None
    assert text[error.span.start : error.span.end] == underlined
    assert said in error.message + error.help
    assert error.span.line == 3


def syntax_errors(text: str):
    return [d for d in check_text(text) if d.code.startswith("E01")]


def test_every_error_of_a_file_is_found():
    text = """\
modle Foo { }
const a = [1, 2
const b = 3 +
block f(c) = conv(c, 3) -> → relu
model M {
  input image f32[N, 3]
  w = [x -> f(3, y
  v = relu(
    a = 3,
  u = 3
  train {
    loss =
    epochs = = 3
    batch = 3
  }
  q = if a then b
}
block g(x) { input x output y = x -> relu
model Z { input x: f32[N] output y = x }
"""
    assert [d.span.line for d in syntax_errors(text) if d.span] == [1, 2, 3, 4, 6, 7, 8, 12, 13, 16, 18]


def test_brackets_nest_200_deep_and_chains_are_as_long_as_they_like():
    def codes(expression: str) -> list[str]:
        return [d.code for d in check_text(f"const a = {expression}")]

    assert codes("(" * 190 + "1" + ")" * 190) == []
    assert codes("[" * 190 + "1" + "]" * 190) == []
    assert codes("(" * 49_000) == ["E0102"]
    for deep in ("(" * 300 + "1" + ")" * 300, "not " * 300 + "true", "[" * 300 + "]" * 300, "f(" * 300 + ")" * 300):
        assert codes(deep) == ["E0108"]
    assert codes(" -> ".join(["relu"] * 5000)) == []
    assert codes(" + ".join(["1"] * 5000)) == []


def test_comments_and_strings_are_any_unicode():
    assert check_text('# naïve → 字\nmodel M { input x: f32[N, 3] assert true, "→ ok" output y = x }') == []


def test_the_mark_that_some_editors_begin_a_file_with_is_no_text():
    assert source_of(b"\xef\xbb\xbfconst a = 1", "marked.cnn").text == "const a = 1"


def test_newlines_mean_nothing():
    assert len(parse(Source("t", "const a=1 const b=2\r\nblock f(c)=conv(c,\n\n3)->relu")).declarations) == 3
