"""The operator record: everything that an operator *means*, in one place, and the registry of them all.

A record is a frozen dataclass whose fields are its attributes, so that an instance is a stage of the language: a
recipe with its hyper-parameters bound, owning no weights. The stage list of the language, argument checks, printed
IR, the interpreter, the reference documentation and the fuzzers are made from these records. Layouts, tiles and machine
code are not here: they are tables of the compiler's later phases, keyed by the record's name.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar, dataclass_transform

import numpy.typing as npt

from ..diagnostics import Refusal
from .types import Size, Type

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Kind:
    """What an attribute accepts: `accept` makes a value of the language canonical or raises `Refusal`.

    `words` are those that it gives a meaning to; the language predeclares them.
    """

    wanted: str
    accept: Callable[[Any], Any]
    show: Callable[[Any], str]
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bounds:
    """Between what an attribute's numbers lie. `hint` is what to say to one that is too large."""

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    hint: str = ""

    def want(self, name: str, number: float) -> None:
        """Raises `Refusal` for a number outside."""
        low, high = self._low(), self._high()
        if (self.at_least is not None and number < self.at_least) or (self.above is not None and number <= self.above):
            raise Refusal("E0305", f"`{name}` is {number}, but must be {low}")
        if (self.at_most is not None and number > self.at_most) or (self.below is not None and number >= self.below):
            raise Refusal("E0305", f"`{name}` is {number}, but must be {high}", help=self.hint)

    def _low(self) -> str:
        if self.above is not None:
            return f"more than {self.above}"
        return f"at least {self.at_least}" if self.at_least is not None else ""

    def _high(self) -> str:
        if self.below is not None:
            return f"less than {self.below}"
        return f"at most {self.at_most}" if self.at_most is not None else ""

    def __str__(self) -> str:
        return ", ".join(filter(None, (self._low(), self._high())))


@dataclass(frozen=True)
class Attr:
    """One attribute of an operator. `default` may be `Derived` from the other attributes."""

    name: str
    kind: Kind
    doc: str
    default: Any
    bounds: Bounds

    @property
    def required(self) -> bool:
        return self.default is dataclasses.MISSING

    def accept(self, value: Any) -> Any:
        """The canonical value; raises `Refusal` where it is not of this kind or out of bounds."""
        value = self.kind.accept(value)
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, (int, float)):
                self.bounds.want(self.name, number)
        return value


@dataclass(frozen=True)
class Derived:
    """A default that depends on the other attributes; `shown` is how a signature writes it."""

    shown: str
    of: Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True)
class ParamSpec:
    """A learned tensor that an operator needs. `start` says how training begins; `trained` is false for statistics.

    `data` makes its numbers where the source gives them, as literal weights: once it is known that they are few enough.
    """

    shape: tuple[Size, ...]
    start: str = "zeros"
    trained: bool = True
    data: Callable[[], Array] | None = dataclasses.field(default=None, compare=False, repr=False)


class Scalar(Protocol):
    """The words in which `Operator.scalar` is spoken: arithmetic on values whose nature is the code generator's secret.

    A plain number may stand wherever a value may. `less(a, b)` is false where either is NaN; `select` picks by it.
    `normal` is the probability that a standard normal number is less.
    """

    def add(self, a: Any, b: Any) -> Any: ...
    def sub(self, a: Any, b: Any) -> Any: ...
    def mul(self, a: Any, b: Any) -> Any: ...
    def div(self, a: Any, b: Any) -> Any: ...
    def fma(self, a: Any, b: Any, c: Any) -> Any: ...
    def less(self, a: Any, b: Any) -> Any: ...
    def select(self, condition: Any, a: Any, b: Any) -> Any: ...
    def sqrt(self, a: Any) -> Any: ...
    def abs(self, a: Any) -> Any: ...
    def exp(self, a: Any) -> Any: ...
    def log(self, a: Any) -> Any: ...
    def tanh(self, a: Any) -> Any: ...
    def sigmoid(self, a: Any) -> Any: ...
    def normal(self, a: Any) -> Any: ...
    def round(self, a: Any) -> Any: ...


class Operator:
    """Base of the records.

    `name` is the word of the language, `inputs` how many tensors it takes (`None`: a tuple of one or more) and
    `outputs` how many it gives (`None`: as `infer` says). A subclass adds its attributes as fields and overrides:

    - `params(*types)`: the learned tensors by role, in order of creation;
    - `infer(*types)`: the output type (a tuple of them where `outputs` is not 1), or `Refusal`;
    - `reference(*arrays, **params)`: NumPy, written from the definition, in the precision of the arrays given;
    - `scalar(e, *values, **tables)`: for elementwise operators, the value of one element, spoken in the words of
      `Scalar`; `tables(**params)` gives the numbers per channel (shape `[C]`) that it needs, computed once.
    """

    name: ClassVar[str]
    attrs: ClassVar[tuple[Attr, ...]] = ()
    inputs: ClassVar[int | None] = 1
    outputs: ClassVar[int | None] = 1
    stage: ClassVar[bool] = True  # may be written as a stage; false for what only arithmetic or declarations make

    def params(self, *types: Type) -> dict[str, ParamSpec]:
        return {}

    def infer(self, *types: Type) -> Type | tuple[Type, ...]:
        raise NotImplementedError(self.name)

    def reference(self, *arrays: Array, **params: Array) -> Array | tuple[Array, ...]:
        raise NotImplementedError(self.name)

    scalar: Callable[..., Any] | None = None

    def tables(self, **params: Array) -> dict[str, Array]:
        return params

    @property
    def given(self) -> dict[str, Any]:
        """The attributes that differ from their defaults, in order; what the printer shows."""
        values = {}
        for spec in self.attrs:
            value = getattr(self, spec.name)
            default = spec.default.of(vars(self)) if isinstance(spec.default, Derived) else spec.default
            if spec.required or value != default:
                values[spec.name] = value
        return values

    def __str__(self) -> str:
        shown, gap = [], False
        for spec in self.attrs:
            if spec.name in self.given:
                text = spec.kind.show(getattr(self, spec.name))
                shown.append(f"{spec.name}={text}" if gap or not spec.required else text)
            else:
                gap = True
        return f"{self.name}({', '.join(shown)})" if shown else self.name


REGISTRY: dict[str, type[Operator]] = {}
Record = TypeVar("Record", bound=type[Operator])


def attr(kind: Kind, doc: str, *, default: Any = dataclasses.MISSING, **bounds: Any) -> Any:
    """A field of a record: its kind, what it means, its default and its `Bounds`."""
    metadata = {"attr": (kind, doc, default, Bounds(**bounds))}
    stored = None if isinstance(default, Derived) else default
    return dataclasses.field(metadata=metadata, default=stored)


@dataclass_transform(frozen_default=True, field_specifiers=(attr,))
def operator(record: Record) -> Record:
    """Make a class a record: freeze it, read its attributes, enter it in the registry under its name."""
    record.name = record.__dict__.get("name") or re.sub(r"(?<!^)(?=[A-Z])", "_", record.__name__).lower()
    made = dataclass(frozen=True)(record)
    made.attrs = tuple(Attr(f.name, *f.metadata["attr"]) for f in dataclasses.fields(made))  # type: ignore[arg-type]
    if made.name in REGISTRY:
        raise ValueError(f"two operators are called {made.name}")
    REGISTRY[made.name] = made
    return made


def bind(record: type[Operator], arguments: Mapping[str, Any]) -> Operator:
    """The stage with these arguments (values of the language): all checked, made canonical, defaults filled in.

    Raises `Refusal` for a value that does not fit; names are the caller's to check.
    """
    values: dict[str, Any] = {}
    for spec in record.attrs:
        if spec.name in arguments:
            values[spec.name] = spec.accept(arguments[spec.name])
        elif spec.required:
            raise Refusal("E0206", f"`{record.name}` needs `{spec.name}`: {signature(record)}")
        elif not isinstance(spec.default, Derived):
            values[spec.name] = spec.default
    for spec in record.attrs:
        if spec.name not in values:
            values[spec.name] = spec.default.of(values)
    return record(**values)


class Signed(Protocol):
    """What is called with named attributes."""

    @property
    def name(self) -> str: ...
    @property
    def attrs(self) -> tuple[Attr, ...]: ...


def signature(record: Signed) -> str:
    """How the stage is written, defaults included: `conv(channels, kernel, stride=1, …)`."""
    parts = []
    for spec in record.attrs:
        if spec.required:
            parts.append(spec.name)
        else:
            default = spec.default.shown if isinstance(spec.default, Derived) else spec.kind.show(spec.default)
            parts.append(f"{spec.name}={default}")
    return f"{record.name}({', '.join(parts)})" if parts else record.name
