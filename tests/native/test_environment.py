"""Floating-point arithmetic as the caller has set it: it changes no result, and is the same after a call."""

import ctypes
import platform
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import llvmlite.binding as llvm
import numpy as np
import pytest
from builder import Net, features, image, stage, with_random_weights
from child import in_child
from harness import Native, compile_native

from cnnc.runtime.executable import Executable
from cnnc.runtime.linker import link
from cnnc.runtime.loader import Code

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="reads the control registers of x86-64")

# Functions on the address of a word that they read or write.
TEXT = """
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)
define void @read(ptr %word) { call void @llvm.x86.sse.stmxcsr(ptr %word)
  ret void }
define void @write(ptr %word) { call void @llvm.x86.sse.ldmxcsr(ptr %word)
  ret void }
define void @read_x87(ptr %word) { call void asm sideeffect "fnstcw ($0)", "r,~{memory}"(ptr %word)
  ret void }
"""
DEFAULT = 0x1F80  # nothing trapped, rounded to nearest, denormals kept
FLAGS = 0x3F  # what has happened, not what is to be done
MODES = {
    "default": DEFAULT,
    "denormals flushed": DEFAULT | 0x8040,
    "rounded down": DEFAULT | 0x2000,
    "rounded to zero": DEFAULT | 0x6000,
    "everything trapped": 0,
}


class Control:
    """The registers MXCSR and the x87's control word of the calling thread."""

    def __init__(self):
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        llvm.initialize_native_asmparser()
        machine = llvm.Target.from_default_triple().create_target_machine(reloc="pic", codemodel="small")
        self._code = Code(link([machine.emit_object(llvm.parse_assembly(TEXT))]))
        self._word = ctypes.c_uint32()
        prototype = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
        self._read, self._write, self._read_x87 = (
            prototype(self._code.address(name)) for name in ("read", "write", "read_x87")
        )

    def write(self, word: int) -> None:
        self._word.value = word
        self._write(ctypes.addressof(self._word))

    def read(self) -> tuple[int, int]:
        """What is set in each, without MXCSR's flags."""
        self._read(ctypes.addressof(self._word))
        mxcsr = self._word.value & ~FLAGS
        self._read_x87(ctypes.addressof(self._word))
        return mxcsr, self._word.value & 0xFFFF

    def under(self, word: int, call: Callable[[], Any]) -> tuple[Any, tuple[int, int], tuple[int, int]]:
        """A call with MXCSR set so, and what was set before and after it."""
        self.write(word)
        before = self.read()
        result = call()
        after = self.read()
        self.write(DEFAULT)
        return result, before, after


@lru_cache
def network() -> Native:
    """Sums, exponentials, divisions, and places where denormals, NaN and infinities come in and out."""
    net = Net()
    x, row = net.input("x", image(7, 5, 6)), net.input("row", features(9))
    y = net.chain(x, stage("conv", channels=19, kernel=3, pad=1), stage("gelu"))
    net.output(y, net.chain(y, stage("softmax")), net.chain(x, stage("avgpool", kernel=2), stage("sigmoid")))
    net.output(net.chain(x, stage("scale", k=0.5)), net.chain(x, stage("log")), net.chain(row, stage("exp")))
    return compile_native(with_random_weights(net.graph))


def numbers() -> list[np.ndarray]:
    random = np.random.default_rng(1)
    x = random.standard_normal((3, 7, 5, 6)) * 10.0 ** random.integers(-44, 2, (3, 7, 5, 6))
    row = random.uniform(-104, 89, (3, 9))
    row[0, :3] = np.nan, np.inf, -np.inf
    return [x.astype(np.float32), row.astype(np.float32)]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("mode", MODES)
def test_the_callers_arithmetic_changes_nothing_and_stays(mode: str, threads: int):
    """Threads inherit it from the one that starts them, so the team is made under it."""
    native, inputs = network(), numbers()

    def work(_: object) -> Any:
        executable, control = Executable(native.artifact, threads), Control()
        right = Executable(native.artifact)(*inputs)
        return right, control.under(MODES[mode], lambda: executable(*inputs))

    right, (given, before, after) = in_child(work)
    assert before[0] == MODES[mode]
    assert after == before
    for wanted, result in zip(right, given, strict=True):
        np.testing.assert_array_equal(result.view(np.uint32), wanted.view(np.uint32))


def test_denormals_are_at_stake():
    """What the test above compares would differ if denormals were flushed."""
    native, inputs = network(), numbers()
    tiny = np.finfo(np.float32).tiny
    assert any(((result != 0) & (np.abs(result) < tiny)).any() for result in Executable(native.artifact)(*inputs))


def test_threads_that_were_there_before_compute_the_same():
    """A team that was made under the default and is called under another mode gives the same bits."""
    native, inputs = network(), numbers()

    def work(_: object) -> Any:
        executable, control = Executable(native.artifact, 2), Control()
        right = executable(*inputs)
        return right, control.under(MODES["denormals flushed"], lambda: executable(*inputs))[0]

    right, given = in_child(work)
    for wanted, result in zip(right, given, strict=True):
        np.testing.assert_array_equal(result.view(np.uint32), wanted.view(np.uint32))
