"""What a pass is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..ir.graph import Graph


@dataclass(frozen=True)
class Pass:
    """A rewrite of the graph: valid IR in, valid IR out, the same numbers. Fields are options."""

    @property
    def name(self) -> str:
        """The class's name in snake case, as options and dumps spell it."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()

    def run(self, graph: Graph) -> Graph:
        """The rewritten graph; the argument stays as it is."""
        raise NotImplementedError(self.name)
