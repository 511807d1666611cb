"""What the phases of a compilation make, as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cnnc.compiler.codegen.module import assembly_of
from cnnc.compiler.codegen.program import Program
from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.ir.text import show
from cnnc.compiler.options import Stage
from cnnc.compiler.schedule.schedule import Schedule
from cnnc.files import write_text
from cnnc.runtime.abi import Artifact


def text_of(stage: Stage) -> str:
    """A graph as `.cnn`; a schedule and a program line by line; of an artifact its sizes."""
    if isinstance(stage, Graph):
        return show(stage)
    if isinstance(stage, Artifact):
        sizes = {"code": len(stage.code.data), "constants": stage.constants.nbytes, "arena": stage.manifest.arena_bytes}
        return "".join(f"{name:<9} {size:>12,} bytes\n" for name, size in sizes.items())
    return str(stage)


def form(name: str, stages: Sequence[Stage]) -> str:
    """One of the forms that a network goes through, as the last phase left it."""
    last = {type(stage): stage for stage in stages}
    program = last[Program]
    assert isinstance(program, Program)
    if name == "llvm":
        return program.ir()
    if name == "asm":
        return assembly_of(program.ir(), program.schedule.target)
    return text_of({"graph": last[Graph], "schedule": last[Schedule], "program": program}[name])


def dump(folder: Path, number: int, name: str, stage: Stage) -> None:
    """Write what a phase made to a numbered file; beside a program also its LLVM and its machine code."""
    folder.mkdir(parents=True, exist_ok=True)
    start = f"{number:02}.{name}"
    write_text(folder / f"{start}{'.cnn' if isinstance(stage, Graph) else '.txt'}", text_of(stage))
    if isinstance(stage, Program):
        write_text(folder / f"{start}.ll", stage.ir())
        write_text(folder / f"{start}.s", assembly_of(stage.ir(), stage.schedule.target))
