"""What the schedule and the code generator must know of a CPU."""

from __future__ import annotations

import platform
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from ...runtime.errors import TargetError


@dataclass(frozen=True)
class Target:
    """One class of CPUs. `lanes` floats fill a vector register, of which there are `registers`. A machine that runs its
    code has what it `needs`. `cpu` is LLVM's name, or "native": this machine's, of which the system says what it `has`.
    """

    name: str
    triple: str
    cpu: str
    features: str
    lanes: int
    registers: int
    fma: bool
    needs: tuple[str, ...] = ()
    has: tuple[str, ...] = ()
    line_bytes: int = 64
    l1_bytes: int = 32 << 10
    l2_bytes: int = 1 << 20

    @property
    def vector_bytes(self) -> int:
        return 4 * self.lanes


_X86, _ARM = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"
_WIDE = "-prefer-256-bit"  # use all of a register

# What users call it, and its target.
_LEVELS = {
    "x86-64-v4": Target(
        "avx512", _X86, "x86-64-v4", _WIDE, 16, 32, True, ("avx512f", "avx512bw", "avx512dq", "avx512vl")
    ),
    "x86-64-v3": Target("avx2", _X86, "x86-64-v3", _WIDE, 8, 16, True, ("avx2", "fma")),
    "x86-64": Target("sse2", _X86, "x86-64", _WIDE, 4, 16, False, ("sse2",)),
    "aarch64": Target("neon", _ARM, "generic", "", 4, 32, True),
}
CPUS = ("native", *_LEVELS)


_CPUINFO = Path("/proc/cpuinfo")
_FEATURES = {"x86_64": "flags", "aarch64": "Features"}  # how Linux calls the line that lists them
_MODEL = ("vendor_id", "cpu family", "model", "stepping", "CPU implementer", "CPU variant", "CPU part", "CPU revision")


@lru_cache
def _host() -> tuple[str, ...]:
    """This CPU's model, and what it can do, as Linux says; or LLVM, whose library takes longer to load, where Linux
    says nothing, or speaks of another CPU than the one that an emulator shows to this process."""
    try:
        first = _CPUINFO.read_text().partition("\n\n")[0]
    except OSError:
        first = ""
    lines = (line.partition(":") for line in first.splitlines())
    said = {key.strip(): value.strip() for key, _, value in lines}
    features = said.get(_FEATURES.get(platform.machine(), ""))
    if features:
        return (*(f"{key} {said[key]}" for key in _MODEL if key in said), *sorted(features.split()))
    import llvmlite.binding as llvm

    return llvm.get_host_cpu_name(), *sorted(name for name, has in llvm.get_host_cpu_features().items() if has)


def _lacks(target: Target) -> list[str]:
    architecture = target.triple.partition("-")[0]
    if architecture != platform.machine():
        return [architecture]
    return [feature for feature in target.needs if feature not in _host()]


@lru_cache
def target(cpu: str = "native") -> Target:
    """The level `x86-64-v4` (AVX-512), `x86-64-v3` (AVX2), `x86-64` (SSE2) or `aarch64` (NEON); `native` is the best
    one that runs here, with all else that this CPU has.

    Raises `TargetError` for an unknown name, or `native` on a machine of no level.
    """
    if cpu in _LEVELS:
        return _LEVELS[cpu]
    if cpu != "native":
        raise TargetError(f"there is no target CPU `{cpu}`", code="E0501", help=f"one of {', '.join(CPUS)}")
    for level in _LEVELS.values():
        if not _lacks(level):
            return replace(level, cpu="native", has=_host())
    help = "x86-64 with SSE2, or AArch64 with NEON"
    raise TargetError("this machine has no CPU that cnnc has code for", code="E0503", help=help)


def require_here(cpu: str) -> None:
    """Raises `TargetError` for a target whose code this machine cannot run."""
    if lacks := _lacks(target(cpu)):
        raise TargetError(f"this machine cannot run {cpu} code: it lacks {', '.join(lacks)}", code="E0502")
