"""The harness has teeth: what it is there to find, it finds."""

import ctypes
import dataclasses
import os
import signal
import time
from collections.abc import Callable

import numpy as np
import pytest
from builder import Net, image, stage, with_random_weights
from child import Note, in_child
from guarded import Window
from harness import Native, compile_native, images_for, run_guarded

from cnnc.compiler.codegen.program import Address, Step, Word


def test_a_signal_is_a_report_that_names_it_and_the_last_note():
    def crash(note: Note) -> None:
        note.write("about to fall")
        os.kill(os.getpid(), signal.SIGILL)

    with pytest.raises(AssertionError, match="SIGILL; last note: about to fall"):
        in_child(crash)


def test_an_exception_in_the_child_is_a_report():
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        in_child(lambda note: 1 / 0)


def test_a_child_that_hangs_is_stopped():
    with pytest.raises(AssertionError, match="no answer in 0 s"):
        in_child(lambda note: time.sleep(60), seconds=0.2)


@pytest.mark.parametrize("at_end", [True, False])
def test_a_byte_beside_a_window_is_out_of_reach(at_end: bool):
    def work(note: Note) -> int:
        window = Window(100, at_end)
        beside = window.address + (100 if at_end else -1)
        assert window.array(np.uint8, (100,)).all()
        return ctypes.c_uint8.from_address(beside).value

    with pytest.raises(AssertionError, match="SIGSEGV"):
        in_child(work)


def small() -> Native:
    net = Net()
    x = net.input("x", image(40, 5, 6))
    return compile_native(with_random_weights(net.output(net.chain(x, stage("conv", channels=40, kernel=5, pad=2)))))


def change(native: Native, kernel: str, edit: Callable[[Step], Step]) -> Native:
    program = dataclasses.replace(native.program)
    program.steps = [edit(step) if step.kernel.startswith(kernel) else step for step in program.steps]
    return dataclasses.replace(native, program=program)


def shifted(word: Word, by: int) -> Word:
    return Address(word.buffer, word.offset + by) if isinstance(word, Address) else word


@pytest.mark.parametrize("by", [4, -4])
@pytest.mark.parametrize("kernel", ["copy", "rim"])
def test_a_kernel_that_starts_one_float_off_is_caught(kernel: str, by: int):
    native = change(
        small(), kernel, lambda s: dataclasses.replace(s, words=tuple(shifted(w, by) for w in s.words))
    )  # every tensor of the step, one float to the side
    with pytest.raises(AssertionError, match=rf"SIGSEGV; last note: step .*{kernel}"):
        in_child(lambda note: run_guarded(native, images_for(native.graph), note, at_end=by > 0))


@pytest.mark.parametrize("side", ["reads", "writes"])
def test_a_tensor_that_a_step_does_not_admit_to_is_out_of_reach(side: str):
    native = change(small(), "direct", lambda step: dataclasses.replace(step, **{side: ()}))
    with pytest.raises(AssertionError, match=r"SIGSEGV; last note: step .*direct"):
        in_child(lambda note: run_guarded(native, images_for(native.graph), note, at_end=True))


def test_memory_that_nobody_wrote_is_nan():
    native = change(small(), "rim", lambda step: dataclasses.replace(step, words=(*step.words[:1], 0, *step.words[2:])))
    results = in_child(lambda note: run_guarded(native, images_for(native.graph), note, at_end=True))
    assert np.isnan(next(iter(results.values()))).any()
