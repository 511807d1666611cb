"""The native loop that runs any program, as functions to call; `runner.ll` is what it does."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import llvmlite.binding as llvm

from .loader import Code

# What differs from CPU to CPU: telling it that we only wait, the system's number for waiting on an address, and a clock
# that counts about 2.5 times a nanosecond.
_CPU = {
    "x86_64": """
declare void @llvm.x86.sse2.pause()
declare i64 @llvm.readcyclecounter()
define internal void @relax() nounwind { call void @llvm.x86.sse2.pause()
  ret void }
define internal i64 @futex() nounwind { ret i64 202 }
define internal i64 @clock() nounwind { %now = call i64 @llvm.readcyclecounter()
  ret i64 %now }
""",
    "aarch64": """
declare void @llvm.aarch64.hint(i32)
declare i64 @llvm.read_volatile_register.i64(metadata)
define internal void @relax() nounwind { call void @llvm.aarch64.hint(i32 1)
  ret void }
define internal i64 @futex() nounwind { ret i64 98 }
define internal i64 @clock() nounwind {  ; the system's counter, whose pace differs from machine to machine
  %now = call i64 @llvm.read_volatile_register.i64(metadata !{!"cntvct_el0"})
  %second = call i64 @llvm.read_volatile_register.i64(metadata !{!"cntfrq_el0"})
  %each = udiv i64 2500000000, %second
  %scaled = mul i64 %now, %each
  ret i64 %scaled }
""",
}

STEP_WORDS, SEGMENT_WORDS, BINDING_WORDS = 2, 3, 5
Job = ctypes.c_int64 * 6  # table, position, end, images, threads, team
TEAM_BYTES = 320


class Runner(NamedTuple):
    """`lead(job)` runs steps until the job's end or until a tenth of a second is over, and gives the position that it
    came to; `work(team, thread)` is what the team's other threads call. Addresses are numbers."""

    lead: Callable[[int], int]
    work: Callable[[int, int], None]


def runner_ir(machine: str) -> str:
    return Path(__file__).with_suffix(".ll").read_text() + _CPU[machine]


@lru_cache
def runner() -> Runner:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple().create_target_machine(opt=2, reloc="pic", codemodel="small")
    code = Code(target.emit_object(llvm.parse_assembly(runner_ir(platform.machine()))))
    lead = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(code.address("lead"))
    work = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 2)(code.address("work"))
    lead.code = code  # type: ignore[attr-defined]  # lives as long as the function
    return Runner(lead, work)
