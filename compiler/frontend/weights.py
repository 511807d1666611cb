"""Weights: from files, checked against what the network wants; or random ones to begin with."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import IO

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from ...runtime.errors import WeightsError
from ..ir.graph import Graph, Param
from ..ir.operator import Array
from ..ir.types import ints

DAMAGE = (  # what the readers raise for files that are truncated or lie
    SafetensorError,
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
)
LISTED = 10  # tensors of each kind that a message names
IGNORED = ".num_batches_tracked"  # PyTorch's count of training steps, which inference never reads


def load_weights(graph: Graph, path: str | Path) -> Graph:
    """The graph with the weights of a `.safetensors` or `.npz` file; raises `WeightsError` unless they fit."""
    return graph.bind(fit(graph, read_weights(path), Path(path).name))


def read_weights(path: str | Path) -> dict[str, Array]:
    """The tensors of a file by name; raises `WeightsError` if it cannot be read as what its name says."""
    path = Path(path)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if path.suffix == ".npz":
            return _read_npz(path)
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror or error}", code="E0401") from None
    except DAMAGE as error:
        raise WeightsError(f"{path} is damaged or no {path.suffix} file: {error}", code="E0401") from None
    raise WeightsError(f"{path} is no weights file", code="E0401", help="weights are .safetensors or .npz files")


def fit(graph: Graph, data: Mapping[str, Array], source: str = "the weights") -> dict[str, Array]:
    """The weights that a graph learns, taken from `data`; raises `WeightsError` listing all that does not fit."""
    wanted = {name: param for name, param in graph.params.items() if param.data is None or param.trained}
    given = {name: array for name, array in data.items() if not name.endswith(IGNORED)}
    missing = [name for name in wanted if name not in given]
    extra = [name for name in given if name not in wanted]
    both = [name for name in wanted if name in given]
    shapes = [name for name in both if given[name].shape != ints(wanted[name].type.shape)]
    dtypes = [name for name in both if given[name].dtype != np.float32]
    if missing or extra or shapes or dtypes:
        renames = _renames(missing, extra, wanted, given)
        lines = [
            *_listed("missing", missing, lambda n: f"{list(wanted[n].type.shape)}{_renamed(renames.get(n))}"),
            *_listed("not wanted", extra, lambda n: str(list(given[n].shape))),
            *_listed("misshaped", shapes, lambda n: f"{list(given[n].shape)}, wanted {list(wanted[n].type.shape)}"),
            *_listed("not f32", dtypes, lambda n: str(given[n].dtype)),
        ]
        code = "E0402" if missing or extra else "E0403" if shapes else "E0404"
        help = "rename them in the file, or name the stages with `as`" if renames else ""
        raise WeightsError("\n".join([f"{source} does not fit {graph.name}", *lines]), code=code, help=help)
    return {name: np.ascontiguousarray(given[name]) for name in wanted}


def random_weights(graph: Graph, seed: int = 0) -> dict[str, Array]:
    """Weights to begin training from, or to measure with: what each parameter says it starts as."""
    random = np.random.default_rng(seed)
    return {name: _start(param, random) for name, param in graph.params.items() if param.data is None or param.trained}


def _start(param: Param, random: np.random.Generator) -> Array:
    shape = ints(param.type.shape)
    if param.start == "kaiming":  # He et al. 2015, arXiv 1502.01852: keeps the variance through a relu
        deviation = math.sqrt(2 / max(1, math.prod(shape[1:])))
        return (random.standard_normal(shape, np.float32) * np.float32(deviation)).astype(np.float32)
    value = {"zeros": 0.0, "ones": 1.0}.get(param.start)
    return np.full(shape, float(param.start) if value is None else value, np.float32)


def _read_npz(path: Path) -> dict[str, Array]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            with archive.open(member) as file:
                _want_honest(member, file)
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _want_honest(member: zipfile.ZipInfo, file: IO[bytes]) -> None:
    """Refuse a member whose header promises another size than it has, before NumPy makes room for it."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if file.tell() + math.prod(shape) * dtype.itemsize != member.file_size:
        raise ValueError(f"{member.filename} says it has {list(shape)} numbers, and has not")


def _renames(
    missing: list[str], extra: list[str], wanted: Mapping[str, Param], given: Mapping[str, Array]
) -> dict[str, str]:
    """For missing tensors, the extra one that is likely meant: of the same shape and role, most alike in name."""
    renames, free = {}, list(extra)
    for name in missing:
        shape, role = ints(wanted[name].type.shape), name.rpartition(".")[2]
        same = [other for other in free if given[other].shape == shape and other.rpartition(".")[2] == role]
        if same:
            (renames[name],) = get_close_matches(name, same, 1, 0.0)
            free.remove(renames[name])
    return renames


def _renamed(other: str | None) -> str:
    return f": is it `{other}`?" if other else ""


def _listed(what: str, names: list[str], detail: Callable[[str], str]) -> list[str]:
    lines = [f"  = {what}: `{name}` {detail(name)}" for name in names[:LISTED]]
    return lines + [f"  = {what}: {len(names) - LISTED} more"] * (len(names) > LISTED)
