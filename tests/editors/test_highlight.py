"""Highlighters see what the parser sees: their words, signs and patterns are the grammar's."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path

import pytest
import textmate
from hypothesis import given
from hypothesis import strategies as st
from lark import Lark
from pygments.token import Error, Name, _TokenType

from cnnc import highlight
from cnnc.compiler.ir.operator import REGISTRY
from cnnc.highlight import CnnLexer

ROOT = Path(__file__).parents[2]
GRAMMAR = Lark.open_from_package("cnnc.grammar", "cnn.lark", parser="lalr", start="file")
TERMINALS = {terminal.name: terminal.pattern.to_regexp() for terminal in GRAMMAR.terminals}
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "examples").glob("*.cnn"))}

fragments = st.sampled_from(
    [*highlight.RESERVED, *highlight.SIGNS, *highlight.MARKS, *'xN3 \n#"→é', "conv", "1e-3", "train", "f32", "2x"]
)


def tokens(text: str) -> list[tuple[int, _TokenType, str]]:
    return list(CnnLexer().get_tokens_unprocessed(text))


@pytest.mark.parametrize("name", ["NAME", "NUMBER", "STRING", "COMMENT"])
def test_patterns_are_those_of_the_grammar(name: str) -> None:
    lines = (ROOT / "grammar" / "cnn.lark").read_text(encoding="utf-8").splitlines()
    assert f"{name}: /{getattr(highlight, name)}/" in lines


def test_every_word_and_sign_of_the_grammar_has_a_kind() -> None:
    ours = (*highlight.RESERVED, *highlight.SIGNS, *highlight.MARKS)
    fixed = [
        pattern for name, pattern in TERMINALS.items() if name not in ("NAME", "NUMBER", "STRING", "COMMENT", "WS")
    ]
    assert all(sum(bool(re.fullmatch(pattern, text)) for pattern in fixed) == 1 for text in ours)
    assert all(any(re.fullmatch(pattern, text) for text in ours) for pattern in fixed)
    assert len(set(ours)) == len(ours)


def test_stages_are_those_of_the_registry() -> None:
    for name, record in REGISTRY.items():
        ((_, kind, _),) = tokens(name)
        assert (kind == Name.Builtin) == record.stage or name in highlight.RESERVED


@pytest.mark.parametrize("name", TEXTS)
def test_tokens_of_examples_are_those_of_the_parser(name: str) -> None:
    text = TEXTS[name]
    found = {start: value for start, kind, value in tokens(text) if kind is not Error}
    assert "".join(found.values()) == text
    for token in GRAMMAR.lex(text):
        assert found[token.start_pos or 0] == token


@given(st.one_of(st.text(), st.lists(fragments).map("".join)))
def test_no_text_is_lost(text: str) -> None:
    assert "".join(value for _, _, value in tokens(text)) == text


def test_pygments_finds_the_lexer() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pygments.lexers"] == {"cnn": f"{CnnLexer.__module__}:{CnnLexer.__name__}"}


def test_the_textmate_grammar_is_as_generated() -> None:
    if "CNNC_BLESS" in os.environ:
        textmate.PATH.write_text(textmate.grammar(), encoding="utf-8")
    assert textmate.PATH.read_text(encoding="utf-8") == textmate.grammar()


@pytest.mark.parametrize("name", TEXTS)
def test_textmate_colours_as_pygments_does(name: str) -> None:
    """An editor goes line by line and takes the first rule that matches earliest, where Pygments takes the next one."""
    rules = json.loads(textmate.grammar())["patterns"]
    pairs = {(highlight.TOKENS[kind], f"{scope}.cnn") for kind, scope in textmate.SCOPES.items()}
    start = 0
    colours: dict[int, str] = {}
    for line in TEXTS[name].splitlines(keepends=True):
        at = 0
        while at < len(line):
            matches = [(found, rule) for rule in rules if (found := re.compile(rule["match"]).search(line, at))]
            if not matches:
                break
            found, rule = min(matches, key=lambda match: match[0].start())
            scopes = {0: rule["name"]} if "name" in rule else {int(i): c["name"] for i, c in rule["captures"].items()}
            colours |= {start + i: scope for group, scope in scopes.items() for i in range(*found.span(group))}
            at = found.end()
        start += len(line)
    for place, token, value in tokens(TEXTS[name]):
        for i, sign in enumerate(value, place):
            assert sign.isspace() or (token, colours[i]) in pairs, value


def test_the_extension_names_its_files() -> None:
    folder = ROOT / "editors"
    contributed = json.loads((folder / "package.json").read_text(encoding="utf-8"))["contributes"]
    named = [contributed["languages"][0]["configuration"], contributed["grammars"][0]["path"]]
    for name in named:
        json.loads((folder / name).read_text(encoding="utf-8"))
    assert contributed["grammars"][0]["scopeName"] == json.loads(textmate.grammar())["scopeName"]
