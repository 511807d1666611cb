"""What a compilation is told, and who watches it: apart from the compiler, which a start from the cache never loads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from .schedule.schedule import Choice

if TYPE_CHECKING:
    from ..runtime.abi import Artifact
    from .codegen.program import Program
    from .ir.graph import Graph
    from .schedule.schedule import Schedule

Stage: TypeAlias = "Graph | Schedule | Program | Artifact"
Callback: TypeAlias = Callable[[str, Stage, float], None]


@dataclass(frozen=True)
class Options:
    """`disabled` names passes to leave out; `exact` leaves out algorithms that trade accuracy for speed; `batch` is how
    many images a call mostly has, of any number that it may have; `choices` are the schedule's for the nodes that it
    names."""

    cpu: str = "native"
    disabled: frozenset[str] = frozenset()
    exact: bool = False
    batch: int = 1
    choices: Mapping[str, Choice] = field(default_factory=dict)


def ignore(name: str, stage: Stage, seconds: float) -> None:
    """The callback of a compilation that nobody watches."""
