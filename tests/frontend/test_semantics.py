"""What the language's description says under "Semantics", rule by rule, in programs that are right.

What is wrong by these rules, and what is said of it, is in tests/errors/wrong.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cnnc.compiler.frontend import Model, load, parse_text


def made(body: str, before: str = "", **options: object) -> Model:
    """A model with one input `x` of 8 channels and 16 x 16 pixels."""
    text = f"{before}\nmodel M {{ input x: f32[N, 8, 16, 16]\n{body} }}"
    return parse_text(text, **options)  # type: ignore[arg-type]


def steps(body: str, before: str = "") -> list[str]:
    """The operators of a model, in order, without the input."""
    return [str(node.op) for node in made(body, before).graph.nodes()[1:]]


def layers(body: str, before: str = "") -> list[str]:
    """The names of the layers with weights."""
    names = made(body, before).graph.params
    return list(dict.fromkeys(name.rpartition(".")[0] for name in names))


# Questions whose answer is yes, by section of the description.
TRUE = {
    "values: whole numbers have 64 bits": "9_223_372_036_854_775_807 - 1 == 9_223_372_036_854_775_806",
    "values: strings have no escapes": 'len(["a\\n"]) == 1',
    "numbers: / is always real": "6 / 2 == 3 and 7 / 2 == 3.5",
    "numbers: // and % floor": "-7 // 2 == -4 and -7 % 2 == 1 and 7.5 // 2 == 3",
    "numbers: ** binds tighter than the sign": "-2**2 == -4 and 2**-1 == 0.5 and 2**3**2 == 512",
    "numbers: `and` stops early": "not (false and 1 // 0 == 1)",
    "numbers: `or` stops early": "true or 1 // 0 == 1",
    "numbers: strings are compared": '"same" == same and reflect != zero',
    "numbers: lists are compared item by item": '[1, [2, "a"]] == [1.0, [2, "a"]] and [1] != [1, 2]',
    "numbers: anything may be compared with none": "none == none and 3 != none and relu != none and x != none",
    "numbers: round is half to even": "round(0.5) == 0 and round(1.5) == 2 and round(-2.5) == -2 and round(3) == 3",
    "numbers: min and max take numbers or a list": "min(2, 1.5) == 1.5 and max([1, 3, 2]) == 3",
    "numbers: len counts": "len([]) == 0 and len((1, 2)) == 2",
    "numbers: indices run from 0": "[5, 6][1] == 6 and (5, 6)[0] == 5 and x.shape[1] == 8",
    "tensors: sizes by name": "x.channels == 8 and x.height == 16 and x.width == x.shape[3]",
    "grammar: numbers": "10_000 == 1e4 and 1/4 == 0.25",
    "grammar: an else takes what follows": "(if true then 1 else 2 + 5) == 1 and (if false then 1 else 2 + 5) == 7",
    "order: only the taken branch is evaluated": "(if true then 1 else 1 // 0) == 1",
}


@pytest.mark.parametrize("rule", TRUE)
def test_questions(rule: str):
    made(f"assert {TRUE[rule]}\n output y = x")


SAME = {
    "a block value beside an arrow is called": ("x -> relu", "x -> relu()"),
    "also in a fan-out": ("x -> [relu, elu] -> add", "x -> [relu(), elu()] -> add()"),
    "a pipe is a stage": ("x -> (relu -> elu)", "x -> relu -> elu"),
    "named arguments in any order": ("x -> conv(kernel=3, channels=4)", "x -> conv(4, 3)"),
    "side by side": ("(x, x) -> (relu, elu) -> add", "(x -> relu, x -> elu) -> add"),
    "fan-out": ("x -> [relu, elu] -> add", "(x -> relu, x -> elu) -> add"),
    "a list of one gives a tuple of one": ("(x -> [relu])[0]", "x -> relu"),
    "nested tuples are opened": ("((x, x), x) -> concat", "(x, x, x) -> concat"),
    "repeat": ("x -> repeat(3, relu)", "x -> relu -> relu -> relu"),
    "repeat of no rounds is nothing": ("x -> repeat(0, conv(3, 3)) -> relu", "x -> relu"),
    "repeat that keeps": ("x -> repeat(2, relu, keep=true) -> concat", "x -> [identity, relu, relu -> relu] -> concat"),
    "an `if` among stages": ("x -> (if x.channels == 8 then relu else elu)", "x -> relu"),
    "parentheses around arithmetic": ("(x + x) -> relu", "(x, x) -> add -> relu"),
    "a kernel of two sides": ("x -> conv(4, (3, 5))", "x -> conv(4, kernel=(3, 5))"),
    "a pad of two sides": ("x -> conv(4, 3, pad=(1, 2))", "x -> conv(4, 3, pad=(1, 2, 1, 2))"),
    "a pool's stride is its kernel": ("x -> maxpool(2)", "x -> maxpool(2, stride=2)"),
    "valid is no pad": ("x -> conv(4, 3, pad=valid)", "x -> conv(4, 3, pad=0)"),
}


@pytest.mark.parametrize("rule", SAME)
def test_two_ways_to_say_the_same(rule: str):
    one, other = SAME[rule]
    types = [str(made(f"output y = {text}").graph.outputs["y"].type) for text in (one, other)]
    assert types[0] == types[1]
    if "keeps" not in rule:  # there the same tensors are made once or several times
        assert sorted(steps(f"output y = {one}")) == sorted(steps(f"output y = {other}"))


TYPES = {
    "x -> flatten -> reshape([4, -1])": "f32[N, 4, 512]",
    "x -> sum(axis=1)": "f32[N, 16, 16]",
    "x -> sum(axis=1, keep=true)": "f32[N, 1, 16, 16]",
    "x -> mean(axis=3)": "f32[N, 8, 16]",
    "x * (x -> global_avgpool)": "f32[N, 8, 16, 16]",
    "2 - x / 3": "f32[N, 8, 16, 16]",
    "x -> conv(4, 3, stride=2, pad=same)": "f32[N, 4, 8, 8]",
    "(x -> split([3, 5]))[1]": "f32[N, 5, 16, 16]",
    "x -> transpose([2, 3, 1])": "f32[N, 16, 16, 8]",
    "x -> conv_transpose(4, 2, stride=2)": "f32[N, 4, 32, 32]",
}


@pytest.mark.parametrize("expression", TYPES)
def test_shapes(expression: str):
    assert str(made(f"output y = {expression}").graph.outputs["y"].type) == TYPES[expression]


LAYERS = {
    "weights are born at each application": ("f = conv(8, 1) output y = x -> f -> f", ["conv_1", "conv_2"]),
    "a named layer is counted, too": ("output y = x -> conv(8, 1) as a -> conv(8, 1)", ["a", "conv_2"]),
    "an operator without weights renames nothing": (
        "output y = x -> conv(8, 1) -> relu -> dropout(0.1) -> conv(8, 1)",
        ["conv_1", "conv_2"],
    ),
    "a list opens no scope": ("output y = x -> [conv(8, 1), conv(8, 1)] -> add", ["conv_1", "conv_2"]),
    "nor does repeat": ("output y = x -> repeat(2, conv(8, 1)) -> conv(8, 1)", ["conv_1", "conv_2", "conv_3"]),
    "a block does where it is applied": ("output y = x -> unit -> unit", ["unit_1.conv_1", "unit_2.conv_1"]),
    "so does a block in braces": ("output y = x -> braces -> conv(8, 1)", ["braces_1.conv_1", "conv_1"]),
    "`as` on a block": ("output y = x -> unit as u", ["u.conv_1"]),
    "`as` on a pipe": ("output y = x -> (conv(8, 1) -> relu) as u", ["u.conv_1"]),
    "`as` in a repeat": ("output y = x -> repeat(2, conv(8, 1) as u)", ["u_1", "u_2"]),
    "`as` with a string": ("output y = x -> conv(8, 1) as \"layer1.0\"", ["layer1.0"]),
    "an `if` counts what it takes": ("output y = x -> (if true then conv(8, 1) else unit)", ["conv_1"]),
    "a share is one layer": ("share s = conv(8, 1) output y = x -> s -> repeat(2, s) -> twice(s)", ["s"]),
    "shares of pipes": ("share s = conv(8, 1) -> relu output y = x -> s -> s", ["s.conv_1"]),
    "`as` on a share names no weights": ("share s = conv(8, 1) output y = x -> s as t", ["s"]),
    "a share takes its number": ("share s = conv(8, 1) output y = x -> s -> conv(8, 1)", ["s", "conv_2"]),
    "blocks as arguments": ("output y = x -> twice(unit)", ["twice_1.unit_1.conv_1", "twice_1.unit_2.conv_1"]),
    "stages as arguments": ("output y = x -> twice(conv(8, 1))", ["twice_1.conv_1", "twice_1.conv_2"]),
    "what is unread keeps its number": ("h = x -> conv(8, 1) output y = x -> conv(8, 1)", ["conv_2"]),
}  # fmt: skip
BLOCKS = """
block unit = conv(8, 1)
block braces { input a  output b = a -> conv(8, 1) }
block twice(f) = f -> f
"""


@pytest.mark.parametrize("rule", LAYERS)
def test_names_of_layers(rule: str):
    body, names = LAYERS[rule]
    assert layers(body, BLOCKS) == names


def test_a_param_is_one_for_each_instance():
    block = "block gain { input a  param g: f32[a.channels, 1, 1] = 0.5  output b = a * g }"
    params = made("output y = x -> gain -> gain as last", block).graph.params
    assert list(params) == ["gain_1.g", "last.g"]
    assert {param.start for param in params.values()} == {"0.5"}


def test_a_param_may_lack_leading_sizes():
    assert str(made("param g: f32[16] output y = x * g").graph.outputs["y"].type) == "f32[N, 8, 16, 16]"


AS = {
    "in a pipe": "output y = x -> conv(8, 1) as a -> relu",
    "in a list": "output y = x -> [conv(8, 1) as a, identity] -> add",
    "in a tuple": "output y = (x, x) -> (conv(8, 1) as a, identity) -> add",
    "in an `if`": "output y = x -> (if true then conv(8, 1) as a else relu)",
    "on a pipe": "output y = x -> (conv(8, 1) -> relu) as a",
    "on a share": "share s = conv(8, 1) output y = x -> s as a",
    "in a binding": "h = x -> conv(8, 1) as a -> relu output y = h",
}


@pytest.mark.parametrize("where", AS)
def test_as_binds_a_tensor(where: str):
    assert str(made(f"{AS[where]}\n output z = a -> exp").graph.outputs["z"].type) == "f32[N, 8, 16, 16]"


def test_defaults_are_evaluated_when_needed_and_read_what_stands_left():
    block = "const base = 4\nblock unit(c=base, k=c - 1, unused=1 // 0) = conv(c, k)"
    assert steps("output y = x -> unit(5, unused=1)", block) == ["conv(5, 4)"]
    assert steps("output y = x -> unit(k=1, unused=1)", block) == ["conv(4, 1)"]


def test_names_are_lexical():
    """A stage means what it meant where it was written, whatever is called so where it is applied."""
    blocks = "const c = 4\nblock outer(f) { input a  c = 7  output b = a -> f -> conv(c, 1) }\nblock inner = conv(c, 1)"
    assert steps("c = 5 output y = x -> outer(inner) -> outer(conv(c, 1))", blocks) == [
        "conv(4, 1)", "conv(7, 1)", "conv(5, 1)", "conv(7, 1)",
    ]  # fmt: skip


def test_top_level_names_are_seen_in_any_order():
    before = "const early = late_number + 1\nconst late_number = 2\nblock late = conv(early, 1)"
    assert steps("output y = x -> late", before) == ["conv(3, 1)"]


def test_names_of_a_body_may_hide_operators_and_names_of_the_file():
    assert steps("relu = elu  c = 2  output y = x -> relu -> conv(c, 1)", "const c = 9") == ["elu", "conv(2, 1)"]


def test_a_list_is_a_value_until_it_stands_beside_an_arrow():
    assert steps("const_list = [relu, elu]  output y = x -> const_list[1] -> const_list -> add")[:1] == ["elu"]


def test_bindings_are_elaborated_whether_or_not_an_if_picks_them():
    assert layers("a = x -> conv(8, 1)  b = x -> conv(8, 1)  output y = if true then b else a") == ["conv_2"]


def test_an_alias_of_a_file_s_block(tmp_path: Path):
    (tmp_path / "parts.cnn").write_text("const width = 3\nblock unit = conv(width, 1)")
    text = 'use "parts.cnn" as parts\nconst unit = parts.unit\nconst width = 9\n'
    (tmp_path / "m.cnn").write_text(f"{text}model M {{ input x: f32[N, 8, 4, 4] output y = x -> unit }}")
    assert str(load(tmp_path / "m.cnn").graph.outputs["y"].type) == "f32[N, 3, 4, 4]"


def test_arguments_are_evaluated_in_the_caller():
    before = "const c = 4\nblock unit(c, k=c) { input a  output b = a -> conv(c, k) }"
    assert steps("k = 1  c = 3  output y = x -> unit(k=c - 2, c=c + c)", before) == ["conv(6, 1)"]


def test_an_argument_that_is_a_stage_is_the_same_each_time_with_weights_of_its_own():
    assert layers("output y = x -> twice(if true then conv(8, 1) else relu)", BLOCKS) == [
        "twice_1.conv_1", "twice_1.conv_2",
    ]  # fmt: skip


SEEN = {
    "in the same pipe": "output y = x -> conv(6, 1) as a -> conv(a.channels, 1)",
    "in the same list": "output y = x -> [conv(6, 1) as a, conv(a.channels, 1)] -> concat",
    "in a tuple": "output y = (x, x) -> (conv(6, 1) as a, conv(a.channels, 1)) -> concat",
}


@pytest.mark.parametrize("where", SEEN)
def test_as_is_seen_to_the_right(where: str):
    assert steps(SEEN[where])[:2] == ["conv(6, 1)", "conv(6, 1)"]


def test_letters_have_digits_and_hide_names_of_the_file():
    text = """block H = relu
      const C1 = 99
      model M { input x: f32[N, C1, 8, 8]  h: f32[M, C1, H, H] = x -> conv(C1, 1)  output y = h -> crop(H // 2, H) }"""
    made = parse_text(text, sizes={"C1": 3})
    assert str(made.graph.outputs["y"].type) == "f32[N, 3, 4, 8]"
    assert [warning.code for warning in made.warnings] == ["W0203"]


def test_a_param_inside_a_share_is_one():
    block = "block gain { input a  param g: f32[a.channels, 1, 1] = 1  output b = a * g }"
    params = made("share s = gain  output y = x -> s -> s", block).graph.params
    assert list(params) == ["s.g"]


def test_an_else_takes_the_whole_pipe():
    assert steps("output y = if false then x else x -> relu -> exp") == ["relu", "exp"]
    assert steps("output y = if true then x -> elu else x -> relu -> exp") == ["elu"]


def test_a_minus_beside_an_arrow():
    assert steps("a = 2  output y = x->conv(a-1, 1)->relu") == ["conv(1, 1)", "relu"]


def test_blocks_of_the_file_hide_operators():
    assert steps("output y = x -> relu", "block relu = elu") == ["elu"]


def test_a_model_with_its_parameters_bound():
    text = "model Net(c, k=3) { input x: f32[N, c, 8, 8] output y = x -> conv(c, k) }\nmodel Small = Net(4, k=1)"
    assert str(parse_text(text).graph.outputs["y"].type) == "f32[N, 4, 8, 8]"


def test_sizes_are_exact_in_their_letters():
    text = """model M { input x: f32[N, 3, 16*H, W]
      a: f32[N, 4, 8*H, K] = x -> conv(4, 3, stride=2, pad=1)
      output y: f32[N, 4, 8*H, (W + 1)//2] = a -> relu }"""
    assert str(parse_text(text, free=True).graph.outputs["y"].type) == "f32[N, 4, 8*H, (W + 1)//2]"


def test_a_binding_of_a_tuple_s_parts_and_of_several_outputs():
    block = "block both { input a input b  output sum = a + b  output gap = a - b }"
    assert steps("s, g = (x, x -> relu) -> both  output y = (s, g) -> mul", block) == ["relu", "add", "sub", "mul"]


def test_sections_see_the_names_of_the_model():
    model = made("""
      logits = x -> flatten -> dense(3)
      output probs = logits -> softmax
      train { input label: i64[N]  rate = 1e-3  loss = (logits, label) -> cross_entropy  optimizer = adamw(lr=rate) }
      test "sum" { x = random(seed=1, N=2)  assert probs -> sum(axis=1) -> close(1, tol=1e-5) }
      test "zero" { x = zeros(N=1)  half = 1/2  assert probs -> close(half) }""")
    assert model.train is not None
    assert [test.title.text for test in model.tests if test.title] == ["sum", "zero"]
    assert not model.warnings


def test_a_test_gives_the_sizes_that_are_free():
    text = """model M { input x: f32[N, 1, H, 16*W]  output y = x -> relu
      test "sizes" { H = 3  W = 1  x = random(seed=1, N=2)  assert (y -> close(x)) and y.channels == 1 }
      test "lists" { x = [[[[1, 2, 3]]]]  assert not (y -> close([1, 2], tol=0.1)) } }"""
    assert len(parse_text(text, free=True).tests) == 2
    assert len(parse_text(text, sizes={"H": 8, "W": 16}).tests) == 2


def test_settings_are_read_by_those_below():
    made("""logits = x -> flatten -> dense(3)  output y = logits -> softmax
      train { input label: i64[N]  epochs = 2 * 5  steps = epochs * 100
        loss = ((logits, label) -> cross_entropy) + 0.1 * ((x -> conv(3, 16) -> flatten, logits) -> mse)
        optimizer = sgd(0.1, momentum=0.9)  schedule = step(epochs // 2, warmup=steps)
        augment = shift(2) -> flip -> noise(0.1)  batch = 64  seed = 0 }""")


def test_weights_that_only_training_needs_are_not_the_model_s():
    text = "h = x -> conv(4, 3)  output y = h  train { loss = (h -> conv(4, 1), h) -> mse }"
    assert layers(text) == ["conv_1"]


def test_steps_stand_in_the_order_in_which_they_are_written():
    nodes = [node.name for node in made("a = x -> exp  b = x -> [sqrt, log] -> add  output y = a + b").graph.nodes()]
    assert nodes == ["x", "a", "sqrt_1", "log_1", "b", "y"]
