"""The digest of a file, by threads: they are done when the model is read that the file's numbers are for."""

from __future__ import annotations

import hashlib
import mmap
import os
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from .stored import Damaged

BLOCK = 1 << 22  # bytes: a thread waits for Python before and after it reads one
READERS = 2
STEP = 1 << 26  # bytes at most that are read at once: tens of milliseconds, for which Ctrl-C waits


class FileDigest:
    """Of an open file of this size. Its threads end with the context."""

    def __init__(self, file: int, size: int):
        self._file, self._size = file, size
        self._readers = ThreadPoolExecutor(READERS)
        self._parts: list[Future[bytes]] = []
        self._ended = False

    def __enter__(self) -> FileDigest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ended = True
        self._readers.shutdown(cancel_futures=True)

    def begin(self) -> None:
        """Compute it, if nobody has begun to."""
        if not self._parts:
            self._parts = [self._readers.submit(self._part, first) for first in range(READERS)]

    def __call__(self) -> bytes:
        """SHA-256 of each reader's blocks, one after the other; raises `Damaged` or `OSError`."""
        self.begin()
        return b"".join(part.result() for part in self._parts)

    def _part(self, first: int) -> bytes:
        """Of every so many-th block, however large the file is in one buffer."""
        digest, buffer = hashlib.sha256(), memoryview(mmap.mmap(-1, BLOCK))  # NumPy's has huge pages, slow to come by
        for at in range(first * BLOCK, self._size, READERS * BLOCK):
            if self._ended:
                break
            block = buffer[: self._size - at]
            fill(self._file, block, at)
            digest.update(block)
        return digest.digest()


def fill(file: int, part: memoryview, at: int) -> None:
    """Read what begins at `at`, not by what the file has as its place, which several threads would move; raises
    `Damaged`."""
    while part:
        if not (count := os.preadv(file, [part[:STEP]], at)):
            raise Damaged("it became shorter while it was read")
        part, at = part[count:], at + count
