"""Work that no answer waits for: threads do it, and a process ends when they have."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any

_begun: list[Thread] = []


def begin(work: Callable[..., object], *arguments: Any) -> None:
    """Let a thread do some work."""
    thread = Thread(target=work, args=arguments)
    _begun.append(thread)
    thread.start()


def finish() -> None:
    """Wait for all that was begun; in a forked child nothing is under way."""
    while _begun:
        _begun.pop().join()
