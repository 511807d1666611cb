"""From a network to one that runs: compiled to native code, or interpreted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from cnnc.compiler.pipeline import Callback, Options, compile_graph, ignore
from cnnc.interpreted import Interpreted, Precision
from cnnc.net import Net
from cnnc.network import Network, load
from cnnc.runtime.errors import TargetError
from cnnc.runtime.executable import Executable
from cnnc.weights import Weights, bind


def compile(
    model: str | Path | Network,
    *,
    weights: Weights | None = None,
    settings: Mapping[str, object] = {},
    sizes: Mapping[str, int] = {},
    capture: Iterable[str] = (),
    target_cpu: str = "native",
    threads: int = 1,
    disable: Iterable[str] = (),
    after: Callback = ignore,
) -> Net:
    """Native code for "file.cnn", "file.cnn:Model" or a network read before.

    `weights` is a file (.safetensors, .npz) or a mapping from parameter to array; by default the file beside the model
    with its stem. `capture` names tensors that become outputs too. `disable` leaves out passes by name, and
    `after(name, stage, seconds)` sees what each pass and phase made.
    """
    network = _network(model, settings, sizes).capture(capture)
    if threads != 1:
        raise TargetError(f"networks run on one thread so far, not on {threads}", code="E0505", help="threads=1")
    options = Options(cpu=target_cpu, disabled=frozenset(disable))
    return Net(network.name, Executable(compile_graph(bind(network, weights), options, after)))


def interpret(
    model: str | Path | Network,
    *,
    weights: Weights | None = None,
    settings: Mapping[str, object] = {},
    sizes: Mapping[str, int] = {},
    capture: Iterable[str] = (),
    precision: Precision = "f32",
) -> Net:
    """The same network in NumPy, operator by operator from the definitions: slow, and right."""
    network = _network(model, settings, sizes).capture(capture)
    return Net(network.name, Interpreted(bind(network, weights), precision))


def _network(model: str | Path | Network, settings: Mapping[str, object], sizes: Mapping[str, int]) -> Network:
    if not isinstance(model, Network):
        return load(model, settings=settings, sizes=sizes)
    if settings or sizes:
        raise TypeError("settings and sizes belong to the call that reads the network")
    return model
