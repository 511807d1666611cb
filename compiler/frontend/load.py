"""The front door of the frontend: a file's name and some settings in, a `Model` out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from ...runtime.errors import ModelError
from ..diagnostics import Diagnostic, Source, model_error
from ..ir.graph import Graph
from ..ir.types import Dim
from . import ast
from .advice import advise
from .model import Elaborated, choose, elaborate, models_to_check, warn_unused_declarations
from .place import Run
from .program import FileModule, Program
from .reach import to_graph
from .recursion import room
from .report import Failure, Report, Silenced
from .sources import check_source, read_source
from .tensors import Tensor
from .unapplied import check_unapplied

Settings = Mapping[str, object]
Sizes = Mapping[str, int]
Result = TypeVar("Result")
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Model:
    """A model, elaborated. `train` and `tests` are checked for their form and kept as syntax."""

    graph: Graph
    train: ast.Section | None
    tests: tuple[ast.Section, ...]
    warnings: tuple[Diagnostic, ...]


def load(path: str | Path, *, settings: Settings = NOTHING, sizes: Sizes = NOTHING, free: bool = False) -> Model:
    """The model of "file.cnn" or "file.cnn:Model"; raises `ModelError` with every error.

    `settings` gives the model's parameters (a string is an expression of the language) and `sizes` its size letters;
    with `free` letters may stay open.
    """
    module, name = _open(path)
    return _load(module, name, settings, sizes, free)


def parse_text(
    text: str,
    name: str = "<text>",
    *,
    model: str | None = None,
    settings: Settings = NOTHING,
    sizes: Sizes = NOTHING,
    free: bool = False,
) -> Model:
    """The model of a text; raises `ModelError` with every error. `name` is what messages call the text."""
    return _load(_open_text(text, name), model, settings, sizes, free)


def check(path: str | Path, *, settings: Settings = NOTHING, sizes: Sizes = NOTHING) -> list[Diagnostic]:
    """Every finding about a file: all of its models (or the one named) elaborated, sizes not given left free."""
    try:
        module, name = _open(path)
    except ModelError as error:
        return _findings(error)
    return _check(module, name, settings, sizes)


def check_text(text: str, name: str = "<text>", *, sizes: Sizes = NOTHING) -> list[Diagnostic]:
    """`check` for a text."""
    try:
        module = _open_text(text, name)
    except ModelError as error:
        return _findings(error)
    return _check(module, None, NOTHING, sizes)


def sizes_of(path: str | Path, shapes: Mapping[str, Sequence[int]], *, settings: Settings = NOTHING) -> dict[str, int]:
    """The sizes that inputs of these shapes give a model's letters: a photo of 480 x 640 says H=480, W=640."""
    module, name = _open(path)
    run = Run(module.report, NOTHING, free=True)
    _elaborate(module, name, settings, run)
    found: dict[str, int] = {}
    for made in run.inputs:
        for size, actual in zip(made.types[0].shape[1:], shapes.get(made.name, ())[1:], strict=False):
            if isinstance(size, Dim):
                found.setdefault(min(size.letters()), actual)
    return found


def split(path: str | Path) -> tuple[Path, str | None]:
    """ "resnet.cnn:ResNet50" as the file and the model's name, if one is said."""
    file, colon, name = str(path).rpartition(":")
    return (Path(file), name) if colon and name.isidentifier() else (Path(path), None)


def _open(path: str | Path) -> tuple[FileModule, str | None]:
    file, name = split(path)
    with room():
        program = Program(Report(), file.parent)
        return program.load(read_source(file, str(file)), file.resolve()), name


def _open_text(text: str, name: str) -> FileModule:
    source = Source(name, text)
    check_source(source, len(text.encode(errors="replace")))
    with room():
        return Program(Report(), None).load(source)


def _load(module: FileModule, name: str | None, settings: Settings, sizes: Sizes, free: bool) -> Model:
    run = Run(module.report, sizes, free)
    done = _elaborate(module, name, settings, run)
    graph = _graph(done, run) if done else None
    wrong = module.report.of("error")
    if wrong or done is None or graph is None:
        raise model_error(wrong or module.report.of("note"))
    train, *_ = [*done.sections("train"), None]
    return Model(graph, train, tuple(done.sections("test")), tuple(module.report.of("warning", "note")))


def _graph(done: Elaborated, run: Run) -> Graph | None:
    """The graph of an elaboration, its advice reported; None where an output failed."""
    outputs = {word: value for word, value in done.outputs.items() if isinstance(value, Tensor)}
    if len(outputs) < len(done.outputs):
        return None
    graph = to_graph(done.name, run, outputs)
    for warning in advise(graph):
        run.report.add(warning)
    return graph


def _elaborate(module: FileModule, name: str | None, settings: Settings, run: Run) -> Elaborated | None:
    """A model's elaboration; None, with the reason in the report, if there is no body to elaborate."""
    return _within_reason(module, lambda: elaborate(choose(module, name), settings, run))


def _within_reason(module: FileModule, work: Callable[[], Result]) -> Result | None:
    """The result, or None, with the reason in the report, where there is none."""
    try:
        with room():
            return work()
    except Failure as failure:
        module.report.add(failure.diagnostic)
    except Silenced:
        pass
    except RecursionError:
        module.report.add(Diagnostic("E0332", f"{module.source.name}: blocks, constants and brackets nest too deep"))
    return None


def _check(module: FileModule, name: str | None, settings: Settings, sizes: Sizes) -> list[Diagnostic]:
    for model in [name] if name else [model.name.text for model in models_to_check(module)]:
        run = Run(module.report, sizes, free=True)
        done = _elaborate(module, model, settings, run)
        if done is not None:
            _graph(done, run)
    if name is None:
        warn_unused_declarations(module)
        _within_reason(module, lambda: check_unapplied(module))
    return module.report.of("error", "warning", "note")


def _findings(error: ModelError) -> list[Diagnostic]:
    return [finding for finding in error.diagnostics if isinstance(finding, Diagnostic)]
