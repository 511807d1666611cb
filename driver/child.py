"""Work in a forked child, where a crash or a hang is only one more answer."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection

from cnnc.runtime.errors import CnncError, InternalError

HANG = "it hangs"
REFUSAL = "refused"  # an error for users: nothing is broken


@dataclass(frozen=True)
class Answer:
    """How work ended, in words of its own or with `HANG`, `REFUSAL`, a signal or an exception; and what it said."""

    kind: str
    detail: str = ""


def answer_of(work: Callable[[], Answer], seconds: float) -> Answer:
    """The answer of `work`, or how it ended without one. A child takes along all that its parent has in memory."""
    fork = multiprocessing.get_context("fork")
    ours, theirs = fork.Pipe(duplex=False)
    child = fork.Process(target=_work, args=(work, theirs))
    try:
        child.start()
        theirs.close()
        if not ours.poll(seconds):
            return Answer(HANG, f"no answer in {seconds:.0f} s")
        kind, _, detail = ours.recv_bytes().decode(errors="replace").partition("\n")
        return Answer(kind, detail)
    except EOFError:  # it died without a word
        child.join()
        code = child.exitcode or 0
        return Answer(f"it ends with {signal.Signals(-code).name if code < 0 else f'exit code {code}'}")
    finally:
        if child.pid:
            child.kill()
            child.join()
        ours.close()


def _work(work: Callable[[], Answer], pipe: Connection) -> None:
    """In the child, which Ctrl-C does not reach: its parent ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.disable()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # LLVM's last words
    try:
        answer = work()
    except CnncError as error:
        answer = _raised(error) if isinstance(error, InternalError) else Answer(REFUSAL, str(error))
    except Exception as error:  # whatever a broken compiler raises is an answer
        answer = _raised(error)
    pipe.send_bytes(f"{answer.kind}\n{answer.detail}".encode())


def _raised(error: Exception) -> Answer:
    return Answer(f"it raises {type(error).__name__}", str(error))
