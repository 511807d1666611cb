"""A network that has been read but not compiled: what it takes and gives, its parameters, its cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from cnnc.compiler import frontend
from cnnc.compiler.diagnostics import Diagnostic
from cnnc.compiler.ir.graph import Graph, Value
from cnnc.compiler.ir.types import Type, ints
from cnnc.runtime.errors import InputError
from cnnc.runtime.feeds import shown

if TYPE_CHECKING:
    from cnnc.summary import Summary


@dataclass(frozen=True)
class Tensor:
    """An input, output or parameter: its name, dtype and shape. What is `batched` leaves the batch out."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    batched: bool


class Network:
    """A model of a `.cnn` file. Its graph has the names, shapes and order that the file says."""

    def __init__(self, graph: Graph, path: Path | None = None, warnings: Sequence[Diagnostic] = ()):
        self.graph = graph
        self.path = path  # where its weights are looked for
        self.warnings = tuple(warnings)

    @property
    def name(self) -> str:
        return self.graph.name

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        return ports({value.name: value for value in self.graph.inputs})

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        return ports(self.graph.outputs)

    @property
    def params(self) -> Mapping[str, Tensor]:
        """The parameters by name, in order of creation; running statistics and literal kernels are among them."""
        made = {
            name: Tensor(name, param.type.dtype, ints(param.type.shape), batched=False)
            for name, param in self.graph.params.items()
        }
        return MappingProxyType(made)

    def summary(self) -> Summary:
        """Parameters, multiplications and memory, layer by layer."""
        from cnnc.summary import summarize

        return summarize(self.graph)

    def capture(self, names: Iterable[str]) -> Network:
        """The same network with these tensors among its outputs."""
        if not (names := [*names]):
            return self
        graph = self.graph.copy()
        values = {value.name: value for node in graph.nodes() for value in node.outputs}
        for name in names:
            if name not in values and name not in graph.outputs:
                raise InputError(f"no tensor is called `{name}`", code="E0604", help=f"there are {', '.join(values)}")
            if name not in graph.outputs:
                graph.outputs[name] = values[name]
        return Network(graph, self.path, self.warnings)

    def __repr__(self) -> str:
        takes = ", ".join(f"{port.name}: {shown(port)}" for port in self.inputs)
        gives = ", ".join(f"{port.name}: {shown(port)}" for port in self.outputs)
        return f"<Network {self.name}({takes}) -> {gives}>"


def ports(values: Mapping[str, Value]) -> tuple[Tensor, ...]:
    return tuple(_port(name, value.type) for name, value in values.items())


def _port(name: str, type: Type) -> Tensor:
    batched = type.batched
    return Tensor(name, type.dtype, type.known if batched else ints(type.shape), batched)


def load(path: str | Path, *, settings: Mapping[str, object] = {}, sizes: Mapping[str, int] = {}) -> Network:
    """Read "file.cnn", or "file.cnn:Model" where it has several.

    `settings` gives the model's parameters and `sizes` its free size letters: `sizes={"H": 480, "W": 640}`.
    """
    model = frontend.load(path, settings=settings, sizes=sizes)
    return Network(model.graph, frontend.split(path)[0], model.warnings)


def parse(
    text: str, *, settings: Mapping[str, object] = {}, sizes: Mapping[str, int] = {}, name: str = "<text>"
) -> Network:
    """Read a network from its text; `name` is what messages call it."""
    model = frontend.parse_text(text, name, settings=settings, sizes=sizes)
    return Network(model.graph, None, model.warnings)
