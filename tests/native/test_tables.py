"""What is listed in one place is there in the other."""

from cnnc.compiler.codegen.lowering import LOWERINGS
from cnnc.compiler.ir.operator import REGISTRY
from cnnc.compiler.schedule.choose import ALGORITHMS, ANCHORS


def test_every_algorithm_of_the_schedule_has_a_lowering_and_no_other():
    assert set(ALGORITHMS) == set(LOWERINGS)


def test_an_operator_is_elementwise_or_has_an_algorithm_but_not_both():
    elementwise = {name for name, record in REGISTRY.items() if record.scalar is not None}
    assert REGISTRY.keys() >= ANCHORS
    assert not ANCHORS & elementwise
