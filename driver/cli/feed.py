"""What verbs try a network on: a file as `cnnc run` takes, or made-up images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cnnc.cli.failure import note
from cnnc.cli.numbers import Whole
from cnnc.cli.options import Subject

if TYPE_CHECKING:
    from cnnc.network import Network
    from cnnc.runtime.feeds import Array


@dataclass(frozen=True)
class Feed:
    """Without a file, `batch` images made from a seed."""

    file: Path | None
    batch: int
    seed: int

    def read(self, subject: Subject) -> tuple[Network, Mapping[str, Array]]:
        """The network, its free sizes those of the file, and an array for each of its inputs."""
        from cnnc.cli.samples import Reader
        from cnnc.inputs import random_inputs

        if self.file is None:
            network = subject.network()
            return network, random_inputs(network.inputs, self.batch, self.seed)
        sample = Reader(subject).read(self.file)
        for remark in sample.remarks:
            note(f"{self.file.name}: {remark}")
        return subject.network(sample.sizes), sample.arrays


_OPTIONS = (
    click.argument("file", required=False, metavar="[FILE]", type=click.Path(path_type=Path)),
    click.option("--batch", type=Whole(1), default=2, show_default=True, help="Without a file: how many images."),
    click.option(
        "--seed",
        "inputs_seed",
        type=Whole(0),
        default=0,
        show_default=True,
        help="Without a file: which images.",
    ),
)


def feed(verb: Callable[..., Any]) -> Any:
    """A verb that tries a network on something: it gets a `Feed`."""

    @wraps(verb)
    def gathered(*args: Any, file: Path | None, batch: int, inputs_seed: int, **rest: Any) -> Any:
        return verb(*args, feed=Feed(file, batch, inputs_seed), **rest)

    for option in reversed(_OPTIONS):
        gathered = option(gathered)
    return gathered
