"""Work that no answer waits for: threads do it, and a process ends when they have.

One waits for results, never for threads: a join that Ctrl-C ends takes the thread for done (Python 3.11 and 3.12), and
a process that ends while LLVM still works in one crashes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

Made = TypeVar("Made")

_begun: set[Future[Any]] = set()  # and not yet done


def begin(work: Callable[..., Made], *arguments: Any) -> Future[Made]:
    """Let a thread do some work, which whoever wants to know asks how it went."""
    thread = ThreadPoolExecutor(1)
    begun = thread.submit(work, *arguments)
    _begun.add(begun)
    begun.add_done_callback(_begun.discard)
    thread.shutdown(wait=False)
    return begun


def finish() -> None:
    """Wait for all that was begun; in a forked child nothing is under way."""
    wait(list(_begun))


os.register_at_fork(after_in_child=_begun.clear)
