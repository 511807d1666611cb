"""Calls of cnnc in children with little memory and time, forked from one process that has all of it imported.

    {"call": ["check", "m.cnn"], "folder": "…"}  ->  {"code": 1, "out": "", "err": "error[…", "seconds": 0.2, …}

A call is the command line's words, or `cnnc.parse` or `cnnc.load` with a file.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

MEGABYTES, CPU_SECONDS, ALARM = 500, 20, 120


@dataclass(frozen=True)
class Outcome:
    code: int  # a negative one is the signal that ended it
    out: str
    err: str
    seconds: float  # of CPU, without the start
    megabytes: int


class Jail:
    """The process that forks."""

    def __init__(self) -> None:
        words = [sys.executable, __file__]
        self.server = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, *call: str, folder: Path) -> Outcome:
        assert self.server.stdin and self.server.stdout
        print(json.dumps({"call": call, "folder": str(folder)}), file=self.server.stdin, flush=True)
        return Outcome(**json.loads(self.server.stdout.readline()))

    def close(self) -> None:
        assert self.server.stdin
        self.server.stdin.close()
        self.server.wait()


def serve() -> None:
    import cnnc.footprint  # noqa: F401
    from cnnc.cli import check, fmt, summary  # noqa: F401
    from cnnc.compiler.diagnostics import Source
    from cnnc.compiler.frontend.syntax.format import format

    format(Source("", ""))  # makes both parsers
    for line in sys.stdin:
        order = json.loads(line)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = os.fork()
            if not child:
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                _serve(order["call"], order["folder"])
            _, status, used = os.wait4(child, 0)
            out.seek(0)
            err.seek(0)
            code, seconds = os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime
            outcome = Outcome(code, out.read().decode(), err.read().decode(), seconds, used.ru_maxrss // 1000)
        print(json.dumps(vars(outcome)), flush=True)


def _serve(call: list[str], folder: str) -> NoReturn:
    """Do what is asked for, and end the process."""
    os.chdir(folder)
    here = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = here + MEGABYTES * 1_000_000
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    signal.alarm(ALARM)
    try:
        code = _call(*call)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:
        traceback.print_exc()
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _call(verb: str, *rest: str) -> int:
    import cnnc
    from cnnc.cli import main

    if verb not in ("cnnc.parse", "cnnc.load"):
        main([verb, *rest])
    try:
        cnnc.load(rest[0]) if verb == "cnnc.load" else cnnc.parse(Path(rest[0]).read_text())
    except cnnc.CnncError as error:
        print(error, file=sys.stderr)
        return 70 if isinstance(error, cnnc.InternalError) else 1
    return 0


if __name__ == "__main__":
    serve()
