"""What a compilation depends on, as a key: equal keys, equal machine code and constants."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

import llvmlite.binding as llvm

import cnnc.compiler
import cnnc.runtime
from cnnc.compiler.ir.deferred import sum_of
from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.ir.text import show
from cnnc.compiler.pipeline import Options
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
    """The compiler itself: its sources, so that a checkout that changes needs no new version, and LLVM's."""
    sources = hashlib.sha256()
    for package in (cnnc.compiler, cnnc.runtime):
        for file in sorted(Path(package.__path__[0]).rglob("*.py")):
            sources.update(file.read_bytes())
    return f"{cnnc.__version__} {sources.hexdigest()} llvmlite {version('llvmlite')} LLVM {llvm.llvm_version_info}"
