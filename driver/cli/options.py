"""The options that verbs share, each in one place, and what they add up to: the network that a command is about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnc.cli.failure import Trace, colored, note
from cnnc.cli.numbers import Whole

if TYPE_CHECKING:
    from cnnc.compiler.options import Callback
    from cnnc.net import Net
    from cnnc.network import Network
    from cnnc.runtime.abi import Artifact
    from cnnc.weights import Weights


DIGITS = 18  # that every whole number of 64 bits has


class Pair(click.ParamType):
    """`name=value`; sizes have whole numbers for values."""

    name = "name=value"

    def __init__(self, whole: bool):
        self.whole = whole

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not equals or not name.isidentifier() or not text:
            self.fail(f"`{value}` is not of the form {'H=480' if self.whole else 'classes=10'}", param, ctx)
        if not self.whole:
            return name, text
        if not text.isdecimal() or len(text) > DIGITS or int(text) == 0:
            self.fail(f"`{text}` is no positive whole number of at most {DIGITS} digits", param, ctx)
        return name, int(text)


@dataclass(frozen=True)
class Subject:
    """The network that a command is about and how it is to be made."""

    model: str
    settings: Mapping[str, str]
    sizes: Mapping[str, int]
    weights: Path | None = None
    seed: int | None = None
    target_cpu: str = "native"
    threads: int | None = None
    exact: bool = False
    images: int = 1
    schedule: Path | None = None

    def network(self, more_sizes: Mapping[str, int] = {}) -> Network:
        """The network, its warnings told."""
        from cnnc.network import load

        network = load(self.model, settings=self.settings, sizes={**self.sizes, **more_sizes})
        for warning in network.warnings:
            note(warning.render(colored()) + "\n")
        return network

    def weights_for(self, network: Network) -> Weights | None:
        """The weights that the options name; None means those beside the model."""
        from cnnc.weights import random_weights

        return self.weights if self.seed is None else random_weights(network, self.seed)

    def compile(self, network: Network, trace: Trace, **more: Any) -> Net:
        from cnnc.build import compile

        given = {"target_cpu": self.target_cpu, "threads": self.threads, "exact": self.exact, "batch": self.images}
        given |= {"after": trace.after} | ({} if self.schedule is None else {"schedule": self.schedule})
        return compile(network, weights=self.weights_for(network), **{**given, **more})

    def artifact(self, network: Network, after: Callback, disable: Iterable[str]) -> Artifact:
        """What any machine can make for a target, and only the target's run."""
        from cnnc.build import choices
        from cnnc.compiler.options import Options
        from cnnc.compiler.pipeline import compile_graph
        from cnnc.weights import bind

        options = Options(self.target_cpu, frozenset(disable), self.exact, self.images, choices(self.schedule))
        return compile_graph(bind(network, self.weights_for(network)), options, after)

    def interpret(self, network: Network, **more: Any) -> Net:
        from cnnc.build import interpret

        return interpret(network, weights=self.weights_for(network), **more)


_MODEL = (
    click.argument("model"),
    click.option("--set", "settings", type=Pair(whole=False), multiple=True, help="A parameter of the model."),
    click.option("--size", "sizes", type=Pair(whole=True), multiple=True, help="A free size: H=480."),
)
_WEIGHTS = (
    click.option(
        "--weights",
        type=click.Path(path_type=Path),
        help="A .safetensors or .npz file; by default the one beside the model with its stem.",
    ),
    click.option("--random-weights", "seed", type=Whole(0), metavar="SEED", help="Numbers in place of weights."),
)
_NATIVE = (
    click.option(
        "--target-cpu", default="native", metavar="CPU", help="native, x86-64-v4, x86-64-v3, x86-64 or aarch64."
    ),
    click.option("--threads", type=Whole(1, 256), help="Threads to run on; by default all that help."),
    click.option("--schedule", type=click.Path(path_type=Path), help="A file with choices for some layers."),
    click.option("--exact", is_flag=True, help="Leave out algorithms that trade accuracy for speed."),
)

batch = click.option("--batch", "images", type=Whole(1), default=1, show_default=True, help="Images a call, mostly.")
as_json = click.option("--format", type=click.Choice(["text", "json"]), default="text", show_default=True)


def subject(*, weights: bool = False, native: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """A verb about one network: it gets a `Subject` made of the options that it takes."""

    def decorate(verb: Callable[..., Any]) -> Any:
        @wraps(verb)
        def gathered(*args: Any, model: str, settings: tuple, sizes: tuple, **rest: Any) -> Any:
            own = {
                name: rest.pop(name)
                for name in ("weights", "seed", "target_cpu", "threads", "exact", "images", "schedule")
                if name in rest
            }
            if own.get("weights") and own.get("seed") is not None:
                raise click.UsageError("--weights and --random-weights exclude one another")
            return verb(*args, subject=Subject(model, dict(settings), dict(sizes), **own), **rest)

        for option in reversed((*_MODEL, *(_WEIGHTS if weights else ()), *(_NATIVE if native else ()))):
            gathered = option(gathered)
        return gathered

    return decorate
