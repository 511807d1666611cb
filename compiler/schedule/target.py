"""What the schedule and the code generator must know of a CPU."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import llvmlite.binding as llvm

from ...runtime.errors import TargetError


@dataclass(frozen=True)
class Target:
    """One class of CPUs. `lanes` floats fill a vector register, of which there are `registers`."""

    name: str
    cpu: str
    features: str
    lanes: int
    registers: int
    fma: bool
    l1_bytes: int = 32 << 10
    l2_bytes: int = 1 << 20

    @property
    def vector_bytes(self) -> int:
        return 4 * self.lanes


# Name, LLVM's name of the level, lanes, registers, fused multiply-add, what the host must have.
_LEVELS = (
    ("avx512", "x86-64-v4", 16, 32, True, ("avx512f", "avx512bw", "avx512dq", "avx512vl")),
    ("avx2", "x86-64-v3", 8, 16, True, ("avx2", "fma")),
    ("sse2", "x86-64", 4, 16, False, ("sse2",)),
)
CPUS = ("native", *(cpu for _, cpu, *_ in _LEVELS))


@lru_cache
def _host_features() -> dict[str, bool]:
    return dict(llvm.get_host_cpu_features())


@lru_cache
def target(cpu: str = "native") -> Target:
    """The target called `native`, `x86-64-v4` (AVX-512), `x86-64-v3` (AVX2) or `x86-64` (SSE2); it must run here.

    Raises `TargetError` for an unknown name or a level that this machine lacks.
    """
    if cpu not in CPUS:
        raise TargetError(f"there is no target CPU `{cpu}`", code="E0501", help=f"one of {', '.join(CPUS)}")
    has = _host_features()
    for name, level, lanes, registers, fma, needs in _LEVELS:
        runs = all(has.get(feature) for feature in needs)
        if cpu == "native" and runs:
            features = llvm.get_host_cpu_features().flatten() + ",-prefer-256-bit"
            return Target(name, llvm.get_host_cpu_name(), features, lanes, registers, fma)
        if cpu == level:
            if not runs:
                lacks = ", ".join(feature for feature in needs if not has.get(feature))
                raise TargetError(f"this machine cannot run {cpu} code: it lacks {lacks}", code="E0502")
            return Target(name, level, "-prefer-256-bit", lanes, registers, fma)
    raise TargetError("this machine is no x86-64 CPU that cnnc has code for", code="E0503", help="x86-64 with SSE2")
