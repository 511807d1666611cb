"""How a command ends badly: the message, the exit code and, where cnnc is to blame, a folder that shows it again.

0    done                            70   an internal error, with a repro
1    the model, the data or a        130  interrupted
     comparison is wrong
2    the command is wrong
"""

from __future__ import annotations

import os
import platform
import shlex
import signal
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cnnc import __version__
from cnnc.runtime.errors import CnncError, InternalError, ModelError

if TYPE_CHECKING:
    from cnnc.compiler.ir.graph import Graph
    from cnnc.compiler.options import Stage

WRONG, USAGE, INTERNAL, INTERRUPTED = 1, 2, 70, 130


class Wrong(Exception):
    """A command did its work and found something wrong, and has said so itself."""


@dataclass
class Trace:
    """What a command has done so far, for the repro of an internal error."""

    phase: str = ""
    graph: Graph | None = None

    def after(self, name: str, stage: Stage, seconds: float) -> None:
        """Remember the last graph; later stages hold copies of all weights, and follow from it."""
        from cnnc.compiler.ir.graph import Graph

        self.phase = name
        if isinstance(stage, Graph):
            self.graph = stage


def colored() -> bool:
    return sys.stderr.isatty() and "NO_COLOR" not in os.environ


def note(text: str) -> None:
    """Say something to the user that is not the result."""
    click.echo(text, err=True)


def report(error: Exception | KeyboardInterrupt, trace: Trace) -> int:
    """Tell the user about an error; gives the exit code."""
    match error:
        case Wrong():
            return WRONG
        case click.Abort() | KeyboardInterrupt():
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends already
            note("interrupted")
            return INTERRUPTED
        case click.exceptions.NoArgsIsHelpError():
            note(error.format_message())
            return USAGE
        case click.UsageError():
            _complain(_lower(error.format_message()))
            if error.ctx is not None:
                note(f"  = help: {error.ctx.command_path} --help")
            return USAGE
        case click.ClickException():
            _complain(_lower(error.format_message()))
            return WRONG
        case ModelError():
            note("\n\n".join(_drawn(finding) for finding in error.diagnostics) or str(error))
            return WRONG
        case CnncError() if not isinstance(error, InternalError):
            note(_narrow(str(error) if error.code else f"error: {error}"))
            return WRONG
        case MemoryError():
            _complain("out of memory")
            return WRONG
        case OSError():
            _complain(f"{error.filename or 'a file'}: {error.strerror or error}")
            return WRONG
    _complain(f"cnnc broke one of its own rules: {error or type(error).__name__}")
    note(f"  = help: the network may be fine; please report {_write_repro(error, trace)}")
    return INTERNAL


def _complain(text: str) -> None:
    note(click.style("error", fg="red", bold=True) + f": {text}" if colored() else f"error: {text}")


def _drawn(finding: object) -> str:
    from cnnc.compiler.diagnostics import Diagnostic

    return finding.render(colored()) if isinstance(finding, Diagnostic) else str(finding)


def _narrow(text: str) -> str:
    """The lines of a message, none wider than a terminal unless a path or a name is."""
    from cnnc.compiler.diagnostics import folded

    lines = [folded(line, "", "      " if line.startswith("  = ") else "  ") for line in text.splitlines()]
    return "\n".join(part for line in lines for part in line)


def _lower(text: str) -> str:
    """A message of click's in the manner of ours."""
    return (text[:1].lower() + text[1:]).removesuffix(".")


def _write_repro(error: BaseException, trace: Trace) -> Path:
    """A folder with the command, the traceback and the network's last graph."""
    folder = Path(tempfile.mkdtemp(prefix="cnnc-repro-"))
    facts = [
        shlex.join(["cnnc", *sys.argv[1:]]),
        f"cnnc {__version__}, Python {platform.python_version()}, {platform.platform()}",
    ]
    (folder / "command.txt").write_text("\n".join(facts) + "\n")
    (folder / "traceback.txt").write_text("".join(traceback.format_exception(error)))
    if trace.graph is not None:
        from cnnc.compiler.ir.text import show

        (folder / "graph.cnn").write_text(f"# The last phase that ended well: {trace.phase}\n{show(trace.graph)}")
    return folder
