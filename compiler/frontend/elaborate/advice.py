"""Warnings about what is legal and rarely meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from ...diagnostics import Diagnostic
from ...ir.kinds import sides
from ...ir.types import Type
from ...ops.conv import Conv, Depthwise, Window
from ...ops.pool import AvgPool, MaxPool
from ..syntax import ast
from .scope import Scope
from .tensors import Application, Tensor, Wire


def advise(network: Sequence[Application], outputs: Iterable[Wire]) -> Iterator[Diagnostic]:
    """Findings about a whole network, each where its source is."""
    met: set[object] = set()  # a place may be applied a hundred thousand times
    biased: dict[Wire, Application] = {}  # what batchnorms read
    for made in network:
        match made.op.name:
            case "batchnorm" if "bias" in made.operands[0].maker.weights:
                biased[made.operands[0]] = made.operands[0].maker
            case "cross_entropy":
                scores = made.operands[0].maker
                if scores.op.name == "softmax":
                    yield _warning("W0302", TWICE, scores, help=LOGITS)
            case "conv" | "depthwise" | "maxpool" | "avgpool":
                x = made.operands[0].type
                if (what := (made.op, x, made.span)) not in met:
                    met.add(what)
                    yield from _unread_border(made, x)
    if biased:
        read = Counter(chain.from_iterable([made.operands for made in network]))
        read.update(outputs)
        undone = {id(layer.span): layer for wire, layer in biased.items() if read[wire] == 1}
        places = {layer.span: layer for layer in undone.values()}  # first by identity: equality takes longer
        yield from map(_undone_bias, places.values())


def advise_training(section: ast.Section, scope: Scope) -> None:
    """Warn of a `train` whose loss is the cross entropy of what softmax gives."""
    for statement in section.statements:
        match statement:
            case ast.Binding(value=ast.Pipe(steps=(ast.Tuple(items=(scores, *_)), last))) if _named(
                last, "cross_entropy"
            ):
                known = scope.names.get(scores.id) if isinstance(scores, ast.Name) else None
                piped = isinstance(scores, ast.Pipe) and _named(scores.steps[-1], "softmax")
                if piped or (isinstance(known, Tensor) and known.wire.maker.op.name == "softmax"):
                    scope.warn("W0302", TWICE, scores, help=LOGITS)


TWICE = "softmax before cross_entropy, which applies it itself"
LOGITS = "give cross_entropy the logits, which softmax is made from"


def _named(e: ast.Expression, name: str) -> bool:
    callee = e.callee if isinstance(e, ast.Call) else e
    return isinstance(callee, ast.Name) and callee.id == name


def _undone_bias(layer: Application) -> Diagnostic:
    message = f"the bias of `{layer.op.name}` is undone by the batchnorm after it, which subtracts the mean"
    return _warning("W0301", message, layer, help="bias=false")


def _unread_border(made: Application, x: Type) -> Iterator[Diagnostic]:
    """Pixels at the far ends that no window reaches, where windows touch or overlap and seem to cover all.

    A pool whose windows stand side by side is let be: that it drops what is left over is what everybody expects.
    """
    op = made.op
    assert isinstance(op, (Conv, Depthwise, MaxPool, AvgPool))
    if not all(isinstance(size, int) for size in x.shape[1:]):
        return
    window = op.window(x)
    if not all(isinstance(pad, int) for pad in window.pad):  # another input's height
        return
    lost, more = [], []
    for size, pads, reach, stride in zip(
        x.known[1:], zip(window.sides[:2], window.sides[2:], strict=True), window.reach, window.stride, strict=True
    ):
        left_over = (size + sum(pads) - reach) % stride
        covered = reach > stride or (reach == stride and isinstance(op, (Conv, Depthwise)))
        lost.append(max(0, left_over - pads[1]) if covered and not window.ceil else 0)
        more.append(stride - left_over if lost[-1] else 0)
    if any(lost):
        what = [f"the last {_count(n, word)}" for n, word in zip(lost, ("row", "column"), strict=True) if n]
        message = f"`{op.name}` never reads {' and '.join(what)} of {x}"
        cure = f"pad={_wider(window, more)}" if isinstance(op, (Conv, Depthwise)) else "ceil=true"
        yield _warning("W0303", message, made, help=f"{cure}, or another size of image")


def _wider(window: Window, more: list[int]) -> str:
    top, left, bottom, right = window.sides
    return sides.show((top, left, bottom + more[0], right + more[1]))


def _count(n: int, word: str) -> str:
    return word if n == 1 else f"{n} {word}s"


def _warning(code: str, message: str, made: Application, help: str) -> Diagnostic:
    return Diagnostic(code, message, made.span, help=help, severity="warning")
