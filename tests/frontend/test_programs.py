"""Programs of the language's description: their shapes, their weights' names, what they share."""

from __future__ import annotations

from cnnc.compiler.frontend import parse_text

BLOCKS = """
block conv_bn(c, k, stride=1, dilation=1, groups=1) =
  conv(c, k, stride=stride, pad=dilation*(k//2), dilation=dilation, groups=groups, bias=false) -> batchnorm
block squeeze_excite(r=16) {
  input x
  gate = x -> global_avgpool -> conv(x.channels // r, 1) -> relu -> conv(x.channels, 1) -> sigmoid
  output y = x * gate
}
block inverted(t, c, stride=1) {
  input x
  h = x -> (if t == 1 then identity else conv_bn(t * x.channels, 1) -> relu6)
  y = h -> conv_bn(h.channels, 3, stride=stride, groups=h.channels) -> relu6 -> conv_bn(c, 1)
  output z = if stride == 1 and x.channels == c then x + y else y
}
block convnext {
  input x
  param gamma: f32[x.channels, 1, 1] = 1e-6
  h = x -> depthwise(7, pad=3) -> layernorm(1e-6) -> conv(4 * x.channels, 1) -> gelu -> conv(x.channels, 1)
  output y = x + gamma * h
}
"""

UNET = """
block double(c) = repeat(2, conv(c, 3, pad=1) -> relu)
block level(c, below) =
  double(c) -> [identity, maxpool(2) -> below -> conv_transpose(c, 2, stride=2)] -> concat -> double(c)
model UNet(classes=1) {
  input image: f32[N, 1, 16*H, 16*W]
  output mask = image
    -> level(64, level(128, level(256, level(512, double(1024))))) -> conv(classes, 1) -> sigmoid
}
"""

SIAMESE = """
block embed(d) =
  conv(32, 3) -> relu -> maxpool(2) -> conv(64, 3) -> relu -> maxpool(2) -> flatten -> dense(d)
model Siamese(d=64) {
  input left:  f32[N, 1, 96, 96]
  input right: f32[N, 1, 96, 96]
  share tower = embed(d)
  a, b = (left, right) -> (tower, tower)
  gap = a - b
  output distance = (gap * gap) -> sum(axis=1) -> sqrt
}
"""


def net(body: str, before: str = "", **options):
    """A model with one input `x` of 8 channels."""
    text = f"{before}\nmodel M {{ input x: f32[N, 8, 16, 16]\n{body} }}"
    return parse_text(text, **options)


def outputs(model) -> dict[str, str]:
    return {name: str(value.type) for name, value in model.graph.outputs.items()}


def test_named_inputs_let_blocks_read_shapes():
    model = net("output y = x -> squeeze_excite(4) -> inverted(2, 8) -> inverted(1, 16, stride=2) -> convnext", BLOCKS)
    assert outputs(model) == {"y": "f32[N, 16, 8, 8]"}
    assert model.graph.params["convnext_1.gamma"].start == "1e-06"
    assert "inverted_2.conv_bn_1.conv_1.weight" in model.graph.params  # t == 1: no expansion, hence the first


def test_a_level_of_a_unet_wraps_the_level_below():
    model = parse_text(UNET, sizes={"H": 64, "W": 96})
    assert outputs(model) == {"mask": "f32[N, 1, 64, 96]"}
    assert "level_1.level_1.level_1.level_1.double_2.conv_2.weight" in model.graph.params


def test_letters_may_stay_free():
    assert outputs(parse_text(UNET, free=True)) == {"mask": "f32[N, 1, 16*H, 16*W]"}


def test_a_share_has_one_set_of_weights():
    model = parse_text(SIAMESE, settings={"d": "8 * 4"})
    assert outputs(model) == {"distance": "f32[N]"}
    assert list(model.graph.params) == [
        f"tower.{layer}.{role}" for layer in ("conv_1", "conv_2", "dense_1") for role in ("weight", "bias")
    ]
    assert len(model.graph.nodes("conv")) == 4


def test_a_share_may_be_passed_and_repeated():
    body = "share s = conv(8, 1)\n output y = x -> twice(s) -> repeat(3, s) -> s as last"
    model = net(body, "block twice(f) = f -> f")
    assert list(model.graph.params) == ["s.weight", "s.bias"]
    assert len(model.graph.nodes("conv")) == 6


def test_as_names_weights_and_tensors():
    model = net("""
      h = x -> (conv(8, 1) -> relu) as stem -> conv(8, 1) as "layer1.0" -> repeat(2, conv(8, 1) as k)
      output y = h -> [conv(8, 1) as left, identity] -> add
      output z = left -> conv(8, 1)""")
    prefixes = [name.removesuffix(".weight") for name in model.graph.params if name.endswith(".weight")]
    assert prefixes == ["stem.conv_1", "layer1.0", "k_1", "k_2", "left", "conv_6"]


def test_what_no_output_reaches_is_dropped_and_keeps_its_number():
    model = net("unread = x -> conv(4, 3)\n output y = x -> conv(4, 3)")
    assert list(model.graph.params) == ["conv_2.weight", "conv_2.bias"]
    assert [warning.code for warning in model.warnings] == ["W0201"]


def test_repeat_may_keep_every_round():
    model = net("output y = x -> repeat(3, conv(8, 1), keep=true) -> concat")
    assert outputs(model) == {"y": "f32[N, 32, 16, 16]"}


def test_blocks_of_several_inputs_and_outputs():
    both = "block both { input a input b output sum = a + b output gap = a - b }"
    model = net("p, q = (x, x) -> both\n output y = (q, p) -> both -> concat", both)
    assert outputs(model) == {"y": "f32[N, 16, 16, 16]"}


def test_arithmetic_with_numbers_is_an_attribute():
    ops = [str(node.op) for node in net("output y = 1 - -x * 2 / (3 + x)").graph.nodes()[1:]]
    assert ops == ["scale(-1.0)", "mul(right=2.0)", "add(right=3.0)", "div", "sub(left=1.0)"]


def test_numbers_follow_the_rules():
    body = """
      assert -7//2 == -4 and -7 % 2 == 1 and -2**2 == -4 and 2**-1 == 0.5 and 7 / 7 == 1, "arithmetic"
      assert round(2.5) == 2 and min(3, 1, 2) == 1 and max([1, 4]) == 4 and len((1, 2)) == 2, "functions"
      assert [1, "a"] == [1.0, "a"] and none != 3 and not (true == false) or 1 // 0 == 1, "comparison"
      assert same == "same" and x.shape[1] == x.channels and 10_000 == 1e4, "words"
      output y = x"""
    assert outputs(net(body)) == {"y": "f32[N, 8, 16, 16]"}


def test_letters_bind_in_blocks_and_check_after():
    square = """block square {
      input x: f32[N, C, S, S]
      y: f32[N, C, K, S - 2] = x -> conv(C, 3)
      output z = y -> conv(K, 1)
    }"""
    assert outputs(net("output y = x -> square", square)) == {"y": "f32[N, 14, 14, 14]"}


def test_names_of_values_are_unique_and_no_operators():
    model = net(
        "relu = x -> sqrt\n output mean = relu -> b -> b", "block b { input x h = x -> exp output y = h -> log }"
    )
    assert [node.name for node in model.graph.nodes()] == ["x", "relu_2", "b_1_h", "b_1_y", "b_2_h", "mean_2"]
    assert list(model.graph.outputs) == ["mean"]


def test_a_setting_is_an_expression_and_wins():
    text = "const big = 6\nmodel A(c, k=3) { input x: f32[N, c, 8, 8] output y = x -> conv(4, k) }\nmodel B = A(3, 1)"
    assert outputs(parse_text(text, model="A", settings={"c": "big // 2"})) == {"y": "f32[N, 4, 6, 6]"}
    assert outputs(parse_text(text, settings={"k": 5})) == {"y": "f32[N, 4, 4, 4]"}
