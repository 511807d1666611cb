"""Decisions: which layout each value has and how each node is computed. Printable, and data all the way."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from ..ir.graph import Graph
from ..ir.region import Region
from .target import Target

Sides = tuple[int, int, int, int]  # top, left, bottom, right
BATCH_TILE = 16  # images that a batched step takes at once
WITHIN_VECTORS = ("depthwise", "grouped")  # convolutions whose groups are
POOLED = "pooled"  # maxima or means that the convolution before them takes as it stores


class Filtering(NamedTuple):
    """Winograd's F(m, r): along each axis so many outputs at a time, `stride` inputs apart, for so many
    taps, from `size` inputs."""

    outputs: int
    taps: int
    stride: int = 1

    @property
    def size(self) -> int:
        return (self.outputs - 1) * self.stride + self.taps


WINOGRAD = {
    "winograd2": Filtering(2, 3),
    "winograd3": Filtering(3, 3),
    "winograd4": Filtering(4, 3),
    "winograd6": Filtering(6, 3),
    "winograd5of4": Filtering(5, 4),
    "winograd4of5": Filtering(4, 5),
    "winograd2stride2": Filtering(2, 3, 2),
    "winograd4stride2": Filtering(4, 3, 2),
}


@dataclass(frozen=True)
class Layout:
    """`block` channels lie side by side: 1 is planar, a register's lanes is blocked (NCHWc). Lanes past the last
    channel hold anything and are never read across lanes. The rim of zeros is what the widest reader wants."""

    block: int
    rim: Sides = (0, 0, 0, 0)

    def __str__(self) -> str:
        rim = "" if not any(self.rim) else f" rim {','.join(map(str, self.rim))}"
        return ("planar" if self.block == 1 else f"NCHW{self.block}c") + rim


@dataclass(frozen=True)
class Place:
    """A value that lives inside another: from block `first` of `root` on. Concatenation costs nothing that way."""

    root: str
    first: int


@dataclass(frozen=True)
class Choice:
    """How a node is computed: the algorithm, the register tile in pixels x vectors of channels, whether rows are
    `merged` into one long one, so that tiles run across them, whether a tile has sums for all points of Winograd's
    `columns`, how many register tiles of pixels make a `block` that is transformed at a time, and whether it is
    `batched`: once for many images, so that weights are read once for them."""

    algorithm: str
    pixels: int = 1
    vectors: int = 1
    merged: bool = False
    columns: bool = False
    block: int = 1
    batched: bool = False

    def __str__(self) -> str:
        block = f" block {self.block}" if self.block > 1 else ""
        how = f"{' merged' * self.merged}{' columns' * self.columns}{block}{' batched' * self.batched}"
        return f"{self.algorithm} {self.pixels}x{self.vectors}{how}"

    @staticmethod
    def read(text: str) -> Choice:
        """The choice that prints like this. Raises `ValueError` where none does."""
        words = re.fullmatch(r"([a-z0-9 ]+?) (\d+)x(\d+)( merged)?( columns)?(?: block (\d+))?( batched)?", text)
        if words is None:
            raise ValueError(text)
        algorithm, pixels, vectors, merged, columns, block, batched = words.groups()
        ways = bool(merged), bool(columns), int(block or 1), bool(batched)
        return Choice(algorithm, int(pixels), int(vectors), *ways)


@dataclass(frozen=True)
class Schedule:
    target: Target
    layouts: dict[str, Layout] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    choices: dict[str, Choice] = field(default_factory=dict)

    def algorithms(self, graph: Graph) -> dict[str, str]:
        """The algorithm of each anchor, fused ones among them, by the anchor's name: what error bounds depend on."""
        regions = [Region.of(graph, node) for node in graph.nodes() if node.name in self.choices]
        return {r.anchor.name: self.choices[r.node.name].algorithm for r in regions if r.anchor}

    def __str__(self) -> str:
        """One line a node: how it is computed, where its value lies."""
        lines = [f"target {self.target.name}: {self.target.lanes} lanes, {self.target.registers} registers"]
        choices = {name: str(self.choices[name]) if name in self.choices else "" for name in self.layouts}
        width, wide = max(map(len, choices), default=0), max(map(len, choices.values()), default=0)
        for name, layout in self.layouts.items():
            place = f" in {self.places[name].root}+{self.places[name].first}" if name in self.places else ""
            lines.append(f"{name:<{width}}  {choices[name]:<{wide}}  {layout}{place}".rstrip())
        return "\n".join(lines) + "\n"
