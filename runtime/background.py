"""Work beside the caller's: threads do it, and a process ends when they have."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_begun: list[Future[object]] = []


def beside(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
    """Let a thread of its own do some work. One waits for the result, never for the thread: a join that Ctrl-C ends
    takes the thread for done (Python 3.11 and 3.12), and a process that ends while LLVM still works crashes."""
    thread = ThreadPoolExecutor(1)
    future = thread.submit(work, *args, **kwargs)
    thread.shutdown(wait=False)
    return future


def begin(work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Let a thread do some work that no answer waits for."""
    _begun.append(beside(work, *args, **kwargs))


def finish() -> None:
    """Wait for all that was begun; in a forked child nothing is under way."""
    while _begun:
        _begun.pop().result()


os.register_at_fork(after_in_child=_begun.clear)
