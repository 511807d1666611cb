"""The command line without a process of its own."""

import signal
from collections.abc import Callable

from click.testing import CliRunner, Result

from cnnc.cli import main

Command = Callable[..., Result]


def on_one_line(text: str) -> str:
    """A message without the breaks that keep it narrow."""
    return " ".join(text.split())


def invoke(*words: object) -> Result:
    """Run `cnnc` with these words; the result has `exit_code`, `stdout` and `stderr`."""
    on_ctrl_c = signal.getsignal(signal.SIGINT)
    try:
        return CliRunner().invoke(main, [str(word) for word in words])
    finally:
        signal.signal(signal.SIGINT, on_ctrl_c)  # an interrupted command listens no more
