"""What a network costs, layer by layer: parameters, multiply-accumulates and memory for one image."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import prod
from typing import Any

from cnnc.compiler.ir.graph import Graph, Node
from cnnc.compiler.ir.types import Type, ints
from cnnc.macs import macs
from cnnc.table import Column, table

_BYTES = {"f32": 4, "u8": 1, "i64": 8}


@dataclass(frozen=True)
class Layer:
    """One operator. `output` is its type and `shape` that without the batch. `params` are those trained, `fixed`
    running statistics and literal kernels; both count where they first appear. `memory` is the bytes of all it gives.
    """

    name: str
    stage: str
    output: str
    shape: tuple[int, ...]
    params: int
    fixed: int
    macs: int
    memory: int


@dataclass(frozen=True)
class Summary:
    """The layers of a network and their sums; `str` of it is a table."""

    name: str
    layers: tuple[Layer, ...]

    @property
    def params(self) -> int:
        return sum(layer.params for layer in self.layers)

    @property
    def fixed(self) -> int:
        return sum(layer.fixed for layer in self.layers)

    @property
    def macs(self) -> int:
        return sum(layer.macs for layer in self.layers)

    @property
    def memory(self) -> int:
        """Bytes of all the layers' outputs; a compiled network reuses them and needs less."""
        return sum(layer.memory for layer in self.layers)

    def to_dict(self) -> dict[str, Any]:
        totals = {"params": self.params, "fixed": self.fixed, "macs": self.macs, "memory": self.memory}
        layers = [{**asdict(layer), "shape": list(layer.shape)} for layer in self.layers]
        return {"name": self.name, **totals, "layers": layers}

    def __str__(self) -> str:
        return table(_COLUMNS, list(map(_row, self.layers)), ("total", "", "", *_numbers(self)))


_COLUMNS = (
    Column("layer"), Column("stage", widest=44), Column("output"),
    *(Column(name, right=True) for name in ("params", "fixed", "MACs", "memory")),
)  # fmt: skip


def _row(layer: Layer) -> tuple[str, ...]:
    return (layer.name, layer.stage, layer.output, *_numbers(layer))


def _numbers(cost: Layer | Summary) -> tuple[str, ...]:
    counts = (f"{count:,}" if count else "" for count in (cost.params, cost.fixed, cost.macs))
    return (*counts, size(cost.memory))


def size(count: float) -> str:
    """Bytes as people read them."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"


def summarize(graph: Graph) -> Summary:
    counted: set[str] = set()
    layers = [_layer(graph, node, counted) for node in graph.nodes() if node.op.name != "input"]
    return Summary(graph.name, tuple(layers))


def _layer(graph: Graph, node: Node, counted: set[str]) -> Layer:
    """The cost of a node; `counted` are the parameters that an earlier one shares."""
    names = [name for name in node.weights.values() if name not in counted]
    counted.update(names)
    sizes = {name: prod(ints(graph.params[name].type.shape)) for name in names}
    trained = sum(size for name, size in sizes.items() if graph.params[name].trained)
    return Layer(
        name=node.name,
        stage=str(node.op),
        output=str(node.output.type),
        shape=_shape(node.output.type),
        params=trained,
        fixed=sum(sizes.values()) - trained,
        macs=macs(graph, node),
        memory=sum(prod(_shape(value.type)) * _BYTES[value.type.dtype] for value in node.outputs),
    )


def _shape(type: Type) -> tuple[int, ...]:
    """The sizes of one image; a learned tensor has no batch to leave out."""
    return type.known if type.batched else ints(type.shape)
