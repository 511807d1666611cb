"""Programs: a file, the files that it uses, and their top-level names."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ....runtime.errors import ModelError
from ...diagnostics import Diagnostic, Refusal, Source, Span
from ...ir.kinds import cut
from ..closest import closest
from ..report import UNKNOWN, WORD, Report
from ..syntax import ast
from ..syntax.parse import salvage
from ..syntax.sources import LARGEST, WORDS, read_source
from ..syntax.words import length
from .blocks import BlockValue, ModelValue
from .cycles import find_cycles
from .expressions import attempt
from .place import elided
from .scope import MISSING, Module, Scope

FILES = 100
TOO_MANY = "E0335"


class FileModule(Module):
    """A parsed file. Constants are evaluated when they are first read."""

    def __init__(self, file: ast.File, report: Report):
        super().__init__(file.source, report)
        self.file = file
        self.read: set[str] = set()
        self._broken = [fragment.start for fragment in file.lost]
        self._damaged: dict[tuple[int, int, tuple[str, ...]], bool] = {}
        self._lost: dict[int, list[ast.Fragment]] = {}  # by the declaration that they stand in
        for fragment in file.lost:
            self._lost.setdefault(self._declaration(fragment), []).append(fragment)
        self._values: dict[str, Any] = {}
        self._consts: dict[str, ast.Const] = {}
        for declaration in file.declarations:
            self._declare(declaration)
        for declaration, way in find_cycles(file):
            self._refuse_cycle(declaration, way)

    def names(self) -> Iterable[str]:
        return [*self._values, *self._consts]

    def lookup(self, name: str) -> Any:
        self.read.add(name)
        self._evaluate(name)
        if name not in self._values and any(name in fragment.names for fragment in self._lost.get(-1, ())):
            return UNKNOWN
        return self._values.get(name, MISSING)

    def lost(self, name: str, node: ast.Node) -> bool:
        if not self._lost:
            return False
        seen = [*self._lost.get(-1, ()), *self._lost.get(self._declaration(node), ())]
        return any(name in fragment.names if name else fragment.nameless for fragment in seen)

    def _declaration(self, node: ast.Node) -> int:
        """Which declaration a node stands in; -1 for none."""
        at = bisect_right(self.file.declarations, node.start, key=lambda declaration: declaration.start) - 1
        return at if at >= 0 and node.start < self.file.declarations[at].end else -1

    def evaluate_constants(self) -> None:
        """Evaluate those that nothing has read so far."""
        for name in list(self._consts):
            self._evaluate(name)

    def _evaluate(self, name: str) -> None:
        const = self._consts.pop(name, None)
        if const is not None:
            self._values[name] = attempt(const.value, Scope(self))

    def damaged(self, node: ast.Node, *kinds: str) -> bool:
        key = node.start, node.end, kinds
        if key not in self._damaged:
            first, last = bisect_left(self._broken, node.start), bisect_right(self._broken, node.end)
            inside = self.file.lost[first:last]
            self._damaged[key] = any(not kinds or fragment.kind in kinds for fragment in inside)
        return self._damaged[key]

    def span(self, node: ast.Node) -> Span:
        return Span(self.source, node.start, node.end)

    def bind_file(self, use: ast.Use, module: Module | None) -> None:
        self._values[use.name.text] = UNKNOWN if module is None else module

    def models(self) -> list[ast.Model]:
        return [d for d in self.file.declarations if isinstance(d, ast.Model)]

    def _declare(self, declaration: ast.Declaration) -> None:
        name = declaration.name.text
        if name in self._values or name in self._consts:
            first = next(d.name for d in self.file.declarations if d.name.text == name)
            notes = (f"first at {self.span(first)}",)
            self.report.add(
                Diagnostic("E0203", f"`{name}` is declared twice", self.span(declaration.name), notes=notes)
            )
        match declaration:
            case ast.Const():
                self._consts.setdefault(name, declaration)
            case ast.Block():
                self._declare_body(declaration, BlockValue(declaration, self))
            case ast.Model():
                self._declare_body(declaration, ModelValue(declaration, self))
            case ast.Use():
                self._values.setdefault(name, UNKNOWN)

    def _declare_body(self, declaration: ast.Block | ast.Model, value: BlockValue | ModelValue) -> None:
        first = {parameter.name.text: parameter for parameter in reversed(declaration.parameters)}
        twice = [p.name for p in declaration.parameters if first[p.name.text] is not p]
        for word in twice:
            self.report.add(Diagnostic("E0203", f"two parameters are called `{word.text}`", self.span(word)))
        self._values.setdefault(declaration.name.text, UNKNOWN if twice else value)
        self._want_form(declaration)

    def _want_form(self, declaration: ast.Block | ast.Model) -> None:
        body, kind = declaration.body, type(declaration).__name__.lower()
        if isinstance(body, ast.Body):
            for wanted in (ast.Input, ast.Output):
                word = wanted.__name__.lower()
                if not any(isinstance(s, wanted) for s in body.statements) and not self.damaged(body):
                    message = f"the {kind} `{declaration.name.text}` has no {word}"
                    self.report.add(Diagnostic("E0210", message, self.span(declaration.name)))
            for section in body.statements if kind == "block" else ():
                if isinstance(section, ast.Section):
                    message, help = f"a block holds no `{section.kind.text}`", "sections stand in models"
                    self.report.add(Diagnostic("E0214", message, self.span(section.kind), help=help))

    def _refuse_cycle(self, declaration: ast.Declaration, way: list[str]) -> None:
        const = isinstance(declaration, ast.Const)
        message = f"`{way[0]}` needs itself: {' -> '.join(elided(way))}"
        help = "" if const else "the language has no recursion: pass the inner block as an argument"
        self.report.add(Diagnostic("E0211", message, self.span(declaration.name), help=help))
        for name in way:
            self._consts.pop(name, None)
            self._values[name] = UNKNOWN


class Program:
    """The files of one run. `folder` holds all that may be used; without one nothing may."""

    def __init__(self, report: Report, folder: Path | None):
        self.report = report
        self.folder = folder.resolve() if folder else None
        self._named = folder
        self._modules: dict[Path, FileModule | None] = {}
        self._open: list[Path] = []
        self._bytes = self._words = 0
        self._full = False

    def load(self, source: Source, path: Path | None = None) -> FileModule:
        """A file, as far as it parses, and all that it uses; raises `Refusal` if that is too much in all."""
        self._bytes += len(source.text.encode(errors="replace"))
        words = length(source.text)
        self._words += words
        if self._bytes > LARGEST or self._words > WORDS:
            raise Refusal(
                TOO_MANY,
                f"more text in all files than {LARGEST // 1_000_000} MB or {WORDS:,} words, signs and comments",
            )
        self.report.spend(WORD * words)
        file, errors = salvage(source)
        for error in errors:
            self.report.add(error)
        module = FileModule(file, self.report)
        if path is not None:
            self._open.append(path)
        for declaration in module.file.declarations:
            if isinstance(declaration, ast.Use):
                module.bind_file(declaration, self._use(declaration, module, path))
        if path is not None:
            self._open.pop()
        return module

    def _use(self, use: ast.Use, module: FileModule, user: Path | None) -> FileModule | None:
        """The module of a `use`; `None`, reported, where there is none."""
        try:
            path = self._path(use.path.text, user)
            if path not in self._modules:
                self._modules[path] = None
                self._modules[path] = self.load(read_source(path, self._shown(path)), path)
            return self._modules[path]
        except Refusal as refusal:
            if refusal.code != TOO_MANY or not self._full:
                self.report.add(refusal.at(module.span(use.path)))
            self._full |= refusal.code == TOO_MANY
        except ModelError as error:
            for diagnostic in error.diagnostics:
                assert isinstance(diagnostic, Diagnostic)
                self.report.add(diagnostic)
        return None

    def _path(self, text: str, user: Path | None) -> Path:
        """The file that a `use` means; raises `Refusal` where none may be used."""
        if self.folder is None or user is None:
            raise Refusal("E0212", "a text without a file cannot `use` files")
        try:
            path = (user.parent / text).resolve()
            found = path.is_file()
        except (OSError, RuntimeError):  # a name that is too long, links that lead to themselves
            raise Refusal("E0212", f'"{cut(text)}" is no file') from None
        if not path.is_relative_to(self.folder):
            help = "a model uses only files beside it or in folders below"
            raise Refusal("E0222", f'"{text}" leads out of the folder of the file that was named', help=help)
        if path.suffix != ".cnn":
            raise Refusal("E0212", f'"{text}" is no .cnn file')
        if not found:
            near = closest(Path(text).name, [p.name for p in path.parent.glob("*.cnn") if p != user])
            help = f'did you mean "{(Path(text).parent / near[0]).as_posix()}"?' if near else ""
            raise Refusal("E0212", f'there is no file "{text}"', help=help)
        if path in self._open:
            way = [p.name for p in self._open[self._open.index(path) :]]
            help = "move what both need into a third file"
            raise Refusal("E0223", f"files use one another: {' -> '.join([*way, path.name])}", help=help)
        if self._full or len(self._modules) >= FILES:
            raise Refusal(TOO_MANY, f"more than {FILES} files")
        return path

    def _shown(self, path: Path) -> str:
        """What messages call a used file: its way from where the command was given."""
        assert self.folder is not None and self._named is not None
        return str(self._named / path.relative_to(self.folder))
