"""A block applied again to tensors of the same types is made from a pattern: the graph is that of running its text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnc.compiler.frontend import check_text, parse_text
from cnnc.compiler.frontend.elaborate.patterns import Pattern, Recorder
from cnnc.compiler.ir.text import show
from cnnc.runtime.errors import ModelError

BLOCKS = """
block unit(c=8) = conv(c, 3, pad=1) -> batchnorm -> relu
block twice(f) = f -> f
block gain { input a  param g: f32[8, 1, 1] = 1  b = a * g  output c = b + 1 }
block named { input a  b = a -> conv(8, 1) as inner  output c = b -> (relu -> conv(8, 1)) as pipe }
block pair { input a  input b  output s = (a, b) -> add  output d = a - b }
block halves { input a  l, r = a -> split(2)  output y = (r, l) -> concat }
block sharing { input a  share s = conv(8, 1)  output y = a -> s -> s }
block alias { input a  b = a  output y = b -> relu }
block itself { input a  output y = a }
block sized { input a  g = a -> global_avgpool -> conv(a.channels // 2, 1) -> conv(a.channels, 1)  output y = a * g }
block keeps(s) { input a  h = a -> s  output y = h -> relu }
block makes(s) = conv(8, 1) -> s
block deep(s) { input a  output y = a -> repeat(3, keeps(s)) }
block lends { input a  share s = named  output y = a -> keeps(s) -> keeps(s) }
block lending { input a  share s = conv(8, 1)  output y = a -> twice(s) }
"""
# A body, and how many applications are made from a pattern: of the same stage, which the text says once.
BODIES = {
    "once": ("output y = x -> unit", 0),
    "in two places": ("output y = x -> unit -> unit", 0),
    "of the same types": ("u = unit() output y = x -> u -> u -> u", 2),
    "of others": ("u = unit() output y = x -> u -> maxpool(2) -> u -> u", 1),
    "with names": ("u = unit() output y = x -> u as a -> u as b", 1),
    "in a repeat": ("output y = x -> repeat(4, unit as u)", 3),
    "with dots in names": ('u = unit(8) output y = x -> u as "layer.1" -> u as "layer.2"', 1),
    "within others": ("t = twice(unit(8)) output y = x -> t -> t", 2),
    "at another depth": ("u = unit() output y = x -> u -> twice(u) -> u", 2),
    "with a weight of its own": ("output y = x -> repeat(3, gain)", 2),
    "with names inside": ("output y = x -> repeat(3, named)", 2),
    "of two tensors": ("p = pair() a, b = (x, x -> relu) -> p c, d = (b, a) -> p output y = c + d", 1),
    "of one tensor twice": (
        "p = pair() a, b = (x, x) -> p c, d = (b, a) -> p e, f = (c, c) -> p output y = (d, e, f) -> add",
        1,
    ),
    "with several values inside": ("output y = x -> repeat(3, halves)", 2),
    "with a share inside": ("output y = x -> repeat(3, sharing)", 2),
    "with a share from outside": ("share s = unit t = twice(s) output y = x -> t -> t", 2),
    "with a share that names what arrives": ("share s = alias t = twice(s) output y = x -> conv(8, 1) -> t -> t", 2),
    "with a share whose result it names": ("share s = unit k = keeps(s) output y = x -> k -> k", 1),
    "with what it makes named in a share": ("share s = alias m = makes(s) output y = x -> m -> m", 1),
    "with a share passed on": ("share s = unit d = deep(s) output y = x -> d -> d", 3),
    "with a share of its own, lent": ("l = lends() output y = x -> l -> l", 2),
    "with a share from a block around it": ("output y = x -> repeat(3, lending)", 2),
    "in a share": ("g = gain() share s = twice(g) output y = x -> s -> s", 2),
    "that names what arrives": ("a = alias() output y = x -> conv(8, 1) -> a -> conv(8, 1) -> a", 1),
    "that gives what arrives": ("i = itself() output y = x -> relu -> i -> relu -> i", 1),
    "that asks for sizes": ("output y = x -> repeat(3, sized)", 2),
    "named from outside": ("u = unit() a = x -> u b = a -> u output y = (a, b) -> add", 1),
    "with a long name": (f"u = unit() output y = x -> u -> u as {'n' * 600} -> u as {'m' * 495} -> u", 1),
}


@pytest.mark.parametrize("about", BODIES)
@pytest.mark.parametrize("size", ["16", "H"])
def test_the_same_graph(about: str, size: str, monkeypatch: pytest.MonkeyPatch):
    body, times = BODIES[about]
    text = f"{BLOCKS}model M {{ input x: f32[N, 8, {size}, {size}]  {body} }}"
    applied = []
    apply = Pattern.applied
    monkeypatch.setattr(Pattern, "applied", lambda *words: applied.append(words) or apply(*words))
    made = elaborated(text)
    assert len(applied) == 2 * times
    monkeypatch.setattr(Recorder, "pattern", lambda *words: None)
    assert made == elaborated(text)
    assert len(applied) == 2 * times


def elaborated(text: str) -> tuple[str, list[str]]:
    """The graph of a text, or why there is none; and what a check finds."""
    found = [str(finding) for finding in check_text(text)]
    try:
        return show(parse_text(text, sizes={"H": 16} if "H]" in text else {}).graph), found
    except ModelError as error:
        return str(error), found


@st.composite
def programs(draw: st.DrawFn) -> str:
    """Blocks from one tensor to another of its type, of those before them and of what they are given; shares, names and
    weights in all."""

    def body(stages: list[str], head: str) -> str:
        lines, tensors, stages = [], ["x"], ["relu", "conv(8, 1)", "batchnorm", *stages]

        def stage() -> str:
            made = draw(st.sampled_from(stages))
            if made in blocks:
                made = f"{made}({draw(st.sampled_from(stages))})"
            return draw(st.sampled_from(["{}", "{}", "repeat(3, {})", "([{}, relu] -> add)"])).format(made)

        for k in range(draw(st.integers(2, 6))):
            match draw(st.sampled_from(["share", "stage", "param", "alias", "sum", "as", "dots", "pipe", "pipe"])):
                case "share":
                    lines.append(f"share s{k} = {stage()}")
                    stages += [f"s{k}"] * 2
                    continue
                case "stage":
                    lines.append(f"f{k} = {stage()} -> relu")
                    stages += [f"f{k}"] * 3
                    continue
                case "param":
                    value = f"{tensors[-1]} * p{k}"
                    lines.append(f"param p{k}: f32[8, 1, 1] = 1")
                case "alias":
                    value = draw(st.sampled_from(tensors))
                case "sum":
                    value = f"{tensors[-1]} + {draw(st.sampled_from(tensors))}"
                case "as":
                    value = f"{tensors[-1]} -> {stage()} as n{k} -> ({stage()} -> relu) as m{k}"
                case "dots":
                    value = f'{tensors[-1]} -> {stage()} as "d.{k}"'
                case _:
                    value = f"{draw(st.sampled_from(tensors))} -> {stage()} -> {stage()}"
            lines.append(f"t{k} = {value}")
            tensors.append(f"t{k}")
        return f"{{ input {head}  {'  '.join(lines)}  output y = {tensors[-1]} -> relu }}"

    blocks, text = list[str](), ""
    for k in range(draw(st.integers(1, 4))):
        text += f"block b{k}(f) {body([*blocks, 'f'], 'x')}\n"
        blocks.append(f"b{k}")
    return f"{text}model M {body([*blocks, blocks[-1]], 'x: f32[N, 8, 4, 4]')}"


@given(programs())
@settings(max_examples=200, deadline=None)
def test_random_programs(text: str):
    made = elaborated(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "pattern", lambda *words: None)
        assert made == elaborated(text)
