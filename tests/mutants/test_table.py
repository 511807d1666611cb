"""The table of faults is true of the code as it is."""

from pathlib import Path

import pytest
from table import MUTANTS, Mutant

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.file}: {mutant.breaks}")
def test_a_mutants_text_occurs_once(mutant: Mutant):
    assert mutant.text != mutant.replacement
    assert (ROOT / mutant.file).read_text().count(mutant.text) == 1
    assert (ROOT / mutant.tests.partition("::")[0]).exists()


def test_every_pass_and_every_family_of_kernels_has_a_mutant():
    passes = {f"compiler/passes/{path.name}" for path in (ROOT / "compiler/passes").glob("*.py")}
    kernels = {f"compiler/codegen/kernels/{path.name}" for path in (ROOT / "compiler/codegen/kernels").glob("*.py")}
    plain = {"compiler/passes/__init__.py", "compiler/passes/base.py", "compiler/codegen/kernels/__init__.py"}
    plain.add("compiler/codegen/kernels/peak.py")  # what `cnnc bench` measures the machine with
    assert passes | kernels == {mutant.file for mutant in MUTANTS} & (passes | kernels) | plain
