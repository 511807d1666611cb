"""From a network to one that runs: compiled to native code, or interpreted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from pathlib import Path

from cnnc.compiler.ir.graph import Graph
from cnnc.compiler.options import Callback, Options, ignore
from cnnc.compiler.schedule.overrides import read_choices
from cnnc.compiler.schedule.schedule import Choice
from cnnc.compiler.schedule.target import require_here
from cnnc.interpreted import Interpreted, Precision
from cnnc.keys import key_of
from cnnc.net import Net
from cnnc.network import Network, load
from cnnc.runtime.abi import Artifact
from cnnc.runtime.background import begin, finish
from cnnc.runtime.errors import TargetError
from cnnc.runtime.executable import Executable
from cnnc.runtime.runner import runner
from cnnc.runtime.store import Store, user_store
from cnnc.runtime.threads import available, checked
from cnnc.weights import Weights, begun, bind, bound

# Multiply-accumulates and bytes: 0.15 ms on one core. Waking a thread takes 0.05 ms, in a virtual machine up to 0.6.
SMALL = 20_000_000


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
    batch: int = 1,
    schedule: str | Path | Mapping[str, str] | None = None,
    disable: Iterable[str] = (),
    after: Callback = ignore,
    cache: bool = True,
) -> Net:
    """Native code for "file.cnn", "file.cnn:Model" or a network read before.

    `weights` is a file (.safetensors, .npz) or a mapping from parameter to array; by default the file beside the model
    with its stem. `capture` names tensors that become outputs too. `threads` is how many cores a call uses: by default
    all that the process may use, or one for images too small and few to gain; the answers are the same bits. `exact`
    leaves out algorithms that trade accuracy for speed; `batch` says how many images calls mostly have, and any other
    number is as right. `schedule` decides otherwise for some layers: a file in the form that `cnnc compile --emit
    schedule` prints, or choices by layer, as in {"relu_2": "direct 11x2"}. `disable` leaves out passes by name, and
    `after(name, stage, seconds)` sees what each pass and phase made. With `cache`, what was compiled before is taken
    from the user's cache, and nothing is made that could be seen.
    """
    store = user_store() if cache else None
    with begun(model, weights) if store and after is ignore else nullcontext() as file:
        network = _network(model, settings, sizes).capture(capture)
        count, grain = (available(), _grain(network)) if threads is None else (checked(threads), 1)
        if not isinstance(batch, int) or batch < 1:
            raise TargetError(f"batch is {batch!r}, wanted a positive number of images", code="E0505")
        options = Options(target_cpu, frozenset(disable), exact, batch, choices(schedule))
        require_here(target_cpu)
        with bound(network, weights, file) as graph:
            artifact, key = _compiled(graph, options, after, store)
    if store and key:
        begin(store.put, key, artifact)  # a hundred megabytes take as long as the first ten answers
    return Net(network.name, Executable(artifact, count, grain, store))


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


def _compiled(graph: Graph, options: Options, after: Callback, store: Store | None) -> tuple[Artifact, str | None]:
    """The artifact of a graph, and the key to keep it under unless it comes from the store."""
    if after is not ignore:
        graph = graph.read()  # whoever looks at graphs may keep them
    key = None
    if store:
        key = key_of(graph, options)
        finish()  # what this process made last is perhaps what is asked for
        if artifact := store.get(key):
            return artifact, None
    # Loaded where something is compiled: it is a tenth of what a short start takes.
    from cnnc.compiler.pipeline import compile_graph

    loop = begin(runner, store)  # LLVM makes it while passes run
    try:
        artifact = compile_graph(graph, options, after)
    except Exception:
        finish()  # whoever forks next may not find it amid LLVM; Ctrl-C waits for no thread
        raise
    loop.result()
    return artifact, key


def choices(schedule: str | Path | Mapping[str, str] | None) -> dict[str, Choice]:
    """What somebody wants to decide. Raises `TargetError` for what is no choice, or a file that cannot be read."""
    if schedule is None:
        return {}
    if isinstance(schedule, Mapping):
        return read_choices("\n".join(f"{name}  {choice}" for name, choice in schedule.items()))
    try:
        return read_choices(Path(schedule).read_text())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise TargetError(f"cannot read the schedule {schedule}: {reason}", code="E0506") from None


def _grain(network: Network) -> int:
    """The images from which several threads gain more than waking them costs."""
    cost = network.summary()
    return 1 + SMALL // max(cost.macs + cost.memory, 1)


def _network(model: str | Path | Network, settings: Mapping[str, object], sizes: Mapping[str, int]) -> Network:
    if not isinstance(model, Network):
        return load(model, settings=settings, sizes=sizes)
    if settings or sizes:
        raise TypeError("settings and sizes belong to the call that reads the network")
    return model
