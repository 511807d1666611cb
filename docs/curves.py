"""One picture of all activations: each as a curve, drawn from its record's reference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnnc.compiler.ir.operator import Operator
from cnnc.compiler.ir.types import Type

LEFT, RIGHT, BOTTOM, TOP = -5, 7, -2, 7  # what of the plane is seen: relu6 levels out at 6
UNIT = 11  # pixels
ROW = 5  # curves
_LINE = Type("f32", (1, 1, 1))
WIDE, HIGH, GAP = (RIGHT - LEFT) * UNIT, (TOP - BOTTOM) * UNIT, 24


def picture(activations: Sequence[Operator]) -> str:
    """An SVG image, white behind, so that it can be read on dark pages too."""
    rows = -(-len(activations) // ROW)
    width, height = ROW * (WIDE + GAP) + GAP, rows * (HIGH + 2 * GAP) + GAP
    panels = [
        _panel(op, GAP + i % ROW * (WIDE + GAP), GAP + i // ROW * (HIGH + 2 * GAP)) for i, op in enumerate(activations)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="13">\n'
        f'<rect width="{width}" height="{height}" fill="white"/>\n<defs>{_plane()}</defs>\n{"".join(panels)}</svg>\n'
    )


def _plane() -> str:
    """What all curves lie on: squares of 1 by 1, and the axes."""
    across = "".join(f"M0 {y}H{WIDE}" for y in range(0, HIGH + 1, UNIT))
    down = "".join(f"M{x} 0V{HIGH}" for x in range(0, WIDE + 1, UNIT))
    axes = f"M0 {TOP * UNIT}H{WIDE}M{-LEFT * UNIT} 0V{HIGH}"
    return f'<g id="plane"><path d="{across}{down}" stroke="#e8e8e8"/><path d="{axes}" stroke="#888"/></g>'


def _panel(op: Operator, x: int, y: int) -> str:
    """The curve in its plane, and its name below."""
    return (
        f'<g transform="translate({x} {y})">\n<use href="#plane"/>\n'
        f'<polyline points="{_curve(op)}" fill="none" stroke="#0550ae" stroke-width="2"/>\n'
        f'<text x="{WIDE // 2}" y="{HIGH + 18}" text-anchor="middle">{op}</text>\n</g>\n'
    )


def _curve(op: Operator) -> str:
    x = np.linspace(LEFT, RIGHT, (RIGHT - LEFT) * 8 + 1)
    weights = {role: np.full(1, float(spec.start)) for role, spec in op.params(_LINE).items()}
    y = np.asarray(op.reference(x.reshape(1, 1, -1), **weights)).ravel()
    seen = (y >= BOTTOM) & (y <= TOP)
    return " ".join(f"{(a - LEFT) * UNIT:g},{(TOP - b) * UNIT:.1f}" for a, b in zip(x[seen], y[seen], strict=True))
