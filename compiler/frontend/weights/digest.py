"""The digest of a file, by threads: they are done when the model is read that the file's numbers are for."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import numpy as np

from .stored import Damaged

BLOCK = 1 << 22  # bytes: a thread waits for Python before and after it reads one
READERS = 2


class FileDigest:
    """Of an open file of this size. Its threads end with the context."""

    def __init__(self, file: int, size: int):
        self._file, self._size = file, size
        self._readers = ThreadPoolExecutor(READERS)
        self._blocks: list[Future[bytes]] = []
        self._digest: bytes | None = None

    def __enter__(self) -> FileDigest:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._readers.shutdown(cancel_futures=True)

    def begin(self) -> None:
        """Compute it, if nobody has begun to."""
        if not self._blocks:
            self._blocks = [self._readers.submit(self._block, at) for at in range(0, self._size, BLOCK)]

    def __call__(self) -> bytes:
        """SHA-256 of those of all blocks; raises `Damaged` or `OSError`."""
        self.begin()
        if self._digest is None:
            self._digest = hashlib.sha256(b"".join(block.result() for block in self._blocks)).digest()
        return self._digest

    def _block(self, at: int) -> bytes:
        block = np.empty(min(BLOCK, self._size - at), np.uint8)
        fill(self._file, block.data, at)
        return hashlib.sha256(block.data).digest()


def fill(file: int, part: memoryview, at: int) -> None:
    """Read what begins at `at`, not by what the file has as its place, which several threads would move; raises
    `Damaged`."""
    while part:
        if not (count := os.preadv(file, [part], at)):
            raise Damaged("it became shorter while it was read")
        part, at = part[count:], at + count
