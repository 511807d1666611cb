"""How fast a core multiplies and how fast it reads memory, measured on the spot."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cnnc.compiler.codegen.emit import Emitter
from cnnc.compiler.codegen.kernels.peak import Multiplying, Reading
from cnnc.compiler.codegen.module import object_of
from cnnc.compiler.schedule.target import Target
from cnnc.runtime.abi import aligned
from cnnc.runtime.linker import link
from cnnc.runtime.loader import Code

_OPERANDS = 64 << 10  # bytes: room for what a tile loads
MEMORY = 256 << 20  # bytes: more than caches hold
_ROUNDS = 100_000


@dataclass(frozen=True)
class Rate:
    """A kernel and how much it does a call: operations or bytes."""

    run: Callable[[], None]
    amount: int

    def once(self) -> float:
        """Operations or bytes a second, in one call."""
        start = time.perf_counter()
        self.run()
        return self.amount / (time.perf_counter() - start)

    def best(self, seconds: float = 0.1) -> float:
        """The best of the calls that fit into some time, two at least."""
        until, rates = time.perf_counter() + seconds, [self.once(), self.once()]
        while time.perf_counter() < until:
            rates.append(self.once())
        return max(rates)


def multiplying(target: Target, *, fed: bool, rounds: int = _ROUNDS) -> Rate:
    """Multiply-adds of one core, in floating-point operations."""
    kernel = Multiplying(fed)
    words = [aligned(_OPERANDS).view(np.float32) for _ in range(2)]
    return Rate(_callable(kernel, target, words, rounds), rounds * kernel.operations(target))


def reading(target: Target, size: int = MEMORY) -> Rate:
    """So many bytes read by one core, again and again: by default more than caches hold."""
    rounds = -(-size // Reading.bytes(target.vector_bytes))
    size = rounds * Reading.bytes(target.vector_bytes)
    data = aligned(size).view(np.float32)
    data[:] = 1  # its pages exist
    return Rate(_callable(Reading(), target, [data], rounds), size)


def _callable(
    kernel: Multiplying | Reading, target: Target, arrays: list[np.ndarray], rounds: int
) -> Callable[[], None]:
    e = Emitter(target)
    kernel.emit(e, "peak")
    code = Code(link([object_of(e.text(), target)]))
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)(
        code.address("peak")
    )
    words = np.array([*(array.ctypes.data for array in arrays), rounds], np.int64)

    def run() -> None:
        assert code and arrays, "what the function uses lives as long as it"
        function(words.ctypes.data, 0, 1, None)

    return run
