"""Wrong programs: the code of the error, and the text that it underlines."""

from __future__ import annotations

import pytest

from cnnc.compiler.diagnostics import Diagnostic
from cnnc.compiler.frontend import parse_text
from cnnc.runtime.errors import ModelError

# What stands in a model after `input x: f32[N, 3, 32, 32]`, what the error underlines, and its code.
BODIES = [
    ("output y = x -> Conv2D(3, 3)", "Conv2D", "E0201"),
    ("output y = x -> relu -> maxpol(2)", "maxpol", "E0201"),
    ("output y = x -> pad(2, mode=refelct)", "refelct", "E0201"),
    ("output y = x.depth", "depth", "E0201"),
    ("output y = x -> conv(filters=3, kernel=3)", "filters=3", "E0202"),
    ("x = 3 output y = x", "x", "E0203"),
    ("output y = x output y = x", "y", "E0203"),
    ("output y = x -> conv(3, 1) as a -> conv(3, 1) as a", "a", "E0203"),
    ("output y = x -> conv(3, 1) as conv_2 -> conv(9, 1)", "conv(9, 1)", "E0204"),
    ("f = (relu -> relu) as c output y = x -> f -> f", "(relu -> relu) as c", "E0204"),
    ("output y = x -> conv(3, 3, kernel=5)", "kernel=5", "E0205"),
    ("output y = x -> conv(3)", "conv(3)", "E0206"),
    ("output y = x -> relu(3)", "3", "E0207"),
    ("output y = conv(3, 3)", "conv(3, 3)", "E0217"),
    ("output y = x -> [relu, relu]", "x -> [relu, relu]", "E0217"),
    ("output y = x -> (x -> relu)", "x", "E0209"),
    ("output y = x -> relu(x)", "x", "E0208"),
    ("output y = relu()()", "relu()()", "E0216"),
    ("output y = 3 -> relu", "3", "E0209"),
    ("output y = (x, relu) -> add", "relu", "E0220"),
    ("output y = x -> []", "[]", "E0209"),
    ("output y = x as z", "x as z", "E0218"),
    ("a, b = x -> split(3) output y = a", "x -> split(3)", "E0219"),
    ("h = x -> conv(4, 3) output y = x + h", "x + h", "E0302"),
    ("output y = x -> conv(4/2, 3)", "4/2", "E0303"),
    ("output y = x -> conv(3, (1, 2, 3))", "(1, 2, 3)", "E0303"),
    ("output y = if 1 then x else x", "1", "E0303"),
    ("output y = x < 3", "x < 3", "E0323"),
    ('output y = if "a" == 3 then x else x', '"a" == 3', "E0323"),
    ("output y = x ** 2", "x ** 2", "E0324"),
    ("output y = x -> conv(3, 3, stride=0)", "stride=0", "E0305"),
    ("output y = x -> repeat(-1, relu)", "-1", "E0305"),
    ("output y = x -> conv(3, 3, weight=[1, 2])", "conv(3, 3, weight=[1, 2])", "E0306"),
    ("output y = x -> dense(10)", "dense(10)", "E0307"),
    ("output y = x -> conv(3, 64)", "conv(3, 64)", "E0308"),
    ("output y = x -> [relu, relu] -> exp", "exp", "E0309"),
    ("output y = x -> add", "add", "E0309"),
    ("output y = x -> (relu, relu)", "(relu, relu)", "E0309"),
    ("output y = x -> conv(1 // 0, 3)", "1 // 0", "E0313"),
    ("output y = x -> conv(2**62 * 4, 3)", "2**62 * 4", "E0314"),
    ("output y = x.shape[-1]", "-1", "E0315"),
    ("output y = x -> conv(x.shape[0], 3)", "conv(x.shape[0], 3)", "E0319"),
    ("output y = if x.shape[0] == 4 then x else x", "x.shape[0] == 4", "E0319"),
    ("output y = x -> conv(4, 3, pad=x.shape[0])", "conv(4, 3, pad=x.shape[0])", "E0319"),
    ("output y = x -> upsample(x.shape[0])", "upsample(x.shape[0])", "E0319"),
    ("share s = conv(3, 3) a = x -> s -> conv(4, 1) output y = a -> s", "conv(3, 3)", "E0320"),
    ("output y: f32[N, 4, 1, 30] = x -> conv(4, 3)", "1", "E0321"),
    ("assert x.channels == 4 output y = x", "x.channels == 4", "E0322"),
    ("output y = x -> repeat(1000000, relu)", "repeat(1000000, relu)", "E0331"),
    ("train { los = 3 }  output y = x", "los", "E0215"),
    ("train { epochs = 3 epochs = 4 }  output y = x", "epochs", "E0203"),
    ('test "a" { assert y -> close(1) }  output y = x', "test", "E0224"),
    ('test "a" { x = zeros(N=1) }  output y = x', "test", "E0214"),
    ("tune { }  output y = x", "tune", "E0214"),
]


@pytest.mark.parametrize(("body", "underlined", "code"), BODIES, ids=[body for body, _, _ in BODIES])
def test_wrong_statements(errors, body, underlined, code):
    assert errors(f"model M {{ input x: f32[N, 3, 32, 32]\n {body} }}") == [(code, underlined)]


FILES = [
    ("block f = g\nblock g = conv(3, 3) -> f", "f", "E0211"),
    ("const a = b\nconst b = a + 1", "a", "E0211"),
    ('use "../up.cnn" as up', '"../up.cnn"', "E0212"),
    ("block f { input x }", "f", "E0210"),
    ("const a = 1\nconst a = 2", "a", "E0203"),
]


@pytest.mark.parametrize(("text", "underlined", "code"), FILES, ids=[text for text, _, _ in FILES])
def test_wrong_declarations(errors, text, underlined, code):
    assert (code, underlined) in errors(f"{text}\nmodel M {{ input x: f32[N, 3] output y = x }}")


@pytest.mark.parametrize(
    ("type", "underlined", "code"),
    [
        ("f64[N, 3]", "f64", "E0201"),
        ("f32[4, 3]", "4", "E0316"),
        ("f32[N, N]", "N", "E0316"),
        ("f32[]", "f32[]", "E0316"),
        ("f32[N, 0]", "0", "E0312"),
        ("f32[N, H]", "H", "E0317"),
        ("f32[N, 3/1]", "3/1", "E0303"),
    ],
)
def test_wrong_inputs(errors, type, underlined, code):
    assert errors(f"model M {{ input x: {type} output y = x }}") == [(code, underlined)]


def test_each_wrong_step_is_reported_and_what_depends_on_it_is_silent(errors):
    found = errors("""
        model M {
          input x: f32[N, 3, 8, 8]
          a = x -> conv(filters=3, kernel=3) -> maxpol(2) -> relu(3)
          b = a -> dense(3)
          c = nowhere
          output y = [b, c] -> concat
        }""")
    assert found == [("E0202", "filters=3"), ("E0201", "maxpol"), ("E0207", "3"), ("E0201", "nowhere")]


def test_a_wrong_block_is_reported_once_however_often_it_is_applied(errors):
    text = "block f = conv(4, 99)\nmodel M { input x: f32[N, 3, 8, 8] output y = x -> [f, f, repeat(3, f)] -> concat }"
    assert errors(text) == [("E0308", "conv(4, 99)")]


RESNET = """\
block conv_bn(c, k) = conv(c, k, pad=k//2, bias=false) -> batchnorm
block bottleneck(c) =
  [ conv_bn(c, 1) -> relu -> conv_bn(c, 3) -> relu ->
    conv_bn(4*c, 1), identity ] -> add -> relu
block trunk(unit) = unit(64)
model Net { input x: f32[N, 64, 56, 56] output y = x -> trunk(bottleneck) }
"""


def test_a_message_tells_the_way_the_tensors_and_the_blocks_came():
    with pytest.raises(ModelError) as caught:
        parse_text(RESNET, "resnet.cnn")
    assert (
        str(caught.value)
        == """\
error[E0302]: cannot add f32[N, 256, 56, 56] and f32[N, 64, 56, 56]
 --> resnet.cnn:4:36
  |
4 |     conv_bn(4*c, 1), identity ] -> add -> relu
  |                                    ^^^ 256 and 64 channels
  |
  = left:  x f32[N, 64, 56, 56] -> conv_bn(64, 1) -> conv_bn(64, 3) ->
      conv_bn(256, 1)
  = right: x f32[N, 64, 56, 56] -> identity
  = in Net -> trunk(bottleneck) -> bottleneck(64)
  = help: project one of them, as with conv(256, 1)"""
    )


def test_an_assertion_fills_in_its_values():
    with pytest.raises(ModelError, match="has 3 channels, not 4"):
        parse_text("""model M(c=4) { input x: f32[N, 3]
            assert x.channels == c, "has {x.channels} channels, not {c}"
            output y = x }""")


def test_a_word_that_cuts_a_statement_in_two_makes_no_errors_of_meaning(errors):
    """Neither half is what was meant: `scores = photo` alone would give bytes to the sigmoid."""
    found = errors("""
        model M {
          input photo: u8[N, 3, 8, 8]
          scores = photo share scale(1/255) -> global_avgpool
          a, b = = scores -> split([1, 2])
          output probs = scores -> sigmoid
          output rest = (a, b) -> concat -> nowhere
        }""")
    assert [code for code, _ in found] == ["E0101", "E0101", "E0201"]


@pytest.mark.parametrize("wrong", ["a = = 3\n", "assert false\n"])
def test_of_very_many_errors_the_first_hundred_are_told(wrong):
    with pytest.raises(ModelError) as caught:
        parse_text(f"model M {{ input x: f32[N, 3]\n{wrong * 12_000} output y = x }}")
    last = caught.value.diagnostics[-1]
    assert len(caught.value.diagnostics) == 100
    assert isinstance(last, Diagnostic) and last.notes[-1] == "this is not all: 100 of a kind are told"
