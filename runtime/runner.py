"""The native loop that runs any program, as functions to call; `runner.ll` is what it does."""

from __future__ import annotations

import ctypes
import hashlib
import platform
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from llvmlite import __version__ as llvmlite_version

from . import linker
from .abi import VERSION, Artifact, Image, Manifest, aligned
from .loader import Code
from .store import Store

STEP_WORDS, SEGMENT_WORDS, BINDING_WORDS = 3, 3, 6
JOB_WORDS, JOB_BYTES = 8, 64  # table, position, end, images; threads, team, bytes to the next thread's job; arrays
TEAM_BYTES, TEAM_SYSCALL = 280, 272  # and where in it the address of the C library's `syscall` stands


class Runner(NamedTuple):
    """`lead(job)` runs steps to the job's end, or until a tenth of a second is over, and is zero when nothing is left;
    `work(team, thread)` is what the team's other threads call. Addresses are numbers."""

    lead: Callable[[int], int]
    work: Callable[[int, int], None]


def jobs(threads: int) -> ctypes.Array[ctypes.c_int64]:
    """Room for a job of each thread."""
    return (ctypes.c_int64 * (JOB_WORDS * threads))()


def run_slices(lead: Callable[[int], int], job: int) -> None:
    """Call native code until nothing is left to do. After each slice Python looks for signals."""
    while lead(job):
        pass


def runner_ir(machine: str) -> str:
    """The loop as LLVM IR; the second file has what differs from CPU to CPU."""
    return "".join(Path(__file__).with_name(name).read_text() for name in ("runner.ll", f"{machine}.ll"))


_made: list[Runner] = []


def runner(store: Store | None = None) -> Runner:
    """The process's one. Whoever asks first may name a store for its machine code, which then needs no LLVM."""
    if not _made:
        code = Code(_image(store))
        lead = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(code.address("lead"))
        work = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 2)(code.address("work"))
        lead.code = code  # type: ignore[attr-defined]  # lives as long as the function
        _made.append(Runner(lead, work))
    return _made[0]


def _image(store: Store | None) -> Image:
    """In the store it is an artifact without steps. Its code is for every CPU of the kind, whatever features it has."""
    ir = runner_ir(platform.machine())
    made_by = [Path(file).read_text() for file in (__file__, linker.__file__)]
    key = hashlib.sha256(repr((ir, made_by, llvmlite_version)).encode()).hexdigest()
    if store and (artifact := store.get(key)):
        return artifact.code
    code = _compile(ir)
    if store:
        store.put(key, Artifact(Manifest(VERSION, "", 1, (), (), 0, 0, 0, (), ()), code, aligned(0)))
    return code


def _compile(ir: str) -> Image:
    import llvmlite.binding as llvm  # 40 MB of library, for whoever has no such code yet

    from .library import give_back, settle

    settle()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=2, reloc="pic", codemodel="small")
    code = linker.link([machine.emit_object(llvm.parse_assembly(ir))])
    give_back()
    return code
