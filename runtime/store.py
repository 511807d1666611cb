"""Artifacts on disk: what was compiled once is loaded the next time.

An entry is one file, named by its key: a line of JSON (sizes, digests, the manifest), the code, and the constants on
a page's boundary, which are mapped and never copied. Files appear whole, under their names, or not at all, so that any
number of processes may read and write at once. What is damaged, of another version or not ours counts as not there.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import mmap
import os
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .abi import VERSION, Artifact, Image, Manifest

PAGE = 4096
MOST_BYTES = 4 << 30  # of all entries; the ones not used for longest go first
SUFFIX = ".cnnc"
PART = ".part"  # of a file that is being written, and locked


@dataclass(frozen=True)
class Store:
    """A folder of entries that belongs to the user alone."""

    folder: Path
    most_bytes: int = MOST_BYTES

    def get(self, key: str) -> Artifact | None:
        """The artifact under a key, or None."""
        path = self._path(key)
        try:
            if not self._is_ours(self.folder) or not self._is_ours(path):
                return None
            artifact = _read(path)
            os.utime(path)  # used just now
        except (OSError, ValueError, LookupError, TypeError):
            return None
        return artifact

    def put(self, key: str, artifact: Artifact) -> None:
        """Keep an artifact, if there is room. A disk that is full or may not be written is no error."""
        with contextlib.suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._is_ours(self.folder) or 2 * artifact.constants.nbytes > self.most_bytes:
                return
            self._sweep()
            handle, name = tempfile.mkstemp(PART, dir=self.folder)  # readable by the user alone
            try:
                with os.fdopen(handle, "wb") as file:
                    with contextlib.suppress(OSError):  # where files cannot be locked, nobody sweeps either
                        fcntl.flock(file, fcntl.LOCK_EX)
                    _write(file, artifact)
                    file.flush()
                    Path(name).replace(self._path(key))  # before it is locked no more
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
            self._shrink()

    def entries(self) -> list[Path]:
        """The entries' files, the one used last first."""
        with contextlib.suppress(OSError):
            return sorted(self.folder.glob(f"*{SUFFIX}"), key=lambda path: -path.stat().st_mtime)
        return []

    def clear(self) -> None:
        for path in (*self.entries(), *self.folder.glob(f"*{PART}")):
            path.unlink(missing_ok=True)

    def _shrink(self) -> None:
        total = 0
        for path in self.entries():
            total += path.stat().st_size
            if total > self.most_bytes:
                path.unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Delete what processes were writing when they were stopped: nobody has a lock on it."""
        for path in self.folder.glob(f"*{PART}"):
            with contextlib.suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{SUFFIX}"

    def _is_ours(self, path: Path) -> bool:
        """Nobody else may have written it: machine code is run as it is found."""
        status = path.lstat()
        return status.st_uid == os.geteuid() and not status.st_mode & 0o022 and not path.is_symlink()


def _write(file: Any, artifact: Artifact) -> None:
    head = {
        "version": VERSION,
        "code": len(artifact.code.data),
        "functions": artifact.code.functions,
        "constants": artifact.constants.nbytes,
        "sum": _sum(artifact.constants),
        "manifest": artifact.manifest.to_dict(),
    }
    text = json.dumps(head, separators=(",", ":")).encode()
    code = artifact.code.data
    file.write(_digest(text, code) + b"\n" + text + b"\n" + code)
    file.write(bytes(-file.tell() % PAGE))
    file.write(artifact.constants)


def _read(path: Path) -> Artifact:
    """Raises `ValueError` or `LookupError` for a file that is not just as it was written."""
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    digest, text = data.readline().rstrip(), data.readline().rstrip()
    head = json.loads(text)
    at = data.tell()
    code = data[at : at + head["code"]]
    at += len(code)
    at += -at % PAGE
    if head["version"] != VERSION or len(data) != at + head["constants"] or digest != _digest(text, code):
        raise ValueError(path)
    constants = np.frombuffer(data, np.uint8, offset=at)
    threads = ThreadPoolExecutor(2)
    try:
        if _sum(constants, threads.map) != head["sum"]:
            raise ValueError(path)
    finally:
        threads.shutdown(wait=False)  # Ctrl-C waits for none
    return Artifact(Manifest.from_dict(head["manifest"]), Image(code, head["functions"]), constants)


def _digest(text: bytes, code: bytes) -> bytes:
    return hashlib.sha256(text + code).hexdigest().encode()


def _sum(constants: npt.NDArray[np.uint8], each: Callable[..., Iterable[bytes]] = map) -> str:
    """A digest of the sums of all pages: several times faster than one of all bytes, and still no page can change, be
    lost or change places unnoticed by accident. `each` may sum up both halves at once; not where they are written,
    since a process that ends starts no threads."""
    whole = len(constants) // PAGE * PAGE
    halves = np.array_split(constants[:whole].view(np.uint64).reshape(-1, PAGE // 8), 2)
    sums = each(lambda pages: pages.sum(1, dtype=np.uint64).tobytes(), halves)
    return hashlib.sha256(b"".join([*sums, constants[whole:].tobytes()])).hexdigest()


def user_store() -> Store | None:
    """The user's store: in the folder `CNNC_CACHE_DIR`, nowhere if that is empty, else where the user keeps caches."""
    given, base = os.environ.get("CNNC_CACHE_DIR"), os.environ.get("XDG_CACHE_HOME")
    if given is not None:
        return Store(Path(given)) if given else None
    try:
        return Store((Path(base) if base else Path.home() / ".cache") / "cnnc")
    except RuntimeError:  # nobody knows where this user is at home
        return None
