"""The near end of `worker.py`: an engine's process, as `compare.py` sees it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from networks import Subject


def megabytes(process: int) -> float:
    """The most memory that a process has had so far."""
    status = Path(f"/proc/{process}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / 1e6  # KiB


class Failure(Exception):
    """An engine did not start, stopped, or gave another answer."""


class Worker:
    """A process with one engine; what the engine has to say is in its log."""

    def __init__(self, engine: str, subject: Subject, folder: Path, cores: list[int]):
        self.engine, self.times, self.difference = engine, list[float](), 0.0
        self._log = folder / f"{engine}.log"
        script, places = Path(__file__).with_name("worker.py"), ",".join(map(str, cores))
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(script), engine, subject.name, str(folder), places],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=os.environ | {"OMP_NUM_THREADS": str(len(cores)), "MKL_NUM_THREADS": str(len(cores))},
            )

    def start(self) -> None:
        """Wait until the network is ready; raises `Failure`, as `burst` does."""
        self._answer()

    def burst(self, seconds: float) -> None:
        """Call over and over, and add to `times`."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # that there is no answer tells more
            print(seconds, file=self._process.stdin, flush=True)
        self.times += map(float, self._answer().split())

    def megabytes(self) -> float:
        return megabytes(self._process.pid)

    def stop(self) -> None:
        with suppress(BrokenPipeError):
            self._process.communicate()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            said = self._log.read_text(errors="replace").strip()
            print(said, file=sys.stderr)
            raise Failure(f"stopped with status {self._process.wait()}: {said.splitlines()[-1] if said else 'no word'}")
        return line
