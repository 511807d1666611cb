"""What `train` and `test` know by name: optimizers, schedules, augmentations, and what a test gives its inputs.

Only the words, with the kinds and bounds of their arguments; what they do is for training to say.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from typing import Any

from ...ir.kinds import real, whole
from ...ir.operator import Attr, Bounds, Kind


@dataclass(frozen=True)
class Recipe:
    """A word with its arguments."""

    name: str
    attrs: tuple[Attr, ...]


def _attr(name: str, kind: Kind, doc: str, default: Any = MISSING, **bounds: float) -> Attr:
    return Attr(name, kind, doc, default, Bounds(**bounds))  # type: ignore[arg-type]


def _table(*recipes: Recipe) -> dict[str, Recipe]:
    return {recipe.name: recipe for recipe in recipes}


_DECAY = _attr("weight_decay", real, "how much of each weight is taken off at each step", 0.0, at_least=0)
_RATE = _attr("lr", real, "the learning rate", 1e-3, above=0)
_WARMUP = _attr("warmup", whole, "steps in which the rate grows from zero", 0, at_least=0)
_IMAGES = _attr("N", whole, "how many images", at_least=1)

OPTIMIZERS = _table(
    Recipe(
        "sgd",
        (
            _attr("lr", real, "the learning rate", above=0),
            _attr("momentum", real, "how much of the last step is repeated", 0.0, at_least=0, below=1),
            _DECAY,
        ),
    ),
    Recipe("adam", (_RATE, _DECAY)),
    Recipe("adamw", (_RATE, _DECAY)),
)
SCHEDULES = _table(
    Recipe("constant", (_WARMUP,)),
    Recipe("cosine", (_WARMUP,)),
    Recipe(
        "step",
        (
            _attr("every", whole, "epochs from one fall of the rate to the next", at_least=1),
            _attr("factor", real, "what the rate is multiplied with", 0.1, above=0, below=1),
            _WARMUP,
        ),
    ),
)
AUGMENTATIONS = _table(
    Recipe("shift", (_attr("pixels", whole, "the farthest that an image moves, each way", at_least=0),)),
    Recipe("rotate", (_attr("degrees", real, "the farthest that an image turns, each way", at_least=0, at_most=180),)),
    Recipe("flip", (_attr("p", real, "probability that left and right are exchanged", 0.5, at_least=0, at_most=1),)),
    Recipe("crop", (_attr("pad", whole, "the rim from which an image of the same size is cut", at_least=0),)),
    Recipe("scale", (_attr("by", real, "the most that an image grows or shrinks", at_least=0, below=1),)),
    Recipe("noise", (_attr("std", real, "standard deviation of what is added to each number", at_least=0),)),
)
SAMPLES = _table(
    Recipe("random", (_attr("seed", whole, "which of all random numbers", at_least=0), _IMAGES)),
    Recipe("zeros", (_IMAGES,)),
)
TOLERANCE = _attr("tol", real, "how far apart two numbers may be", 1e-5, at_least=0)
COUNTS = {
    attr.name: attr
    for attr in (
        _attr("batch", whole, "images of one step", at_least=1),
        _attr("epochs", whole, "how often every image is seen", at_least=1),
        _attr("seed", whole, "which of all random numbers", at_least=0),
    )
}
SETTINGS = ("loss", "optimizer", "schedule", "augment", *COUNTS)
