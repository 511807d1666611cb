"""Programs damaged at random end in findings at places that exist, never in a traceback."""

from __future__ import annotations

import random
import re

import pytest
from desk import EXAMPLES

from cnnc.compiler.frontend import check_text

SIGNS = ("->", "(", ")", "[", "]", "{", "}", "=", ",", ":", "/", "1", "x")
WORDS = (*SIGNS, "model", "block", "const", "input", "output", "param", "test", "if", "else", "as", "use", "none")
TEXTS = [(EXAMPLES / f"{name}.cnn").read_text() for name in ("digits", "edges", "multilabel", "lenet5")]


def damaged(rng: random.Random) -> str:
    """An example with a few words left out, put in or put in place of others."""
    words = re.findall(r"\s+|\w+|->|[^\w\s]", rng.choice(TEXTS))
    for _ in range(rng.choice([1, 1, 2, 4])):
        at = rng.randrange(len(words))
        words[at] = rng.choice(["", f" {rng.choice(WORDS)} ", f"{words[at]} {rng.choice(WORDS)} "])
    return "".join(words)


def test_a_brace_after_brackets_outside_of_all_braces():
    """Found by fuzzing."""
    assert [finding.code for finding in check_text("train { } ( } {")]


@pytest.mark.parametrize("seed", range(10))
def test_damage_ends_in_findings(seed: int):
    rng = random.Random(seed)
    for _ in range(20):
        text = damaged(rng)
        for finding in check_text(text):
            assert finding.render()
            assert finding.span is None or 0 <= finding.span.start <= finding.span.end <= len(text)
