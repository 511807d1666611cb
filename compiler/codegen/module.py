"""LLVM IR text to an object file. Any number of threads may do so at once."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import llvmlite.binding as llvm

from ...runtime.errors import InternalError
from ...runtime.library import settle
from ..schedule.target import Target

# Passes of LLVM's that kernels do without. The first causes spills that cost a quarter of the speed (performance.md,
# finding 1). The others take half of LLVM's time and change no kernel's speed: addresses are written as they should be
# computed and where, and an out-of-order core finds the rest of the order itself.
_WITHOUT = ("-enable-misched=false", "-disable-lsr", "-disable-post-ra", "-disable-cgp")

_setting = threading.Lock()


@lru_cache
def _set_options() -> None:
    """Once per process: the options hold for every user of LLVM in this process."""
    for option in _WITHOUT:
        llvm.set_option("", option)
    settle()


@lru_cache
def _initialize(triple: str) -> None:
    """Code for this machine does without LLVM's other targets, which take some megabytes."""
    if triple.partition("-")[0] == llvm.get_default_triple().partition("-")[0]:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
    else:
        llvm.initialize_all_targets()
        llvm.initialize_all_asmprinters()


@lru_cache
def _emit() -> Callable[..., Any]:
    """LLVM's code generator without llvmlite's lock, which lets one thread at a time into LLVM. LLVM itself asks of
    threads that work at once only that their modules, contexts and target machines are their own."""
    locked = llvm.ffi.lib.LLVMPY_TargetMachineEmitToMemory
    free = ctypes.CDLL(llvm.ffi.lib._name).LLVMPY_TargetMachineEmitToMemory
    free.argtypes, free.restype = locked.argtypes, locked.restype
    return free


def _machine(target: Target) -> llvm.TargetMachine:
    with _setting:
        _set_options()
        _initialize(target.triple)
    cpu, features = target.cpu, [target.features] if target.features else []
    if cpu == "native":
        cpu, features = llvm.get_host_cpu_name(), [llvm.get_host_cpu_features().flatten(), *features]
    made = llvm.Target.from_triple(target.triple)
    return made.create_target_machine(cpu=cpu, features=",".join(features), opt=2, reloc="pic", codemodel="small")


def _parse(ir: str) -> llvm.ModuleRef:
    try:
        module = llvm.parse_assembly(ir, llvm.create_context())
        module.verify()
    except RuntimeError as error:
        raise InternalError(f"LLVM rejects the code that was generated: {error}") from error
    return module


def object_of(ir: str, target: Target) -> bytes:
    """Machine code for a module, as a relocatable object. No IR passes: kernels are written as they should run."""
    lib = llvm.ffi.lib
    with llvm.ffi.OutputString() as said:
        buffer = _emit()(_machine(target), _parse(ir), True, said)
        if not buffer:
            raise InternalError(f"LLVM makes no code: {said}")
    try:
        return ctypes.string_at(lib.LLVMPY_GetBufferStart(buffer), lib.LLVMPY_GetBufferSize(buffer))
    finally:
        lib.LLVMPY_DisposeMemoryBuffer(buffer)


def assembly_of(ir: str, target: Target) -> str:
    return _machine(target).emit_assembly(_parse(ir))
