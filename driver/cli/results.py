"""Outputs into files: all arrays into one .npz, or pictures as .png."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import click
import numpy as np

from cnnc import images
from cnnc.cli.failure import note
from cnnc.files import replacing
from cnnc.runtime.errors import InputError
from cnnc.runtime.feeds import Array


class Writer(Protocol):
    def add(self, path: Path, outputs: Mapping[str, Array]) -> None: ...
    def close(self) -> None: ...


def writer(output: Path | None) -> Writer:
    """The writer for what `-o` says."""
    if output is None:
        return _Nowhere()
    if output.suffix == ".npz":
        return _Arrays(output)
    if output.suffix == ".png":
        return _Pictures(output.parent, output.name)
    if output.is_dir():
        return _Pictures(output, None)
    raise click.UsageError(f"-o {output} is neither .npz, .png nor a folder")


class _Nowhere:
    def add(self, path: Path, outputs: Mapping[str, Array]) -> None: ...
    def close(self) -> None: ...


class _Arrays:
    """Gathers the outputs of all files along the batch; of single numbers, losses, one a file."""

    def __init__(self, path: Path):
        self.path = path
        self.parts: list[Mapping[str, Array]] = []

    def add(self, path: Path, outputs: Mapping[str, Array]) -> None:
        if self.parts and any(array.shape[1:] != self.parts[0][name].shape[1:] for name, array in outputs.items()):
            raise InputError(
                f"the outputs for {path} differ in size from the first", code="E0617", help="one file at a time"
            )
        self.parts.append(outputs)

    def close(self) -> None:
        joined = {name: np.concatenate([np.atleast_1d(part[name]) for part in self.parts]) for name in self.parts[0]}
        with replacing(self.path) as file:
            np.savez_compressed(file, **joined)  # type: ignore[arg-type]


class _Pictures:
    """Writes a picture for each picture: under one name, or each under its own in a folder."""

    def __init__(self, folder: Path, name: str | None):
        self.folder, self.name = folder, name
        self.written: set[str] = set()

    def add(self, path: Path, outputs: Mapping[str, Array]) -> None:
        drawn = {name: array for name, array in outputs.items() if images.is_picture(array.shape[1:])}
        if not drawn:
            shapes = ", ".join(f"{name} {list(array.shape)}" for name, array in outputs.items())
            raise InputError(f"no output is a picture of 1 or 3 channels: {shapes}", code="E0615", help="-o file.npz")
        for output, arrays in drawn.items():
            for row, array in enumerate(arrays):
                self._write(self._name(path, output if len(drawn) > 1 else "", row if len(arrays) > 1 else None), array)

    def _name(self, path: Path, output: str, row: int | None) -> str:
        stem, suffix = (Path(self.name).stem, ".png") if self.name else (path.stem, ".png")
        return "_".join([stem, *([output] if output else []), *([str(row)] if row is not None else [])]) + suffix

    def _write(self, name: str, array: Array) -> None:
        if name in self.written:
            raise InputError(f"{name} would be written twice", code="E0618", help="-o a folder, one file at a time")
        self.written.add(name)
        encoded, done = images.encode(array)
        if done:
            note(f"{name}: {done}")
        with replacing(self.folder / name) as file:
            file.write(encoded)

    def close(self) -> None: ...
