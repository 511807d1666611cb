"""Names: what is bound in a body, around it the names of the file, around these the language's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from ...diagnostics import Diagnostic, Refusal, Source, Span
from ...ir.operator import REGISTRY
from ...ir.types import Dim
from ..closest import closest
from ..report import UNKNOWN, Enough, Failure, Report, Silenced
from ..syntax import ast
from ..syntax.words import CONSTANTS
from .functions import FUNCTIONS
from .place import Place, Run
from .stages import Stage
from .synonyms import FOREIGN_STAGES, SYNONYMS
from .values import WORDS, describe

S = TypeVar("S", bound=Stage)

MISSING = object()
SIDES = 4
CLOSE = 0.85  # a name so near to another is misspelt, and no name that was lost


class Module:
    """One file of the program, as its names are seen from inside and, but for other files, through a `use`."""

    def __init__(self, source: Source, report: Report):
        self.source, self.report = source, report
        self.elaborated: set[int] = set()  # where declarations begin that some elaboration came by
        self._stages: dict[object, Any] = {}
        self._bound: dict[int, dict[str, ast.Word]] = {}

    def __str__(self) -> str:
        return f"the file {self.source.name}"

    def remembered(
        self, callee: object, given: Iterable[tuple[object, Any]], node: ast.Node, make: Callable[[], S]
    ) -> S:
        """The stage that `make` makes of a callee's arguments, if it can be the one of the same call before."""
        arguments = []
        for name, value in given:
            plain = _plain(value)
            if plain is None:
                return make()
            arguments.append((name, plain))
        key = (callee, node.start, node.end, *arguments)
        if key not in self._stages:
            self._stages[key] = make()
        return self._stages[key]

    def bound_in(self, body: ast.Body) -> dict[str, ast.Word]:
        """The names that a body's statements bind, each where they do so first; not counting those of `as`."""
        if body.start not in self._bound:
            words = reversed([*_bound(body.statements)])
            self._bound[body.start] = {word.text: word for word in words}
        return self._bound[body.start]

    def names(self) -> Iterable[str]:
        return ()

    def lookup(self, name: str) -> Any:
        """The value of a top-level name, `MISSING` where there is none, `UNKNOWN` where it failed."""
        return MISSING

    def damaged(self, node: ast.Node, *kinds: str) -> bool:
        """Whether text in a node does not parse: any, or only such as begins with one of these words."""
        return False

    def lost(self, name: str, node: ast.Node) -> bool:
        """Whether text that does not parse, and that a node sees, was to bind a name: this, or "" for one unsaid."""
        return False


@dataclass
class Scope:
    """The names of one elaboration of a body, and where its weights are born (nowhere, for constants)."""

    module: Module
    place: Place | None = None
    names: dict[str, Any] = field(default_factory=dict)
    bound: dict[str, Span] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    unapplied: bool = False  # nothing is known of parameters and tensors
    perhaps: bool = False  # whether names on the way are bound, nobody knows
    untaken: bool = False  # nor whether it is evaluated at all
    advice: str = ""  # what to say of a name that nobody knows
    body: ast.Body | None = None  # which binds names, now or later
    origins: dict[str, Span] = field(default_factory=dict)  # of parameters: where the argument was written
    _advising: dict[str, Scope] = field(default_factory=dict, init=False, repr=False)

    def copy(self, place: Place) -> Scope:
        """The same names so far, to bind others beside them."""
        return Scope(self.module, place, dict(self.names), dict(self.bound), origins=self.origins)

    def origin(self, node: ast.Node) -> Span:
        """Where a value was written: for an argument that passes a parameter on, where that was given."""
        value = node.value if isinstance(node, ast.Argument) else node
        known = self.origins.get(value.id) if isinstance(value, ast.Name) else None
        return known or self.span(node)

    def doubting(self) -> Scope:
        """The same names, for what may never be evaluated."""
        return replace(self, perhaps=True, untaken=True)

    def advising(self, advice: str) -> Scope:
        """The same names, and what to say of one that nobody knows."""
        if advice not in self._advising:
            self._advising[advice] = replace(self, advice=advice)
        return self._advising[advice]

    def within(self, place: Place) -> Scope:
        """The same names, weights born elsewhere."""
        return replace(self, place=place)

    @property
    def home(self) -> Place:
        """Where weights are born; only asked for where there are tensors."""
        assert self.place is not None
        return self.place

    @property
    def run(self) -> Run:
        return self.home.run

    def span(self, node: ast.Node) -> Span:
        return Span(self.module.source, node.start, node.end)

    def spend(self, steps: int, node: ast.Node) -> None:
        """Count work; raises `Enough`, with the reason in the report, beyond the limit."""
        try:
            self.module.report.spend(steps)
        except Refusal as refusal:
            self.report(self.failure(refusal, node))
            raise Enough from None

    def failure(self, refusal: Refusal, node: ast.Node) -> Failure:
        span = self.span(node)
        return self.place.failure(refusal, span) if self.place else Failure(refusal.at(span))

    def fail(
        self,
        code: str,
        message: str,
        node: ast.Node,
        *,
        label: str = "",
        help: str = "",
        notes: tuple[str, ...] = (),
    ) -> Failure:
        return self.failure(Refusal(code, message, label=label, help=help, notes=notes), node)

    def report(self, failure: Failure | Diagnostic) -> None:
        """Tell a finding. In what may never be evaluated, names and calls are as wrong as anywhere; values are not."""
        diagnostic = failure.diagnostic if isinstance(failure, Failure) else failure
        if not self.untaken or diagnostic.code.startswith("E02"):
            self.module.report.add(diagnostic)

    def warn(self, code: str, message: str, node: ast.Node, help: str = "") -> None:
        self.report(Diagnostic(code, message, self.span(node), help=help, severity="warning"))

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Report what fails within, and go on after it."""
        try:
            yield
        except Failure as failure:
            self.report(failure)
        except Silenced:
            pass

    def bind(self, word: ast.Word, value: Any) -> None:
        """Bind a name once; raises `Failure` the second time."""
        if self.perhaps:
            self.names.setdefault(word.text, UNKNOWN)
            return
        if word.text in self.bound:
            first = (f"first at {self.bound[word.text]}",)
            raise self.fail("E0203", f"`{word.text}` is bound twice", word, help="choose another name", notes=first)
        self.names[word.text] = value
        self.bound[word.text] = self.span(word)

    def lookup(self, name: str, node: ast.Node) -> Any:
        """The value of a name; raises `Failure` for one that nobody knows, `Silenced` for one that failed."""
        if name not in self.names and self.module.lost(name, node):
            raise Silenced
        value = self.find(name)
        if value is MISSING:
            if name not in self.coming() and self.module.lost("", node) and not self.near(name, CLOSE):
                raise Silenced
            raise self.fail("E0201", f"nothing is called `{name}`", node, help=self.suggest(name))
        if value is UNKNOWN:
            raise Silenced
        return value

    def find(self, name: str) -> Any:
        if name in self.names:
            self.read.add(name)
            return self.names[name]
        value = self.module.lookup(name)
        if value is not MISSING:
            return value
        if name in FUNCTIONS:
            return FUNCTIONS[name]
        if name in REGISTRY and REGISTRY[name].stage:
            return REGISTRY[name]
        return name if name in WORDS else MISSING

    def hidden(self, e: ast.Node) -> str:
        """What a name would be, had the body not bound it to something else."""
        if isinstance(e, ast.Name) and e.id in self.bound and e.id in self.names:
            outer = Scope(self.module).find(e.id)
            if outer is not MISSING and outer is not UNKNOWN:
                return f"`{e.id}` is bound at {self.bound[e.id]}, and hides {describe(outer)}"
        return ""

    def coming(self) -> dict[str, ast.Word]:
        """The names that the body binds, now or later."""
        return self.module.bound_in(self.body) if self.body else {}

    def suggest(self, name: str) -> str:
        """What may be meant by a name that nobody knows."""
        if (coming := self.coming().get(name)) is not None:
            return f"`{name}` is bound below, at {self.span(coming)}"
        return self.near(name) or FOREIGN_STAGES.get(name.lower().replace("_", "")) or self.advice

    def near(self, name: str, cutoff: float = 0.7) -> str:
        operators = [word for word, record in REGISTRY.items() if record.stage]
        known = [*self.names, *self.module.names(), *FUNCTIONS, *operators, *WORDS, *CONSTANTS]
        return suggestion(name, known, cutoff=cutoff)


def _bound(statements: Iterable[ast.Statement]) -> Iterator[ast.Word]:
    for statement in statements:
        match statement:
            case ast.Binding(names=words):
                yield from words
            case ast.Input(name=word) | ast.Param(name=word) | ast.Share(name=word):
                yield word
            case ast.Output(name=word, value=value) if value is not None:
                yield word


def _plain(value: Any) -> tuple[object, ...] | None:
    """What tells a number, a word or a pair of such from others; `None` for what may be too large to compare."""
    if isinstance(value, tuple):
        parts = tuple(map(_plain, value)) if len(value) <= SIDES else (None,)
        return None if None in parts else parts
    if not isinstance(value, (int, float, str, Dim, type(None))):
        return None
    return type(value), str(value) if type(value) is float else value


def suggestion(name: str, known: Iterable[str], synonyms: Mapping[str, str] = SYNONYMS, cutoff: float = 0.7) -> str:
    """ "did you mean `conv`?", or nothing; other frameworks' words are understood."""
    known = list(dict.fromkeys(known))
    plain = name.lower().replace("_", "")
    synonym = synonyms.get(plain, "")
    if synonym and synonym.split("(")[0].split(" ")[0] in known:
        return f"did you mean `{synonym}`?"
    by_plain = {word.lower().replace("_", ""): word for word in known}
    close = [by_plain[plain]] if plain in by_plain else closest(name, known, cutoff)
    return f"did you mean `{close[0]}`?" if close else ""
