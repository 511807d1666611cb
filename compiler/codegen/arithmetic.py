"""`Scalar` in vectors: elementwise arithmetic, and the transcendental functions as polynomials of our own.

LLVM's `exp` and kin become a library call for each element; these stay in registers. Coefficients are those of Cephes
(Moshier 1989, single precision), but for those called fits; every function keeps NaN and takes its limits at the
infinities.
"""

from __future__ import annotations

from math import sqrt
from typing import TypeAlias

import numpy as np

from . import piecewise
from .emit import Emitter

Operand: TypeAlias = "str | float | int"

_LOG2_E = 1.4426950408889634
_LN2_HIGH, _LN2_LOW = 0.693359375, -2.12194440e-4  # their sum is ln 2; n * HIGH is exact for |n| < 2**11
_EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1.0, 1.0)
_HALF_EXPM1 = tuple(c * 2.0 ** (6 - k) for k, c in enumerate(_EXP[:-2]))  # (e**2x - 1) / 2 - x over x**2
_LOG = (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
_SHORT_EXP = (1.3814570e-3, 8.3687173e-3, 4.1668391e-2, 1.6666521e-1, 4.9999993e-1, 1.0, 1.0)  # a fit to 0.1 * 2**-24
_LOG_NORMAL = (
    -1.9214794e-6,
    2.6770362e-5,
    -1.2653478e-4,
    -1.0110347e-4,
    4.9043351e-3,
    -3.6393707e-2,
    -3.1829659e-1,
    -7.9788569e-1,
    -6.9314717e-1,
)  # log of the normal distribution at -x, up to x = 5.6: a minimax fit, 0.13 * 2**-24, of the error of its exponential
_ROUND = 12582912.0  # 1.5 * 2**23: adding it rounds a float below 2**22 to a whole number


class Arithmetic:
    """The words of `ir.operator.Scalar` on registers of floats."""

    def __init__(self, e: Emitter):
        self.e = e
        self._ints = f"<{e.lanes} x i32>"
        self._bools = f"<{e.lanes} x i1>"

    def _value(self, a: Operand) -> str:
        return a if isinstance(a, str) else self.e.constant(a)

    def _binary(self, name: str, a: Operand, b: Operand) -> str:
        return self.e.set(f"{name} {self.e.vector} {self._value(a)}, {self._value(b)}")

    def _unary(self, name: str, a: Operand) -> str:
        vector = self.e.vector
        return self.e.intrinsic(vector, f"llvm.{name}.v{self.e.lanes}f32", [(vector, self._value(a))])

    def add(self, a: Operand, b: Operand) -> str:
        return self._binary("fadd", a, b)

    def sub(self, a: Operand, b: Operand) -> str:
        return self._binary("fsub", a, b)

    def mul(self, a: Operand, b: Operand) -> str:
        return self._binary("fmul", a, b)

    def div(self, a: Operand, b: Operand) -> str:
        return self._binary("fdiv", a, b)

    def fma(self, a: Operand, b: Operand, c: Operand) -> str:
        return self.e.fma(self._value(a), self._value(b), self._value(c))

    def less(self, a: Operand, b: Operand) -> str:
        return self._binary("fcmp olt", a, b)

    def select(self, condition: str, a: Operand, b: Operand) -> str:
        vector = self.e.vector
        return self.e.set(f"select {self._bools} {condition}, {vector} {self._value(a)}, {vector} {self._value(b)}")

    def sqrt(self, a: Operand) -> str:
        return self._unary("sqrt", a)

    def abs(self, a: Operand) -> str:
        return self._unary("fabs", a)

    def round(self, a: Operand) -> str:
        """To the nearest whole number, ties to even; below 2**22 by magic number, beyond there is nothing to round."""
        value = self._value(a)
        shifted = self.sub(self.add(self.abs(value), _ROUND), _ROUND)
        signed = self._copysign(shifted, value)
        return self.select(self.less(self.abs(value), 4194304.0), signed, value)

    def _copysign(self, size: str, sign: str) -> str:
        vector = self.e.vector
        name = f"llvm.copysign.v{self.e.lanes}f32"
        return self.e.intrinsic(vector, name, [(vector, size), (vector, sign)])

    def _polynomial(self, x: str, coefficients: tuple[float, ...]) -> str:
        """Horner's rule, highest power first."""
        total = self._value(coefficients[0])
        for c in coefficients[1:]:
            total = self.fma(total, x, c)
        return total

    def _power_of_two(self, whole: str) -> str:
        """2**n for whole n (as floats) in [-126, 127], made in the exponent bits."""
        e, ints = self.e, self._ints
        n = e.set(f"fptosi {e.vector} {whole} to {ints}")
        biased = e.set(f"add {ints} {n}, splat (i32 127)")
        bits = e.set(f"shl {ints} {biased}, splat (i32 23)")
        return e.set(f"bitcast {ints} {bits} to {e.vector}")

    def exp(self, a: Operand) -> str:
        """e**x. x = n ln 2 + r, |r| <= ln 2 / 2; the power in two halves: denormal results come out."""
        x = self._value(a)
        inside = self.select(self.less(x, 89.0), x, 89.0)
        inside = self.select(self.less(-104.0, inside), inside, -104.0)
        n = self.sub(self.fma(inside, _LOG2_E, _ROUND), _ROUND)
        half = self.sub(self.fma(n, 0.5, _ROUND), _ROUND)
        y = self.mul(self._polynomial(self._beyond(inside, n), _EXP), self._power_of_two(half))
        y = self.mul(y, self._power_of_two(self.sub(n, half)))
        return self.select(self.e.set(f"fcmp uno {self.e.vector} {x}, {x}"), x, y)

    def _beyond(self, x: str, n: str) -> str:
        """x - n ln 2."""
        return self.fma(n, -_LN2_LOW, self.fma(n, -_LN2_HIGH, x))

    def _normal_exp(self, x: str, down: int = 0) -> str:
        """e**x over 2**down, where that is a normal number. The power is made of the bits that rounding leaves: a NaN
        stays one."""
        magic = _ROUND + 127 - down
        rounded = self.fma(x, _LOG2_E, magic)
        power = self._in_exponent(rounded)
        return self.mul(self._polynomial(self._beyond(x, self.sub(rounded, magic)), _SHORT_EXP), power)

    def _in_exponent(self, rounded: str) -> str:
        """2**n, of n + 127 + `_ROUND`: those last bits, as an exponent's."""
        e, ints = self.e, self._ints
        bits = e.set(f"bitcast {e.vector} {rounded} to {ints}")
        biased = e.set(f"shl {ints} {bits}, splat (i32 23)")
        return e.set(f"bitcast {ints} {biased} to {e.vector}")

    def log(self, a: Operand) -> str:
        """Natural logarithm; -inf at 0, NaN below."""
        e, ints, x = self.e, self._ints, self._value(a)
        tiny = self.less(x, 1.1754943508222875e-38)
        scaled = self.select(tiny, self.mul(x, 8388608.0), x)  # denormals: by 2**23 into the normal range
        bits = e.set(f"bitcast {e.vector} {scaled} to {ints}")
        exponent = e.set(f"ashr {ints} {bits}, splat (i32 23)")
        exponent = e.set(f"sub {ints} {exponent}, splat (i32 126)")
        n = e.set(f"sitofp {ints} {exponent} to {e.vector}")
        n = self.select(tiny, self.sub(n, 23.0), n)
        fraction = e.set(f"and {ints} {bits}, splat (i32 8388607)")
        fraction = e.set(f"or {ints} {fraction}, splat (i32 1056964608)")
        m = e.set(f"bitcast {ints} {fraction} to {e.vector}")  # in [0.5, 1)
        small = self.less(m, sqrt(0.5))
        m = self.sub(self.select(small, self.add(m, m), m), 1.0)
        n = self.select(small, self.sub(n, 1.0), n)
        square = self.mul(m, m)
        y = self.mul(self.mul(self._polynomial(m, _LOG), m), square)
        y = self.fma(n, _LN2_LOW, y)
        y = self.fma(square, -0.5, y)
        y = self.fma(n, _LN2_HIGH, self.add(m, y))
        infinite = float("inf")
        y = self.select(self.less(x, infinite), y, x)  # +inf and NaN stay
        y = self.select(e.set(f"fcmp oeq {e.vector} {x}, zeroinitializer"), -infinite, y)
        return self.select(self.less(x, 0.0), float("nan"), y)

    def tanh(self, a: Operand) -> str:
        """Of |x|, with the sign put back. From 9.01 on it is 1."""
        x = self._value(a)
        size = self.abs(x)
        inside = self.select(self.less(piecewise.LAST, size), piecewise.LAST, size)
        tables = self.e.target.lanes == piecewise.PIECES
        y = piecewise.evaluate(self.e, np.tanh, inside) if tables else self._tanh_by_exp(inside)
        return self._copysign(y, x)

    def _tanh_by_exp(self, x: str) -> str:
        """t / (t + 1) for t = (e**2x - 1) / 2. Where x = n ln 2 / 2 + r that is 2**n (e**2r - 1) / 2 + (2**n - 1) / 2:
        nothing cancels for x from 0 to 10. A NaN stays one."""
        rounded = self.fma(x, 2 * _LOG2_E, _ROUND + 127)
        n = self.sub(rounded, _ROUND + 127)
        r = self.fma(n, -_LN2_LOW / 2, self.fma(n, -_LN2_HIGH / 2, x))
        power = self._in_exponent(rounded)
        over = self.fma(self.mul(self._polynomial(r, _HALF_EXPM1), r), r, r)
        t = self.fma(power, over, self.fma(power, 0.5, -0.5))
        return self.div(t, self.add(t, 1.0))

    def normal(self, a: Operand) -> str:
        """The normal distribution: from 5.6 standard deviations on 0 or 1. Its tail's logarithm is smooth."""
        x = self._value(a)
        size = self.abs(x)
        inside = self.select(self.less(5.6, size), 5.6, size)
        tail = self._normal_exp(self._polynomial(inside, _LOG_NORMAL))
        return self.add(0.5, self._copysign(self.sub(0.5, tail), x))

    def sigmoid(self, a: Operand) -> str:
        """1 / (1 + e**-x). Both sides of the line are over 2**24: there e**-x is normal until the quotient is 0;
        from 18 on that is 1."""
        unit, x = 2.0**-24, self._value(a)
        inside = self.select(self.less(18.0, x), 18.0, x)
        inside = self.select(self.less(inside, -104.0), -104.0, inside)
        opposite = self.e.set(f"fneg {self.e.vector} {inside}")
        return self.div(unit, self.add(unit, self._normal_exp(opposite, down=24)))
