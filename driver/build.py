"""From a network to one that runs: compiled to native code, or interpreted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from cnnc.compiler.pipeline import Callback, Options, compile_graph, ignore
from cnnc.interpreted import Interpreted, Precision
from cnnc.net import Net
from cnnc.network import Network, load
from cnnc.runtime.executable import Executable
from cnnc.runtime.threads import available, checked
from cnnc.weights import Weights, bind

SMALL = 4_000_000  # multiply-accumulates and bytes: about 50 us on one core, as long as waking a thread can take


def compile(
    model: str | Path | Network,
    *,
    weights: Weights | None = None,
    settings: Mapping[str, object] = {},
    sizes: Mapping[str, int] = {},
    capture: Iterable[str] = (),
    target_cpu: str = "native",
    threads: int | None = None,
    exact: bool = False,
    disable: Iterable[str] = (),
    after: Callback = ignore,
) -> Net:
    """Native code for "file.cnn", "file.cnn:Model" or a network read before.

    `weights` is a file (.safetensors, .npz) or a mapping from parameter to array; by default the file beside the model
    with its stem. `capture` names tensors that become outputs too. `threads` is how many cores a call uses: by default
    all that the process may use, or one where the network is too small to gain; the answers are the same bits. `exact`
    leaves out algorithms that trade accuracy for speed. `disable` leaves out passes by name, and
    `after(name, stage, seconds)` sees what each pass and phase made.
    """
    network = _network(model, settings, sizes).capture(capture)
    count = _fitting(network) if threads is None else checked(threads)
    options = Options(cpu=target_cpu, disabled=frozenset(disable), exact=exact)
    return Net(network.name, Executable(compile_graph(bind(network, weights), options, after), count))


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


def _fitting(network: Network) -> int:
    """The threads for a network: all there are, unless waking them takes longer than what they would do."""
    cost = network.summary()
    return available() if cost.macs + cost.memory > SMALL else 1


def _network(model: str | Path | Network, settings: Mapping[str, object], sizes: Mapping[str, int]) -> Network:
    if not isinstance(model, Network):
        return load(model, settings=settings, sizes=sizes)
    if settings or sizes:
        raise TypeError("settings and sizes belong to the call that reads the network")
    return model
