"""Teams of threads: how many there are to be, and those that wait for work."""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
from pathlib import Path

from .abi import aligned
from .errors import TargetError
from .runner import TEAM_BYTES, TEAM_SYSCALL, jobs, run_slices, runner

_libc = ctypes.CDLL(None)

VARIABLE = "CNNC_NUM_THREADS"
MOST = 256


class Team:
    """The caller's thread and workers, which sleep in native code between calls. One call at a time has them."""

    def __init__(self, threads: int):
        self.threads = threads
        self.lock = threading.Lock()
        self._memory = aligned(TEAM_BYTES)
        self._address = self._memory.ctypes.data
        syscall = ctypes.cast(_libc.syscall, ctypes.c_void_p)
        ctypes.c_void_p.from_address(self._address + TEAM_SYSCALL).value = syscall.value
        self._lead, work = runner()
        self._workers = [
            threading.Thread(target=work, args=(self._address, index), name=f"cnnc-{index}", daemon=True)
            for index in range(1, threads)
        ]
        for worker in self._workers:
            worker.start()

    def run(self, job: ctypes.Array[ctypes.c_int64]) -> None:
        """The job that all share, or each thread's own, in slices between which Python can look for signals."""
        with self.lock:
            job[5] = self._address
            run_slices(self._lead, ctypes.addressof(job))

    def close(self) -> None:
        """Send the workers home. Memory that a sleeping thread still watches must not go before the thread."""
        end = jobs(1)
        end[:] = 0, 0, 0, 0, self.threads, self._address, 0, 0
        self._lead(ctypes.addressof(end))
        for worker in self._workers:
            worker.join()


_teams: dict[int, Team] = {}
_making = threading.Lock()


def team(threads: int) -> Team:
    """The process's team of that size."""
    found = _teams.get(threads)
    if found is None:
        with _making:
            found = _teams[threads] = _teams.get(threads) or Team(threads)
    return found


@atexit.register
def _close() -> None:
    for each in _teams.values():
        with each.lock:
            each.close()


def _forget() -> None:
    """A forked child has none of its parent's threads."""
    global _making
    _making = threading.Lock()
    _teams.clear()


os.register_at_fork(after_in_child=_forget)


def available() -> int:
    """How many threads may run at once: the variable `CNNC_NUM_THREADS`, else the cores that the process may use, but
    no more than its group's quota. Raises `TargetError` for a variable that says no such number."""
    if given := os.environ.get(VARIABLE):
        return checked(int(given) if given.isdecimal() and len(given) < 10 else given, VARIABLE)
    return max(1, min(len(os.sched_getaffinity(0)), quota(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")), MOST))


def checked(threads: object, what: str = "threads") -> int:
    """A number of threads that somebody asks for. Raises `TargetError` if it is none."""
    if not isinstance(threads, int) or not 1 <= threads <= MOST:
        raise TargetError(f"{what} is {threads!r}, wanted a number from 1 to {MOST}", code="E0505")
    return threads


def quota(membership: Path, root: Path) -> int:
    """The cores that control groups (version 2) grant a process: the least of its group's and all groups' above."""
    try:
        own = next(line[3:] for line in membership.read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return MOST
    group, least = root / own.lstrip("/"), float(MOST)
    for folder in (group, *group.parents):
        if not folder.is_relative_to(root):
            break
        try:
            most, period = (folder / "cpu.max").read_text().split()
            least = min(least, float("inf") if most == "max" else int(most) / int(period))
        except (OSError, ValueError):
            continue  # no such limit here
    return max(1, int(least))
