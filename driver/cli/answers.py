"""A network's outputs in words: the best classes of scores, the range of anything larger."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cnnc.runtime.errors import InputError
from cnnc.runtime.feeds import Array


@dataclass(frozen=True)
class Answer:
    """The outputs for one image, without the batch axis."""

    title: str
    outputs: Mapping[str, Array]

    @property
    def has_scores(self) -> bool:
        return any(map(_is_scores, self.outputs.values()))


@dataclass(frozen=True)
class Labels:
    """The names of classes; a class without one is called by its number."""

    names: tuple[str, ...]

    @staticmethod
    def read(path: Path | None) -> Labels:
        try:
            return Labels(tuple(path.read_text().splitlines()) if path else ())
        except UnicodeDecodeError:
            raise InputError(f"{path} is no UTF-8 text", code="E0614") from None

    def of(self, number: int) -> str:
        return self.names[number] if number < len(self.names) else str(number)


def as_text(answers: Sequence[Answer], labels: Labels, top: int) -> str:
    """A line for each of the best classes, in columns: image, output if there are several, class, score."""
    rows = [row for answer in answers for row in _rows(answer, labels, top)]
    widths = [max((len(row[k]) for row in rows), default=0) for k in range(3)]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True) if w).rstrip() for row in rows
    )


def to_json(answers: Sequence[Answer], labels: Labels, top: int) -> str:
    return json.dumps([_facts(answer, labels, top) for answer in answers], indent=2)


def _rows(answer: Answer, labels: Labels, top: int) -> list[tuple[str, str, str]]:
    rows = []
    for name, array in answer.outputs.items():
        title = f"{answer.title} {name}" if len(answer.outputs) > 1 else answer.title
        if _is_scores(array):
            shown = _percent if _is_distribution(array) else _number
            rows += [(title, labels.of(k), shown(array[k])) for k in _best(array, top)]
        elif array.ndim == 0:
            rows.append((title, _number(array), ""))
        else:
            facts = _range(array)
            numbers = f"from {_number(facts['min'])} to {_number(facts['max'])}, mean {_number(facts['mean'])}"
            rows.append((title, f"{array.dtype}{list(array.shape)}", numbers))
    return rows


def _facts(answer: Answer, labels: Labels, top: int) -> dict[str, Any]:
    outputs: dict[str, Any] = {}
    for name, array in answer.outputs.items():
        facts: dict[str, Any] = {"shape": list(array.shape)}
        if array.ndim <= 1:
            facts["values"] = array.tolist()
        else:
            facts.update(_range(array))
        if _is_scores(array):
            facts["top"] = [{"class": k, "label": labels.of(k), "score": array[k].item()} for k in _best(array, top)]
        outputs[name] = facts
    return {"input": answer.title, "outputs": outputs}


def _is_scores(array: Array) -> bool:
    return array.ndim == 1 and array.dtype.kind == "f" and len(array) > 1


def _is_distribution(array: Array) -> bool:
    return bool(np.all(array >= 0)) and abs(float(array.sum()) - 1) < 1e-3


def _best(array: Array, top: int) -> list[int]:
    return np.argsort(-array, kind="stable")[:top].tolist()


def _range(array: Array) -> dict[str, float]:
    return {"min": float(array.min()), "max": float(array.max()), "mean": float(array.mean(dtype=np.float64))}


def _percent(value: Any) -> str:
    return f"{100 * float(value):.2f} %"


def _number(value: Any) -> str:
    return f"{float(value):.6g}"
