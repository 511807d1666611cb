"""How far a float32 kernel may lie from the truth: the error policy, in one place.

The truth is the interpreter's definition in float64, on the inputs that the kernel really received. With u = 2**-24,
the largest relative error of one float32 rounding, an operator adds to what its operands bring along

    weighted sums of n products   (2 + sqrt(n)) u (sum |x||w| + |b|), by Winograd's algorithm some more (`ALGORITHMS`)
    moves, maxima                 nothing
    elementwise operators         a few u of the numbers that are added or multiplied last (the table `ELEMENTWISE`)
    softmax, norms                first-order bounds, argued at their rules

never something relative to the result alone, which cancellation may have left small. n roundings of a sum of absolute
size S amount to n u S at worst and to about sqrt(n) u S when their signs are random (Higham & Mary 2019); 2 u S more
are for the rounding of products on CPUs without fused multiply-add, of folded weights and of the bias. One product that
is missing, or weights of fewer bits, exceed that by far.

Errors of operands pass through linear operators by their absolute weights and are otherwise probed: the operator is
applied to operands moved both ways by their bounds. That is exact for monotone operators; between the ends a smooth
one lies at most an error's square further.
"""

from .case import ALGORITHMS, LARGEST, PLAIN_SUM, UNDERFLOW, Expected, U, distance
from .expected import expected, expected_of, received
from .rules import ELEMENTWISE, RULES

__all__ = [
    "ALGORITHMS", "ELEMENTWISE", "LARGEST", "PLAIN_SUM", "RULES", "UNDERFLOW", "Expected", "U",
    "distance", "expected", "expected_of", "received",
]  # fmt: skip
