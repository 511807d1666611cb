"""A network that is ready to run: called with arrays, natively or interpreted."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

import numpy.typing as npt

from cnnc.runtime.errors import InputError
from cnnc.runtime.feeds import Array, Port, in_order, shown


class Machine(Protocol):
    """What runs a network: native code or the interpreter."""

    @property
    def inputs(self) -> Sequence[Port]: ...
    @property
    def outputs(self) -> Sequence[Port]: ...
    @property
    def threads(self) -> int: ...
    def threads_for(self, images: int, /) -> int: ...
    def run(self, feeds: Mapping[str, npt.ArrayLike], /) -> dict[str, Array]: ...
    def __call__(self, *arrays: npt.ArrayLike) -> list[Array]: ...


class Net:
    """A network with its weights. `net(x)` is the output, or a named tuple of them; any batch size will do."""

    def __init__(self, name: str, machine: Machine):
        self.name = name
        self.machine = machine
        self._inputs, self._call = len(machine.inputs), machine.__call__

    @property
    def inputs(self) -> tuple[Port, ...]:
        return tuple(self.machine.inputs)

    @property
    def outputs(self) -> tuple[Port, ...]:
        return tuple(self.machine.outputs)

    @property
    def threads(self) -> int:
        """How many threads a call runs on at most: for little work it is one."""
        return self.machine.threads

    def run(self, arrays: Mapping[str, npt.ArrayLike]) -> dict[str, Array]:
        """The outputs by name, for arrays by the inputs' names."""
        return self.machine.run(arrays)

    def __call__(self, *arrays: npt.ArrayLike, **named: npt.ArrayLike) -> Any:
        """The output for arrays in the order of `inputs`, or by name; a named tuple where there are several."""
        if named or len(arrays) != self._inputs:
            arrays = self._placed(arrays, named)
        results = self._call(*arrays)
        return results[0] if len(results) == 1 else self._results(*results)

    def _placed(self, arrays: Sequence[npt.ArrayLike], named: Mapping[str, npt.ArrayLike]) -> tuple[npt.ArrayLike, ...]:
        """Arrays in the order of the inputs, some of them given by name."""
        names = [port.name for port in self.inputs]
        if len(arrays) > len(names):
            raise InputError(f"{self.name} takes {_count(len(names))}, got {len(arrays)}", code="E0606")
        placed = dict(zip(names, arrays, strict=False))
        if twice := [name for name in named if name in placed]:
            raise InputError(f"the input `{twice[0]}` is given twice", code="E0606")
        return tuple(in_order(self.inputs, {**placed, **named}))

    @cached_property
    def _results(self) -> Any:
        return namedtuple("Outputs", [port.name for port in self.outputs], rename=True)

    def __repr__(self) -> str:
        takes = ", ".join(f"{port.name}: {shown(port)}" for port in self.inputs)
        gives = ", ".join(f"{port.name}: {shown(port)}" for port in self.outputs)
        return f"<Net {self.name}({takes}) -> {gives}>"


def _count(inputs: int) -> str:
    return f"{inputs} array{'s' * (inputs != 1)}"
