"""What figures belong to: the machine and the versions of all engines."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import llvmlite.binding as llvm
from engines import ENGINES


def machine() -> str:
    """The CPU by its name and LLVM's, its cores and caches, as far as Linux knows them."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
    return ", ".join([f"{name} ({llvm.get_host_cpu_name()})", f"{os.cpu_count()} cores", *_caches()])


def _caches() -> list[str]:
    """The caches of the first core that hold data."""
    found = []
    for cache in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((cache / fact).read_text().strip() for fact in ("level", "type", "size"))
        if kind != "Instruction":
            found.append(f"L{level} {size.removesuffix('K')} KiB")
    return found


def versions(engines: Iterable[str]) -> dict[str, str]:
    return {"Python": platform.python_version()} | {
        ENGINES[engine].title: _version(ENGINES[engine].package) for engine in engines
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
