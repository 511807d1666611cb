"""The command `cnnc`: its verbs, each imported when it is used."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from cnnc import __version__
from cnnc.cli.failure import INTERRUPTED, Trace, report
from cnnc.runtime.background import finish

YOUNG = 50_000  # objects that are made before the garbage collector looks at them: few are garbage
VERBS = ("check", "fmt", "explain", "run", "summary", "compile", "bench", "verify", "reduce", "cache")

atexit.register(gc.freeze)  # a process that ends need not look for garbage: that takes a sixth of a short one's time


class Cli(click.Group):
    """A group whose verbs live in modules of their names; errors end in a message and an exit code, not a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return import_module(f"cnnc.cli.{cmd_name}").command if cmd_name in VERBS else None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """click guesses what was meant from commands that are loaded, and verbs are not."""
        if args[0] not in VERBS and (close := get_close_matches(args[0], VERBS, 1)):
            ctx.fail(f"No such command '{args[0]}'. Did you mean '{close[0]}'?")
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, **extra: Any) -> Any:
        trace = Trace()
        gc.set_threshold(YOUNG)
        try:
            code = super().main(*args, **{**extra, "standalone_mode": False, "obj": trace})
            finish()
        except (Exception, KeyboardInterrupt) as error:
            cause = error.__cause__  # before 3.12 Python wraps what ends a class that is being made, Ctrl-C too
            code = report(cause if isinstance(cause, KeyboardInterrupt) else error, trace)
        raise SystemExit(code if isinstance(code, int) else 0)


@click.group(cls=Cli, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="cnnc", message="%(prog)s %(version)s")
def main() -> None:
    """The CNN compiler: a few lines of text in, fast native code out."""


def entry() -> None:
    """`cnnc` as a process. An interrupted one ends at once: threads that still compile, pack or keep what was compiled
    are not waited for, and the system stops them before anything that they use is taken down."""
    try:
        main()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            try:
                sys.stdout.flush()
            finally:
                os._exit(INTERRUPTED)
        raise
