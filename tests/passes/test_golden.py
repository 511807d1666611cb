"""Passes at work on programs of the language. A file of `golden/` holds the passes, the input and what comes of it:

    # RUN: fold_batchnorm
    model M { … }
    # CHECK:
    model M { … the graph after the passes, printed … }

`CNNC_BLESS=1 pytest` writes the last part anew; read the diff.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from builder import random_inputs, with_random_weights
from every_pass import PASSES
from numpy.testing import assert_allclose

from cnnc.compiler.frontend.load import parse_text
from cnnc.compiler.frontend.read import read
from cnnc.compiler.interpreter import interpret
from cnnc.compiler.ir.text import show
from cnnc.compiler.ir.verify import verify

FOLDER = Path(__file__).parent / "golden"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.cnn")), ids=lambda path: path.stem)
def test_golden(path: Path):
    source, _, expected = path.read_text().partition("# CHECK:\n")
    names = source.splitlines()[0].removeprefix("# RUN:").split()
    given = with_random_weights(parse_text(source, path.name).graph)
    verify(given)
    result = given
    for name in names:
        (step,) = (step for step in PASSES if step.name == name)
        result = step.run(result)
        verify(result)
    text = show(result)
    assert show(read(text)) == text
    if "CNNC_BLESS" in os.environ:
        path.write_text(f"{source}# CHECK:\n{text}")
    else:
        assert text == expected
    inputs = random_inputs(given)
    before, after = interpret(given, inputs, np.float64), interpret(result, inputs, np.float64)
    for name, array in before.items():
        # Folded weights are rounded once, by 2**-24 of themselves; few layers enlarge that less than 100 times.
        assert_allclose(after[name], array, rtol=0, atol=100 * 2**-24 * np.abs(array).max(), err_msg=name)
