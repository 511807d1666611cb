"""A network with its weights and what it is tried on: a model of the language, a weights file and an `.npz`."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from cnnc.compiler.frontend.elaborate.reach import Names
from cnnc.compiler.interpreter import interpret
from cnnc.compiler.ir.graph import Graph, Node
from cnnc.compiler.ir.text import line, prefix_of
from cnnc.files import replacing, write_text
from cnnc.runtime.feeds import Array


@dataclass(frozen=True)
class Case:
    """The graph is as it was elaborated, its weights bound and called as the text calls them."""

    graph: Graph
    inputs: Mapping[str, Array]

    @staticmethod
    def of(graph: Graph, inputs: Mapping[str, Array]) -> Case:
        """Weights get the names that a flat text gives them: a `param`'s is that of its tensor, what several nodes
        share is called by a word of its own. Outputs are called as their values are."""
        graph = graph.copy()
        names = Names(value.name for node in graph.nodes() for value in node.outputs)
        words = {prefix: names.fresh(prefix) for prefix in _shared(graph)}
        for node in [node for node in graph.nodes() if node.weights]:
            prefix = "" if _is_param(node) else words.get(prefix_of(node), prefix_of(node))
            weights = {role: f"{prefix}.{role}" if prefix else node.name for role in node.weights}
            graph.params |= {weights[role]: graph.params[name] for role, name in node.weights.items()}
            graph.swap(node, weights=weights)
        graph.drop_unused_params()
        graph.outputs = {value.name: value for value in graph.outputs.values()}
        return Case(graph, inputs)

    @cached_property
    def values(self) -> dict[str, Array]:
        """All tensors, from the definitions in float32."""
        return interpret(self.graph, self.inputs, keep=True)

    @property
    def weights(self) -> dict[str, Array]:
        """The numbers that the text does not hold itself, by name."""
        known = {name: self.graph.params[name].data for name in stored(self.graph)}
        return {name: np.asarray(data) for name, data in known.items() if data is not None}

    @property
    def text(self) -> str:
        return "".join(f"{text}\n" for text in _lines(self.graph))

    @property
    def size(self) -> str:
        """How large it is, in words."""
        nodes = sum(node.op.name not in ("input", "param") for node in self.graph.nodes())
        weights, images = sum(array.size for array in self.weights.values()), len(next(iter(self.inputs.values())))
        return f"{_count(nodes, 'node')}, {_count(weights, 'weight')}, {_count(images, 'image')}"

    @property
    def digest(self) -> bytes:
        """Equal cases have equal ones."""
        digest = hashlib.blake2b(self.text.encode())
        for array in (*self.weights.values(), *self.inputs.values()):
            digest.update(np.ascontiguousarray(array).data)
        return digest.digest()

    def write(self, path: Path, remarks: Sequence[str]) -> None:
        """`path` and, with its stem, the weights and inputs; the model comes last, when the others are there."""
        with replacing(path.with_suffix(".safetensors")) as file:
            file.write(safetensors(self.weights))
        with replacing(path.with_suffix(".npz")) as file:
            np.savez_compressed(file, **self.inputs)  # type: ignore[arg-type]
        write_text(path, "".join(f"# {remark}\n" for remark in remarks) + self.text)


def stored(graph: Graph) -> list[str]:
    """The parameters whose numbers lie in the weights file: all but literal kernels."""
    literal = {node.weights["weight"] for node in graph.nodes() if getattr(node.op, "weight", None) is not None}
    return [name for name in graph.params if name not in literal]


def safetensors(arrays: Mapping[str, Array]) -> bytes:
    """A file of that format with float32 numbers."""
    header, data = {}, b""
    for name, array in arrays.items():
        numbers = np.asarray(array, "<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": [len(data), len(data) + len(numbers)]}
        data += numbers
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def _is_param(node: Node) -> bool:
    return node.op.name == "param"


def _shared(graph: Graph) -> set[str]:
    users = Counter(prefix_of(node) for node in graph.nodes() if node.weights and not _is_param(node))
    return {prefix for prefix, count in users.items() if count > 1}


def _lines(graph: Graph) -> Iterator[str]:
    """The text, each node's place in the source it came from beside it."""
    shared, declared = _shared(graph), set[str]()
    yield f"model {graph.name} {{"
    for node in graph.nodes():
        text, place = line(graph, node), f"  # {node.spans[0]}" if node.spans else ""
        if _is_param(node):
            text = text.removesuffix(f' as "{node.name}"')
        elif node.weights and (prefix := prefix_of(node)) in shared:
            if prefix not in declared:
                yield f"  share {prefix} = {node.op}"
                declared.add(prefix)
            text = text.removesuffix(f'{node.op} as "{prefix}"') + prefix
        yield f"  {text}{place}"
    for name in graph.outputs:
        yield f"  output {name}"
    yield "}"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"
