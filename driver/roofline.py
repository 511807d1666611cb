"""The roofline of a network (Williams et al. 2009): how fast each layer computes, under what the core allows it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cnnc.files import replacing
from cnnc.profile import LayerTime, Profile
from cnnc.runtime.errors import CnncError

NAMED = 10  # layers that are told by name: those that take longest
FORMATS = (".png", ".svg", ".pdf")


def plot(profile: Profile, title: str, path: Path) -> None:
    """Draw a profile. Raises `CnncError` without matplotlib, or for a name that says no format."""
    if path.suffix not in FORMATS:
        raise CnncError(f"{path} is no name for a picture", code="E0619", help=f"it ends in {', '.join(FORMATS)}")
    try:
        from matplotlib.figure import Figure  # pyright: ignore[reportMissingImports]  an extra
    except ImportError:
        raise CnncError("a plot needs matplotlib", code="E0619", help="pip install 'cnnc[plot]'") from None
    layers = [layer for layer in profile.layers if layer.work and layer.bytes]
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.add_subplot(xscale="log", yscale="log")
    intensities = [layer.work / layer.bytes for layer in layers] or [1.0]
    ridge = profile.peak / profile.bandwidth
    x = np.geomspace(min(*intensities, ridge) / 3, max(*intensities, ridge) * 3, 200)
    axes.plot(x, np.minimum(profile.peak, x * profile.bandwidth) / 1e9, color="black", linewidth=1.5)
    for algorithm in dict.fromkeys(_algorithm(layer) for layer in layers):
        some = [layer for layer in layers if _algorithm(layer) == algorithm]
        circles = axes.scatter(
            [layer.work / layer.bytes for layer in some],
            [layer.work / layer.seconds / 1e9 for layer in some],
            [20 + 1500 * layer.seconds / profile.seconds for layer in some],
            alpha=0.6,
        )
        axes.scatter([], [], 60, color=circles.get_facecolor(), label=algorithm)  # the legend's, all of one size
    longest = sorted(layers, key=lambda layer: -layer.seconds)[:NAMED]
    for number, layer in enumerate(longest, 1):
        place = layer.work / layer.bytes, layer.work / layer.seconds / 1e9
        axes.annotate(str(number), place, fontsize=7, ha="center", va="center")
    names = [f"{k}  {layer.name}, {1e3 * layer.seconds:.3g} ms" for k, layer in enumerate(longest, 1)]
    axes.text(0.99, 0.02, "\n".join(names), transform=axes.transAxes, fontsize=7, ha="right", va="bottom")
    axes.set(
        title=f"{title}, {1e3 * profile.seconds:.3g} ms: a circle's area is its layer's share",
        xlabel="arithmetic intensity: operations a byte that is read or written",
        ylabel="GFLOP/s, counted by the definition",
    )
    axes.text(x[-1], profile.peak / 1e9, f"{profile.peak / 1e9:.0f} GFLOP/s ", ha="right", va="bottom", fontsize=8)
    axes.text(x[0], x[0] * profile.bandwidth / 1e9, f" {profile.bandwidth / 1e9:.0f} GB/s", va="top", fontsize=8)
    axes.grid(True, which="both", alpha=0.2)
    axes.legend(fontsize=8)
    with replacing(path) as file:
        figure.savefig(file, format=path.suffix[1:], dpi=150)


def _algorithm(layer: LayerTime) -> str:
    return layer.how.split()[0]
