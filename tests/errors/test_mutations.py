"""One token of an example is damaged: that gives one error, beside the damage, or the text still says something else.

Other errors of a text that parses are errors of meaning, and true. What else is not so is written down here, and why.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from desk import EXAMPLES

from cnnc.compiler.frontend import check_text

TEXTS = {path.stem: path.read_text() for path in sorted(EXAMPLES.glob("*.cnn")) if "use " not in path.read_text()}
TOKEN = re.compile(r'#.*|"[^"\n]*"|\w+|->|[=!<>]=|\*\*|//|\S')
MISPLACED = ("use", "const", "block", "model", "input", "param", "share", "output", "assert", "if", "then", "as")
RESERVED = (*MISPLACED, "else", "and", "or", "not", "true", "false", "none")

NEAR_ANOTHER = "the name that is lost looks like another, so that its readers seem misspelt"
BY_BRACKET = "a bracket that is missing or too many is seen where the one around it closes"
EXCEPTIONS = {  # what is told elsewhere or twice, by the kind of damage and what was damaged
    ("deleted", "}"): "a brace is missed where it was opened",
    ("deleted", "sobel_x"): NEAR_ANOTHER,
    ("deleted", "sobel_y"): NEAR_ANOTHER,
    ("reserved", "sobel_x"): NEAR_ANOTHER,
    ("reserved", "sobel_y"): NEAR_ANOTHER,
    ("deleted", "ResNet"): NEAR_ANOTHER,
    ("reserved", "ResNet"): NEAR_ANOTHER,
    ("deleted", "("): BY_BRACKET,
    ("doubled", ")"): BY_BRACKET,
    ("deleted", "["): BY_BRACKET,
    ("deleted", "]"): BY_BRACKET,
    ("deleted", "gx"): "what is left, `, gy = …`, does not say that it bound another name",
}


@dataclass(frozen=True)
class Mutant:
    """An example with one token damaged on a line."""

    kind: str
    example: str
    token: str
    line: int
    text: str


def mutants(name: str) -> Iterator[Mutant]:
    """Each token deleted, doubled, a reserved word if it is a name, and with two of its letters swapped."""
    text = TEXTS[name]
    for found in TOKEN.finditer(text):
        token, (start, end) = found[0], found.span()
        if token.startswith("#"):
            continue
        before, after, line = text[:start], text[end:], text.count("\n", 0, start) + 1
        yield Mutant("deleted", name, token, line, before + after.lstrip(" "))
        yield Mutant("doubled", name, token, line, f"{before}{token} {token}{after}")
        if token[0].isalpha() and token not in RESERVED:
            for word in (MISPLACED[(start + k) % len(MISPLACED)] for k in (0, 1, 7)):
                yield Mutant("reserved", name, token, line, before + word + after)
        if token.isalpha() and len(token) > 3:
            for at in range(len(token) - 1):
                swapped = token[:at] + token[at + 1] + token[at] + token[at + 2 :]
                if swapped != token:
                    yield Mutant("misspelt", name, token, line, before + swapped + after)


def strays(mutant: Mutant) -> bool:
    """Whether the one error of syntax comes with others, or lies elsewhere than beside the damage."""
    errors = [finding for finding in check_text(mutant.text) if finding.severity == "error"]
    if not any(error.code.startswith("E01") for error in errors):
        return False
    (first, *others), place = errors, errors[0].span
    assert place is not None, first.message
    return bool(others) or abs(place.line - mutant.line) > 1


def judge(sample: list[Mutant]) -> None:
    astray = [mutant for mutant in sample if strays(mutant)]
    unknown = [m for m in astray if (m.kind, m.token) not in EXCEPTIONS]
    assert [f"{m.kind} `{m.token}` in line {m.line} of {m.example}" for m in unknown] == []
    assert len(astray) <= max(2, len(sample) // 100)


def test_one_damaged_token_is_one_error_at_its_place():
    rng = random.Random(1)
    judge([mutant for name in TEXTS for mutant in rng.sample(list(mutants(name)), 15)])


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTS)
def test_every_damaged_token_is_one_error_at_its_place(name: str):
    judge(list(mutants(name)))
