"""How far the functions of one number lie from the truth: `python docs/accuracy.py` measures for some minutes and
writes the table of docs/reference/accuracy.md anew.

Errors are counted in ulp, units in the last place: the distance between neighbouring float32 numbers where the exact
result lies. The truth is computed in float64.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cnnc.compiler.codegen.arithmetic import Arithmetic
from cnnc.compiler.codegen.emit import Emitter
from cnnc.compiler.codegen.kernels.softmax import Softmax
from cnnc.compiler.codegen.module import object_of
from cnnc.compiler.ir.operator import REGISTRY, Array, bind
from cnnc.compiler.schedule.target import target
from cnnc.compiler.tolerance import LARGEST, UNDERFLOW
from cnnc.runtime.abi import aligned
from cnnc.runtime.linker import link
from cnnc.runtime.loader import Code

PAGE = Path(__file__).parent / "reference" / "accuracy.md"
LEVELS = ("x86-64-v4", "x86-64-v3", "x86-64")
DENSE, SPARSE = 7, 1009  # every so many floats are tried: where functions bend, and elsewhere
BEND = (2.0**-24, 2.0**7)
CHUNK = 1 << 20  # numbers at a time

_erfc = np.vectorize(math.erfc, otypes=[np.float64])


def _softplus(x: Array) -> Array:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _sigmoid(x: Array) -> Array:
    power = np.exp(-np.abs(x))
    return np.where(x < 0, power, 1) / (1 + power)


def _normal(x: Array) -> Array:
    return _erfc(-x * math.sqrt(0.5)) / 2


def _elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def _selu(x: Array) -> Array:
    alpha, scale = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
    return scale * np.where(x > 0, x, alpha * _elu(x))


# Written so that nothing cancels or overflows.
TRUTHS: Mapping[str, Callable[[Array], Array]] = {
    "exp": np.exp,
    "log": np.log,
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "normal": _normal,
    "gelu": lambda x: x * _normal(x),
    "silu": lambda x: x * _sigmoid(x),
    "elu": _elu,
    "selu": _selu,
    "softplus": _softplus,
    "mish": lambda x: x * np.tanh(_softplus(x)),
    "softmax": _sigmoid,  # the first of two scores, x and 0
    "log_softmax": lambda x: -_softplus(-x),
}


class Native:
    """A function of one number as machine code for a level, as networks have it."""

    def __init__(self, name: str, level: str):
        e = Emitter(target(level))
        self._x, self._y = (aligned(8 * CHUNK).view(np.float32) for _ in range(2))
        arrays = self._x.ctypes.data, self._y.ctypes.data
        if name in ("softmax", "log_softmax"):  # the other score lies a chunk further
            Softmax(log=name == "log_softmax", across=False).emit(e, "each")
            self._words = np.array([*arrays, 1, CHUNK, 2, 4 * CHUNK, 0], np.int64)
        else:
            _each(e, name)
            self._words = np.array([*arrays, 4 * CHUNK], np.int64)
        self._code = Code(link([object_of(e.text(), e.target)]))
        self._call = ctypes.CFUNCTYPE(None, *[ctypes.c_size_t] * 4)(self._code.address("each"))

    def __call__(self, x: Array) -> Array:
        self._x[:] = 0
        self._x[: len(x)] = x
        self._call(self._words.ctypes.data, 0, 1, 0)
        return self._y[: len(x)].copy()


def _each(e: Emitter, name: str) -> None:
    """A kernel that applies an operator's rule, or one of the words that rules are made of, to an array."""
    words, size = Arithmetic(e), e.target.vector_bytes
    rule: Any = bind(REGISTRY[name], {}).scalar if name in REGISTRY else None
    with e.kernel("each", ("@x", "@y", "bytes")) as a, e.loop("at", a["bytes"], step=size) as at:
        value = e.load(e.at(a["x"], at))
        e.store(rule(words, value) if rule else getattr(words, name)(value), e.at(a["y"], at))


def inputs(dense: int = DENSE, sparse: int = SPARSE) -> Iterator[Array]:
    """Floats of either sign, from the least to the largest, in chunks; those of them that lie where functions bend."""
    low, high = (int(np.float32(bound).view(np.uint32)) for bound in BEND)
    endless = int(np.float32(np.inf).view(np.uint32))
    for first, past, step in ((0, low, sparse), (low, high, dense), (high, endless, sparse)):
        for sign in (0, 1 << 31):
            for start in range(first, past, step * CHUNK):
                bits = np.arange(start, min(past, start + step * CHUNK), step, dtype=np.uint32)
                yield (bits | np.uint32(sign)).view(np.float32)


class Error(NamedTuple):
    """The largest that was found, in ulp, and for which number."""

    ulp: float
    at: float


def errors(name: str, x: Array, given: Array, exact: Array) -> Array:
    """In ulp; none where the exact result is past float32's range. The normal distribution's are in ulp of 1/2 at
    least, from which it counts, gelu's in ulp of x, which that multiplies, log_softmax's of 1 at least, since it takes
    the logarithm of a sum that is 1 at least."""
    size = np.abs(x.astype(np.float64) if name == "gelu" else exact)
    size = np.maximum(size, {"log_softmax": 1.0, "normal": 0.5}.get(name, 0.0))
    with np.errstate(all="ignore"):
        ulp = np.exp2(np.maximum(np.floor(np.log2(size)), -126) - 23)
        found = np.abs(given - exact) / ulp
    return np.where(np.abs(exact) <= LARGEST, found, 0)


def largest(name: str, levels: Mapping[str, Native], chunks: Iterator[Array]) -> dict[str, tuple[Error, Error]]:
    """For each level: among results of at least 2**-120, and among those below."""
    found = {level: (Error(0, 0), Error(0, 0)) for level in levels}
    for x in chunks:
        with np.errstate(all="ignore"):
            exact = TRUTHS[name](x.astype(np.float64))
        small = np.abs(exact) < UNDERFLOW
        for level, native in levels.items():
            every = errors(name, x, native(x), exact)
            pair = (_worst(np.where(small, 0, every), x), _worst(np.where(small, every, 0), x))
            found[level] = tuple(map(max, found[level], pair))  # type: ignore[assignment]
    return found


def _worst(every: Array, x: Array) -> Error:
    place = int(np.argmax(every))
    return Error(float(every[place]), float(x[place]))


def shown(error: Error) -> str:
    """In hundredths, rounded up, with the number that shows it."""
    return f"{math.ceil(100 * error.ulp) / 100:.2f} at {np.float32(error.at)!s}" if error.ulp else "0"


def parsed(cell: str) -> Error:
    """What is shown, as read."""
    ulp, _, at = cell.partition(" at ")
    return Error(float(ulp), float(at or 0))


def read(text: str) -> dict[str, dict[str, tuple[Error, Error]]]:
    """The page's table: by function and level."""
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE)
    table = {name: [parsed(cell) for cell in cells.split(" | ")] for name, cells in rows if name in TRUTHS}
    return {
        name: dict(zip(LEVELS, zip(cells[::2], cells[1::2], strict=True), strict=True)) for name, cells in table.items()
    }


def table(found: Mapping[str, Mapping[str, tuple[Error, Error]]]) -> str:
    head = ["error in ulp", *(f"{level}{part}" for level in LEVELS for part in ("", ", below 2^-120"))]
    rows = [[f"`{name}`", *(shown(e) for level in LEVELS for e in found[name][level])] for name in found]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


if __name__ == "__main__":
    measured = {name: largest(name, {level: Native(name, level) for level in LEVELS}, inputs()) for name in TRUTHS}
    region = re.compile(r"(<!-- measured -->\n).*?(<!-- end -->)", re.DOTALL)
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(region.sub(lambda m: f"{m[1]}{table(measured)}\n{m[2]}", page), encoding="utf-8")
