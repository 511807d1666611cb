"""Where a network's numbers come from: a file, a mapping, the file beside the model, or chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cnnc.compiler.frontend import split
from cnnc.compiler.frontend import weights as store
from cnnc.compiler.frontend.weights import WeightsFile
from cnnc.compiler.frontend.weights.fitting import fit
from cnnc.compiler.ir.graph import Graph
from cnnc.network import Network
from cnnc.runtime.errors import WeightsError
from cnnc.runtime.feeds import Array

Weights = str | Path | Mapping[str, npt.ArrayLike]

SUFFIXES = (".safetensors", ".npz")


def bind(network: Network, weights: Weights | None) -> Graph:
    """The network's graph with a number for every parameter; raises `WeightsError`."""
    with bound(network, weights) as graph:
        return graph.read()


@contextmanager
def begun(model: str | Path | Network, weights: Weights | None) -> Iterator[WeightsFile | None]:
    """The file that a network will take its numbers from, whose digest threads compute while the network is read. None
    where that is not known yet or no such file is sound, which is said when they are wanted."""
    if isinstance(model, Network) or isinstance(weights, Mapping):
        yield None
        return
    beside = _candidates(split(model)[0]) if weights is None else [Path(weights)]
    path = next((path for path in beside if path.is_file()), None)
    with ExitStack() as closing:
        file = None
        if path is not None:
            with suppress(WeightsError):
                file = closing.enter_context(store.open_weights(path))
                file.digest.begin()
        yield file


@contextmanager
def bound(network: Network, weights: Weights | None, file: WeightsFile | None = None) -> Iterator[Graph]:
    """`bind` for as long as it is needed: a file stays open, and most of its numbers are read when they are asked for.
    Raises `WeightsError` at the end if it was written to meanwhile."""
    missing = [name for name, param in network.graph.params.items() if param.data is None]
    if weights is None and not missing:
        yield network.graph
        return
    if weights is None:
        weights = _beside(network, len(missing))
    if isinstance(weights, Mapping):
        fitting = fit(network.graph, {str(name): _array(str(name), given) for name, given in weights.items()})
        yield network.graph.bind({name: np.asarray(array, order="C") for name, array in fitting.items()})
        return
    if file is not None and file.path == Path(weights):
        yield file.bind(network.graph)
        return
    with store.deferred_weights(network.graph, weights) as graph:
        yield graph


def _array(name: str, given: npt.ArrayLike) -> Array:
    """An array as it is, anything else as numbers; raises `WeightsError` for what is none."""
    if isinstance(given, np.ndarray):
        return given
    try:
        return np.asarray(given, np.float32)
    except (TypeError, ValueError):
        raise WeightsError(f"`{name}` is no array of numbers, got {type(given).__name__}", code="E0404") from None


def random_weights(network: Network, seed: int = 0) -> dict[str, Array]:
    """Numbers as training would begin with: good for timing and comparing, not for answers."""
    return store.random_weights(network.graph, seed)


def _candidates(model: Path) -> list[Path]:
    return [model.with_suffix(suffix) for suffix in SUFFIXES]


def _beside(network: Network, missing: int) -> Path:
    """The weights file with the model's stem."""
    candidates = _candidates(network.path) if network.path else []
    for path in candidates:
        if path.is_file():
            return path
    count = f"{missing} parameter{'s' * (missing != 1)}"
    looked = f", and there is no {' or '.join(path.name for path in candidates)} beside it" if candidates else ""
    raise WeightsError(
        f"{network.name} has {count} without numbers{looked}",
        code="E0405",
        help="`--weights` a .safetensors or .npz file; to time or try it, `--random-weights 1`",
    )
