"""Machine code runs in a child process, where a crash is a report."""

import faulthandler
import mmap
import multiprocessing
import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

SECONDS = 120
NOTE_BYTES = 4096


class Note:
    """A line of text that the parent can read even when the child has died."""

    def __init__(self):
        self._memory = mmap.mmap(-1, NOTE_BYTES)

    def write(self, text: str) -> None:
        self._memory[:] = text.encode()[:NOTE_BYTES].ljust(NOTE_BYTES, b"\0")

    def read(self) -> str:
        return self._memory[:].rstrip(b"\0").decode(errors="replace")


def in_child(work: Callable[[Note], Any], seconds: float = SECONDS) -> Any:
    """The result of `work` in a forked child. Fails with what happened: an exception, a signal, too long a time.

    `work` is told a note on which it may write what it is about to do.
    """
    fork, note = multiprocessing.get_context("fork"), Note()
    ours, theirs = fork.Pipe(duplex=False)
    process = fork.Process(target=_work, args=(work, note, theirs))
    process.start()
    theirs.close()
    try:
        done, result = ours.recv() if ours.poll(seconds) else (False, f"no answer in {seconds:.0f} s")
    except EOFError:
        done, result = False, ""
    if not done and process.is_alive() and result.startswith("no answer"):
        process.kill()
    process.join()
    if not result and not done:
        code = process.exitcode or 0
        result = signal.Signals(-code).name if code < 0 else f"the child ended with code {code}"
    assert done, f"{result}; last note: {note.read() or 'none'}"
    return result


def _work(work: Callable[[Note], Any], note: Note, pipe: Connection) -> None:
    faulthandler.disable()
    try:
        pipe.send((True, work(note)))
    except BaseException:
        pipe.send((False, traceback.format_exc()))
