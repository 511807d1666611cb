"""The front door of the frontend: a file's name and some settings in, a `Model` out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ...runtime.errors import ModelError
from ..diagnostics import Diagnostic, Source, model_error
from ..ir.graph import Graph
from ..ir.types import Dim
from .elaborate.advice import advise
from .elaborate.model import Elaborated, choose, elaborate, models_to_check, warn_unused_declarations
from .elaborate.place import Run
from .elaborate.program import FileModule, Program
from .elaborate.reach import reached, to_graph
from .elaborate.recursion import roomy
from .elaborate.tensors import Tensor, Wire
from .elaborate.unapplied import check_unapplied
from .report import Enough, Failure, Report, Silenced
from .syntax import ast
from .syntax.sources import check_source, read_source

Settings = Mapping[str, object]
Sizes = Mapping[str, int]
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Model:
    """A model, elaborated. `train` and `tests` are checked for their form and kept as syntax."""

    graph: Graph
    train: ast.Section | None
    tests: tuple[ast.Section, ...]
    warnings: tuple[Diagnostic, ...]


@roomy
def load(path: str | Path, *, settings: Settings = NOTHING, sizes: Sizes = NOTHING, free: bool = False) -> Model:
    """The model of "file.cnn" or "file.cnn:Model"; raises `ModelError` with every error.

    `settings` gives the model's parameters (a string is an expression of the language) and `sizes` its size letters;
    with `free` letters may stay open.
    """
    module, name = _open(path)
    return _load(module, name, settings, sizes, free)


@roomy
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


@roomy
def check(path: str | Path, *, settings: Settings = NOTHING, sizes: Sizes = NOTHING) -> list[Diagnostic]:
    """Every finding about a file: all of its models (or the one named) elaborated, sizes not given left free."""
    try:
        module, name = _open(path)
    except ModelError as error:
        return _findings(error)
    return _check(module, name, settings, sizes)


@roomy
def check_text(text: str, name: str = "<text>", *, sizes: Sizes = NOTHING) -> list[Diagnostic]:
    """`check` for a text."""
    try:
        module = _open_text(text, name)
    except ModelError as error:
        return _findings(error)
    return _check(module, None, NOTHING, sizes)


@roomy
def sizes_of(path: str | Path, shapes: Mapping[str, Sequence[int]], *, settings: Settings = NOTHING) -> dict[str, int]:
    """The sizes that inputs of these shapes give a model's letters: a photo of 480 x 640 says H=480, W=640."""
    module, name = _open(path)
    run = Run(module.report, NOTHING, free=True)
    with _telling(module):
        elaborate(choose(module, name), settings, run)
    found: dict[str, int] = {}
    for made in run.inputs:
        for size, actual in zip(made.types[0].shape[1:], shapes.get(made.path, ())[1:], strict=False):
            if isinstance(size, Dim):
                found.setdefault(min(size.letters()), actual)
    return found


def split(path: str | Path) -> tuple[Path, str | None]:
    """ "resnet.cnn:ResNet50" as the file and the model's name, if one is said."""
    file, colon, name = str(path).rpartition(":")
    return (Path(file), name) if colon and name.isidentifier() else (Path(path), None)


def _open(path: str | Path) -> tuple[FileModule, str | None]:
    file, name = split(path)
    program = Program(Report(), file.parent)
    return _read(program, read_source(file, str(file)), file.resolve()), name


def _open_text(text: str, name: str) -> FileModule:
    source = Source(name, text)
    check_source(source, len(text.encode(errors="replace")))
    return _read(Program(Report(), None), source)


def _read(program: Program, source: Source, path: Path | None = None) -> FileModule:
    """A file with all that it uses; raises `ModelError` where it has too many errors to go on."""
    try:
        return program.load(source, path)
    except Enough:
        raise model_error(program.report.of("error")) from None


def _load(module: FileModule, name: str | None, settings: Settings, sizes: Sizes, free: bool) -> Model:
    run = Run(module.report, sizes, free)
    done = graph = None
    with _telling(module):
        done = elaborate(choose(module, name), settings, run)
        _advise(done)
        graph = to_graph(done.name, run, _outputs(done))
    wrong = module.report.of("error")
    if wrong or done is None or graph is None:
        raise model_error(module.report.of("error", "warning") if wrong else module.report.of("note"))
    train, *_ = [*done.sections("train"), None]
    return Model(graph, train, tuple(done.sections("test")), tuple(module.report.of("warning", "note")))


def _outputs(done: Elaborated) -> dict[str, Wire]:
    """Where the outputs come from, of those that did not fail."""
    return {word: value.wire for word, value in done.outputs.items() if isinstance(value, Tensor)}


def _advise(done: Elaborated) -> None:
    """Report advice about what the outputs need, or about everything where one of them failed."""
    outputs, run = _outputs(done), done.run
    whole = len(outputs) == len(done.outputs)
    for warning in advise(reached(run, outputs.values()) if whole else run.applications, outputs.values()):
        run.report.add(warning)


@contextmanager
def _telling(module: FileModule) -> Iterator[None]:
    """What ends an elaboration in here goes to the report."""
    with suppress(Silenced, Enough):
        try:
            yield
        except Failure as failure:
            module.report.add(failure.diagnostic)
        except RecursionError:
            message = f"{module.source.name}: blocks, constants and brackets nest too deep"
            module.report.add(Diagnostic("E0332", message))


def _check(module: FileModule, name: str | None, settings: Settings, sizes: Sizes) -> list[Diagnostic]:
    with _telling(module):
        models = [choose(module, name)] if name else models_to_check(module)
        for model in models:
            run = Run(module.report, sizes, free=True)
            with _telling(module):
                _advise(elaborate(model, settings, run))
        if name is None:
            warn_unused_declarations(module)
            check_unapplied(module)
    return module.report.of("error", "warning", "note")


def _findings(error: ModelError) -> list[Diagnostic]:
    return [finding for finding in error.diagnostics if isinstance(finding, Diagnostic)]
