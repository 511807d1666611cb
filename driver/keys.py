"""What a compilation depends on, as a key: equal keys, equal machine code and constants."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from functools import cache

import llvmlite

import cnnc.compiler
import cnnc.runtime
from cnnc.compiler.ir.deferred import sum_of
from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.ir.text import show
from cnnc.compiler.options import Options
from cnnc.compiler.schedule.target import target


def key_of(graph: Graph, options: Options) -> str:
    """The key of a bound graph: its text, its numbers, the options, the CPU, and all that turns them into code."""
    key = hashlib.sha256()
    for part in (_compiler(), str(target(options.cpu)), _told(options), show(graph)):
        key.update(f"{len(part)}:{part}".encode())
    for name, param in graph.params.items():
        assert param.data is not None, "the graph's weights are bound"
        key.update(f"{name} {param.type}:".encode() + sum_of(param.data))
    return key.hexdigest()


def _told(options: Options) -> str:
    choices = sorted(f"{name} {choice}" for name, choice in options.choices.items())
    return repr((sorted(options.disabled), options.exact, options.batch, choices))


@cache
def _compiler() -> str:
    """The compiler itself, so that a checkout that changes needs no new version, and LLVM, which need not be loaded."""
    sources = [state_of(package.__path__[0]) for package in (cnnc.compiler, cnnc.runtime, llvmlite)]
    return f"{cnnc.__version__} {sources} llvmlite {llvmlite.__version__}"


def state_of(folder: str) -> str:
    """Which sources and libraries a folder has, by their sizes and times of change, as Python's bytecode knows them:
    reading them would take four times as long."""
    digest = hashlib.sha256()
    for path, status in sorted(_sources(folder)):
        digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _sources(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith((".py", ".so")):
                yield entry.path, entry.stat()
            elif entry.is_dir():
                yield from _sources(entry.path)
