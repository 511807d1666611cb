"""One layout: it changes no meaning, loses no comment, and is its own layout."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnc.compiler.diagnostics import Source
from cnnc.compiler.frontend import check_text, load, parse_text
from cnnc.compiler.frontend.syntax.format import WIDTH, format
from cnnc.compiler.frontend.syntax.parse import parse
from cnnc.compiler.frontend.syntax.words import tokens_of
from cnnc.compiler.ir.text import show
from cnnc.runtime.errors import ModelError

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(ROOT.glob("examples/*.cnn"))
FILES = [*EXAMPLES, *sorted(ROOT.glob("tests/passes/golden/*.cnn"))]


def formatted(text: str) -> str:
    return format(Source("<text>", text))


def meaning(node: object) -> object:
    """A syntax tree without the places where it was written."""
    if isinstance(node, tuple):
        return tuple(map(meaning, node))
    if is_dataclass(node):
        names = [field.name for field in fields(node) if field.name not in ("start", "end")]
        return (type(node).__name__, *(meaning(getattr(node, name)) for name in names))
    return node


def tree(text: str) -> object:
    return meaning(parse(Source("<text>", text)).declarations)


def comments(text: str) -> list[str]:
    return [part.rstrip() for part in re.findall(r'"[^"\r\n]*"|#[^\n]*', text) if part[0] == "#"]


def hold_the_promises(text: str) -> str:
    once = formatted(text)
    assert tree(once) == tree(text)
    assert comments(once) == comments(text)
    assert formatted(once) == once
    assert all(line == line.rstrip() for line in once.split("\n"))
    assert "\n\n\n" not in once
    return once


# Random programs: tokens from the grammar, then white space and comments between them.

Tokens = st.SearchStrategy[list[str]]


def row(*parts: Tokens | str) -> Tokens:
    """Parts one after another, given as what makes them or as themselves."""
    made = [st.just([part]) if isinstance(part, str) else part for part in parts]
    return st.tuples(*made).map(lambda lists: [token for tokens in lists for token in tokens])


def some(part: Tokens, least: int = 0, most: int = 4) -> Tokens:
    return st.lists(part, min_size=least, max_size=most).map(
        lambda lists: [token for tokens in lists for token in tokens]
    )


def series(item: Tokens, least: int = 0, most: int = 4) -> Tokens:
    """Items with commas, perhaps one at the end."""
    items = some(row(item, ","), least, most)
    return items | items.map(lambda tokens: tokens[:-1])


def word(*texts: str) -> Tokens:
    return st.sampled_from(texts).map(lambda text: [text])


NAME = word("x", "image", "conv2", "a_rather_long_name_for_a_layer", "N", "relu")
NUMBER = word("3", "0.25", "1e-3", "10_000", "123.675")
STRING = word('"layer1.0"', '"# no comment, → ok"', '""')
ATOM = NAME | NUMBER | STRING | word("true", "none")
NOTHING = row()


def brackets(value: Tokens) -> Tokens:
    """What may stand anywhere. `~(` must touch what stands before it."""
    keyword = row(NAME, "=", value)
    both = row(some(row(value, ","), 1, 3), series(keyword, 1, 3))
    return st.one_of(
        row(NAME, "~(", series(value) | series(keyword) | both, ")"),
        row(NAME, "~(", series(NUMBER | NAME), ")"),
        row("[", series(value, most=5), "]"),
        row("[", series(NUMBER, most=40), "]"),
        row("(", series(value, 2), ")"),
        row("(", value, ")"),
        row(NAME, "~[", value, "]"),
        row(NAME | NUMBER, ".", NAME),
    )


def chain(operand: Tokens, *operators: str, most: int = 5) -> Tokens:
    return operand | row(operand, some(row(word(*operators), operand), 1, most))


def expressions(value: Tokens) -> Tokens:
    postfix = ATOM | brackets(value)
    power = chain(postfix, "**", most=1)
    product = chain(power | row("-", power), "*", "/", "//", "%")
    sums = chain(product, "+", "-")
    compared = chain(sums, "==", "<=", most=1)
    either = chain(chain(compared | row("not", compared), "and"), "or")
    pipe = chain(postfix | row(postfix, "as", NAME | STRING), "->", most=8)
    return st.one_of(postfix, pipe, pipe, sums, either, row("if", value, "then", value, "else", value))


EXPRESSION = st.recursive(ATOM, expressions, max_leaves=20)
SUM = chain(NUMBER | NAME, "+", "-", "*")
TYPE = row(word("f32", "u8"), "~[", series(SUM, 1, 5), "]")
TYPED = NOTHING | row(":", TYPE)
STATEMENT = st.one_of(
    row("input", NAME, TYPED),
    row("param", NAME, ":", TYPE, NOTHING | row("=", SUM), NOTHING | row("as", STRING)),
    row("share", NAME, "=", EXPRESSION),
    row("output", NAME, TYPED, NOTHING | row("=", EXPRESSION)),
    row("assert", EXPRESSION, NOTHING | row(",", STRING)),
    row(NAME, some(row(",", NAME), most=2), TYPED, "=", EXPRESSION),
)
SECTION = row(word("train") | row("test", STRING), "{", some(STATEMENT), "}")
PARAMETERS = NOTHING | row("~(", series(NAME | row(NAME, "=", EXPRESSION)), ")")
HEAD = row(word("block", "model"), NAME, PARAMETERS)
DECLARATION = st.one_of(
    row("use", STRING, "as", NAME),
    row("const", NAME, "=", EXPRESSION),
    row(HEAD, "=", EXPRESSION),
    row(HEAD, "{", some(STATEMENT | SECTION, most=5), "}"),
)
SPACES = ["", " ", " ", " ", "\n", "\n  ", "\n\n\n"]
REMARKS = ["# why", "#!", '# a "quote', "# [ ( {", "#"]


def spaced(tokens: list[str], random: Random, comments: float) -> str:
    """The tokens with white space between them, and comments as often as that."""
    text = ""
    for token in tokens:
        if token[0] != "~":
            space = random.choice(SPACES)
            while random.random() < comments:
                space += f"{random.choice(['', ' '])}{random.choice(REMARKS)}\n{random.choice(SPACES)}"
            if not space and not ((text[-1:] or "(") in "([{}]),=" or token in "([{}]),="):
                space = " "
            text += space
        text += token.removeprefix("~")
    return text + ("# the end" if random.random() < comments else "")


@st.composite
def programs(draw: st.DrawFn) -> str:
    return spaced(draw(some(DECLARATION)), Random(draw(st.integers(0, 999))), draw(st.sampled_from([0, 0.05, 0.3])))


def narrow(text: str) -> bool:
    """Whether no line is too long, its comment aside."""
    lines = re.sub(r'("[^"\r\n]*")|  #[^\n]*', r"\1", text).split("\n")
    return all(len(line) <= WIDTH or line.lstrip().startswith("#") for line in lines)


@settings(max_examples=100, deadline=None)
@given(programs())
def test_any_program(text: str):
    assert narrow(hold_the_promises(text))


@pytest.mark.slow
@settings(max_examples=3_000, deadline=None)
@given(programs())
def test_many_programs(text: str):
    assert narrow(hold_the_promises(text))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_files_at_hand(file: Path):
    hold_the_promises(file.read_text())


@pytest.mark.parametrize("comments", [0, 0.05, 0.3])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_files_at_hand_shaken(file: Path, comments: float):
    text = file.read_text()
    tokens = tokens_of(text)
    touching = {after.start for before, after in pairwise(tokens) if after.text in "([" and before.end == after.start}
    shaken = [f"{'~' if token.start in touching else ''}{token.text}" for token in tokens]
    assert narrow(hold_the_promises(spaced(shaken, Random(file.name), comments)))


@pytest.mark.parametrize("name", ["digits.cnn", "resnet.cnn:ResNet50", "alexnet.cnn", "multilabel.cnn"])
def test_graphs_stay_and_print_as_programs_with_a_layout(name: str):
    path, _, model = name.partition(":")
    text = (ROOT / "examples" / path).read_text()
    graph = show(load(ROOT / "examples" / name).graph)
    assert show(parse_text(formatted(text), model=model or None).graph) == graph
    hold_the_promises(graph)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_examples_have_the_layout(file: Path):
    assert formatted(file.read_text()) == file.read_text()


# What is decided, by example: a text, and its layout.

LAYOUTS = {
    "spaces": (
        "const a=-1 const b = [ 1/255 , 2 * - x , ( a-b )*c // 2 ,2**3 ] const c = not(a==b)and c . shape[0]>2",
        """\
const a = -1
const b = [1/255, 2*-x, (a - b)*c//2, 2**3]
const c = not (a == b) and c.shape[0] > 2
""",
    ),
    "a pipe that fits": ("const f = conv(3, 3) -> relu as r", "const f = conv(3, 3) -> relu as r\n"),
    "a pipe that does not": (
        f"model M {{ y = image -> {' -> '.join(['conv(32, 3, pad=1)', 'relu'] * 5)} }}",
        "model M {\n  y = image\n" + "    -> conv(32, 3, pad=1)\n    -> relu\n" * 5 + "}\n",
    ),
    "breaks of the author's": (
        "model M { y = image -> scale(1/255)\n-> conv(32, 3) -> relu ->\nconv(64, 3) -> relu\n}",
        """\
model M {
  y = image -> scale(1/255)
    -> conv(32, 3) -> relu
    -> conv(64, 3) -> relu
}
""",
    ),
    "a pipe of stages stands below its name": (
        "block f(c) = conv(c, 3) -> relu\n-> conv(c, 3)",
        "block f(c) =\n  conv(c, 3) -> relu\n  -> conv(c, 3)\n",
    ),
    "a fan-out of the author's": (
        "block f(c) =\n[ conv(c, 3) -> relu\n-> conv(c, 3),\nidentity ] -> add -> relu",
        """\
block f(c) = [
  conv(c, 3) -> relu
    -> conv(c, 3),
  identity,
] -> add -> relu
""",
    ),
    "a fan-out within a pipe": (
        "model M { y = x -> stem -> [conv(3, 3),\nrelu] -> concat\n-> head }",
        """\
model M {
  y = x -> stem -> [
    conv(3, 3),
    relu,
  ] -> concat
    -> head
}
""",
    ),
    "numbers": (
        f"const k = [{', '.join(['0.125'] * 20)}]\nconst m = [[1,\n2],[3,4]]\nconst n = [[1,2],\n[3,4]]\n",
        "const k = [\n  "
        + ", ".join(["0.125"] * 14)
        + ",\n  "
        + ", ".join(["0.125"] * 6)
        + ",\n]\nconst m = [[1, 2], [3, 4]]\nconst n = [\n  [1, 2],\n  [3, 4],\n]\n",
    ),
    "a long call": (
        f"model M {{ y = x -> f({', '.join(f'an_argument_{i}={i}' for i in range(7))}) }}",
        "model M {\n  y = x\n    -> f(\n" + "".join(f"      an_argument_{i}={i},\n" for i in range(7)) + "    )\n}\n",
    ),
    "a comma at the end counts": (
        f"const c = f(x, {'a' * 47} + {'b' * 45})\nconst d = f(x, {'a' * 47} + {'b' * 46})",
        f"const c =\n  f(\n    x,\n    {'a' * 47} + {'b' * 45},\n  )\n"
        f"const d =\n  f(\n    x,\n    {'a' * 47}\n      + {'b' * 46},\n  )\n",
    ),
    "many names": (
        f"model M {{ {', '.join(f'part_{i}' for i in range(14))}, rest = split }}",
        "model M {\n  " + ", ".join(f"part_{i}" for i in range(12)) + ",\n    part_12, part_13, rest = split\n}\n",
    ),
    "choices": (
        "model M { y = if x.channels == c and stride == 1 and groups == 1 "
        "then x + h else if stride == 2 then h else h -> relu }",
        """\
model M {
  y = if x.channels == c and stride == 1 and groups == 1 then x + h
    else if stride == 2 then h
    else h -> relu
}
""",
    ),
    "blank lines": (
        "\n\nconst a = 1\n\n\nconst b = 2\nblock f { \n\n input x\n\n\n output x\n\n}\n"
        "model A = M\n# N\nmodel N {}\n\n",
        """\
const a = 1

const b = 2

block f {
  input x

  output x
}
model A = M

# N
model N {}
""",
    ),
    "settings": (
        'model M { train { input label: i64[N] loss = (a, label) -> mse optimizer=sgd(1) } test "t" { x=1 yy=2 } }',
        """\
model M {
  train {
    input label: i64[N]
    loss      = (a, label) -> mse
    optimizer = sgd(1)
  }
  test "t" {
    x = 1
    yy = 2
  }
}
""",
    ),
    "comments": (
        """\
#!top
model M(a, # width
b # depth
) { # M
    y = x ->   # first
      # second
      conv(3, 3) -> relu # third
    z = # why
      [a, # a
      b # b

      # rest
      ] -> add
    # last
}
# end""",
        """\
#!top
model M(
  a,  # width
  b,  # depth
) {  # M
  y = x  # first
    # second
    -> conv(3, 3) -> relu  # third
  z =
    # why
    [
      a,  # a
      b,  # b
      # rest
    ] -> add
  # last
}
# end
""",
    ),
    "nothing": ("\n\n", ""),
    "only comments": ("# a\n\n\n# b", "# a\n\n# b\n"),
    "other line ends": ("const a = 1 # one\r\n\r\nconst b = 2\r\n", "const a = 1  # one\n\nconst b = 2\n"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layout(name: str):
    text, wanted = LAYOUTS[name]
    assert hold_the_promises(text) == wanted


DEEP = {
    "brackets": "(" * 198 + "1" + ")" * 198,
    "lists": "[\n" * 198 + "]" * 198,
    "calls": "f(" * 198 + ")" * 198,
    "signs": "not " * 198 + "true",
    "choices": "if a then b else " * 198 + "c",
    "powers": "**".join(["x"] * 198),
    "a long pipe": " -> ".join(["relu"] * 5000),
    "a long sum": " + ".join(["1"] * 5000),
    "a long kernel": f"[{', '.join(['0.125'] * 5000)}]",
}


@pytest.mark.parametrize("name", DEEP)
def test_depth_and_length_are_no_matter(name: str):
    once = formatted(f"const deep = {DEEP[name]}")
    assert formatted(once) == once
    assert not [finding for finding in check_text(once) if finding.code.startswith("E01")]


def test_a_file_that_does_not_parse_has_no_layout():
    with pytest.raises(ModelError) as caught:
        formatted("const a = [1\nconst b = 2x\n")
    assert [finding.code for finding in caught.value.diagnostics] == ["E0102", "E0106"]  # type: ignore[attr-defined]


NESTING = {
    "(@)": "1", "[@]": "", "(1, @)": "1", "f(@)": "", "f(k=@)": "1", "@(1)": "f", "a[@]": "0", "@[0]": "a", "@.b": "a",
    "-@": "1", "- @": "x", "not @": "true", "2**@": "3", "1 + (@)": "2", "1 < (@)": "2", "(relu -> @)": "relu",
    "(@ as n)": "relu", "if @ then 1 else 2": "true", "if a then @ else 2": "1", "if a then 1 else @": "2",
}  # fmt: skip


@pytest.mark.parametrize("around", NESTING)
def test_files_that_nest_too_deeply_have_no_layout(around: str):
    """Just those that have no syntax tree."""
    before, after = around.split("@")

    def is_refused(depth: int, by: Callable[[Source], object]) -> bool:
        try:
            by(Source("<text>", f"const a = {before * depth}{NESTING[around]}{after * depth}"))
        except ModelError:
            return True
        return False

    too_deep = bisect_left(range(210), True, lo=50, key=lambda depth: is_refused(depth, parse))
    assert 50 < too_deep < 210
    assert [is_refused(depth, format) for depth in range(too_deep - 2, too_deep + 2)] == [False, False, True, True]


@pytest.mark.parametrize(
    "text",
    [
        "const a = f (1)", "const a = b [0]", "block b (x) = relu", "model m (x) { input x output y = x }",
        "model m { input x: f32 [N] output y = x }", "const a = f(k=1, 2)", "const a = f(1, k=1, j=2, 3)",
        f"const a = {2**63}", f"const a = [-{2**64}]", f"const a = 0.{'1' * 400}",
    ],
)  # fmt: skip
def test_what_the_grammar_cannot_express_has_no_layout(text: str):
    with pytest.raises(ModelError) as of_tree:
        parse(Source("<text>", text))
    with pytest.raises(ModelError) as of_layout:
        formatted(text)
    assert str(of_layout.value) == str(of_tree.value)
    assert formatted(f"const a = [{2**63 - 1}, 0.{'1' * 390}, f(1, k=1)]")


def test_a_layout_that_could_not_be_read_again_is_refused():
    deep = "[" * 150 + ", ".join(["[x,\n]"] * 6000) + "]" * 150
    with pytest.raises(ModelError, match="larger than 1 MB"):
        formatted(f"const a = {deep}")
