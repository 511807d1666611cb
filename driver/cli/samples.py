"""What a network is run on: pictures and arrays from files, made to fit its inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cnnc import images
from cnnc.cli.options import Subject
from cnnc.compiler.frontend import load
from cnnc.compiler.frontend.weights import npz
from cnnc.compiler.frontend.weights.stored import Damaged, Stored
from cnnc.compiler.ir.graph import Value
from cnnc.compiler.ir.types import Dim, Size
from cnnc.runtime.errors import InputError
from cnnc.runtime.feeds import Array

ARRAYS = (".npy", ".npz")


@dataclass(frozen=True)
class Sample:
    """One file's arrays by input, the free sizes that they bind, and what was done to make them fit."""

    path: Path
    arrays: Mapping[str, Array]
    sizes: Mapping[str, int]
    remarks: tuple[str, ...]

    def __len__(self) -> int:
        return min(map(len, self.arrays.values()))

    def title(self, row: int) -> str:
        return self.path.name if self.path.suffix.lower() not in ARRAYS else f"{self.path.name}[{row}]"


def expand(files: Iterable[Path]) -> Iterator[Path]:
    """The files, and the pictures of folders, in the order of their names."""
    for path in files:
        if not path.is_dir():
            yield path
            continue
        inside = sorted(child for child in path.iterdir() if child.suffix.lower() in images.SUFFIXES)
        if not inside:
            raise InputError(f"no pictures in {path}", code="E0612", help="files ending in .png, .jpg or .jpeg")
        yield from inside


class Reader:
    """Reads files for the inputs of one network."""

    def __init__(self, subject: Subject):
        graph = load(subject.model, settings=subject.settings, sizes=subject.sizes, free=True).graph
        self.inputs: tuple[Value, ...] = graph.inputs

    def read(self, path: Path) -> Sample:
        if path.suffix.lower() in ARRAYS:
            return self._arrays(path)
        return self._picture(path)

    def _picture(self, path: Path) -> Sample:
        if len(self.inputs) != 1:
            names = ", ".join(value.name for value in self.inputs)
            raise InputError(
                f"the network has the inputs {names}", code="E0613", help="give an .npz file with these arrays"
            )
        (wanted,) = self.inputs
        picture = images.read(path)
        sizes, shape = {}, []
        actual = (None, *picture.size)
        for k, size in enumerate(wanted.type.shape[1:]):
            if isinstance(size, Dim):
                if k >= len(actual) or (given := actual[k]) is None:
                    raise InputError(
                        f"a picture does not say how large {size} is", code="E0616", help=f"--size {size}=…"
                    )
                size = _nearest(size, given, sizes)
            shape.append(size)
        array, done = images.fit(picture, wanted.type.dtype, tuple(shape))
        return Sample(path, {wanted.name: array}, sizes, tuple(done))

    def _arrays(self, path: Path) -> Sample:
        with _open_arrays(path) as found:
            return self._read(path, found)

    def _read(self, path: Path, found: Mapping[str, Stored]) -> Sample:
        """The wanted arrays, and no others: a file may promise more than there is memory."""
        if len(self.inputs) == 1 and self.inputs[0].name not in found:
            found = {**found, **_only_fitting(self.inputs[0], found)}
        arrays, sizes = {}, {}
        for wanted in self.inputs:
            if wanted.name not in found:
                raise InputError(
                    f"{path} has no array `{wanted.name}`", code="E0601", help=f"it has {', '.join(found)}"
                )
            array = arrays[wanted.name] = found[wanted.name].read()
            for size, given in zip(wanted.type.shape[1:], array.shape[1:], strict=False):
                if isinstance(size, Dim):
                    _nearest(size, given, sizes)
        return Sample(path, arrays, sizes, ())


def _nearest(dim: Dim, actual: int, sizes: dict[str, int]) -> Size:
    """Bind the letter of an input's size, `H` or `32*H`, to the multiple nearest below what is there; gives it."""
    ((letter, multiple),) = dim.terms
    size = max(actual // multiple, 1) * multiple
    return sizes.setdefault(str(letter), size)


def _only_fitting(wanted: Value, found: Mapping[str, Stored]) -> dict[str, Stored]:
    """The array for a lone input under whatever name: the one with as many axes and the same dtype, or the only one."""
    dtype = {"f32": "float32", "u8": "uint8"}.get(wanted.type.dtype)
    alike = [a for a in found.values() if len(a.shape) == wanted.type.rank and a.dtype == dtype]
    fitting = alike or list(found.values())
    return {wanted.name: fitting[0]} if len(fitting) == 1 else {}


@contextmanager
def _open_arrays(path: Path) -> Iterator[Mapping[str, Stored]]:
    """The arrays of an .npy file (without a name) or an .npz file, to be read while it is open."""
    try:
        if path.suffix.lower() == ".npy":
            array = np.load(path, mmap_mode="r", allow_pickle=False)
            yield {"": Stored(array.shape, str(array.dtype), lambda: np.array(array))}
        else:
            with path.open("rb") as file:
                yield npz.tensors(file)
    except FileNotFoundError:
        raise InputError(f"there is no file {path}", code="E0610") from None
    except (OSError, ValueError, EOFError, Damaged) as error:
        raise InputError(f"{path} cannot be read as NumPy arrays: {error}", code="E0610") from None
