"""Whether weights are what a network wants, and what they may be called where they are not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Protocol, TypeVar

from ....runtime.errors import WeightsError
from ...ir.graph import Graph, Param
from ...ir.types import ints
from .stored import SHOWN, shown

LISTED = 10  # tensors of each kind that a message names
CANDIDATES = 200  # tensors that are compared with a missing one: more than a network has alike
IGNORED = ".num_batches_tracked"  # PyTorch's count of training steps, which inference never reads


class Tensor(Protocol):
    """An array, or one that is still in a file."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> object: ...


T = TypeVar("T", bound=Tensor)


def fit(graph: Graph, given: Mapping[str, T], source: str = "the mapping of weights") -> dict[str, T]:
    """Those tensors that a graph learns, by name; raises `WeightsError` listing all that does not fit."""
    wanted = {name: param for name, param in graph.params.items() if param.data is None or param.trained}
    given = {name: tensor for name, tensor in given.items() if not name.endswith(IGNORED)}
    missing = [name for name in wanted if name not in given]
    extra = [name for name in given if name not in wanted]
    both = [name for name in wanted if name in given]
    shapes = [name for name in both if given[name].shape != ints(wanted[name].type.shape)]
    dtypes = [name for name in both if str(given[name].dtype) != "float32"]
    if missing or extra or shapes or dtypes:
        renames = _renames(missing[:LISTED], extra, wanted, given)
        lines = [
            *_listed("missing", missing, lambda n: f"{list(wanted[n].type.shape)}{_renamed(renames.get(n))}"),
            *_listed("not wanted", extra, lambda n: shown(list(given[n].shape))),
            *_listed(
                "misshaped", shapes, lambda n: f"{shown(list(given[n].shape))}, wanted {list(wanted[n].type.shape)}"
            ),
            *_listed("not f32", dtypes, lambda n: shown(given[n].dtype)),
        ]
        code = "E0402" if missing or extra else "E0403" if shapes else "E0404"
        help = "rename them in the file, or name the stages with `as`" if renames else ""
        raise WeightsError("\n".join([f"{source} does not fit {graph.name}", *lines]), code=code, help=help)
    return {name: given[name] for name in wanted}


def _renames(
    missing: list[str], extra: list[str], wanted: Mapping[str, Param], given: Mapping[str, Tensor]
) -> dict[str, str]:
    """For missing tensors, the extra one that is likely meant: of the same shape and role, most alike in name."""
    renames, free = {}, dict.fromkeys(name for name in extra if len(name) <= SHOWN)
    for name in missing:
        shape, role = ints(wanted[name].type.shape), name.rpartition(".")[2]
        same = (other for other in free if given[other].shape == shape and other.rpartition(".")[2] == role)
        if alike := list(islice(same, CANDIDATES)):
            (renames[name],) = get_close_matches(name, alike, 1, 0.0)
            del free[renames[name]]
    return renames


def _renamed(other: str | None) -> str:
    return f": is it `{shown(other)}`?" if other else ""


def _listed(what: str, names: list[str], detail: Callable[[str], str]) -> list[str]:
    lines = [f"  = {what}: `{shown(name)}` {detail(name)}" for name in names[:LISTED]]
    return lines + [f"  = {what}: {len(names) - LISTED} more"] * (len(names) > LISTED)
