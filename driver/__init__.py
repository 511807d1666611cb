"""The CNN compiler: a few lines of text in, fast native code out.

    import cnnc
    net = cnnc.compile("digits.cnn")
    probs = net(images)                          # u8[n, 1, 28, 28] -> f32[n, 10]

`compile` makes native code, `interpret` the same calls in NumPy, `load` and `parse` only read a network. Everything
that cnnc raises on purpose is a `CnncError`. The modules behind the names are imported when a name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cnnc.build import compile, interpret
    from cnnc.net import Net
    from cnnc.network import Network, load, parse
    from cnnc.runtime.errors import CnncError, InputError, InternalError, ModelError, TargetError, WeightsError
    from cnnc.runtime.feeds import Port
    from cnnc.summary import Summary
    from cnnc.weights import random_weights

__version__ = "0.1.0"

__all__ = [
    "CnncError",
    "InputError",
    "InternalError",
    "ModelError",
    "Net",
    "Network",
    "Port",
    "Summary",
    "TargetError",
    "WeightsError",
    "compile",
    "interpret",
    "load",
    "parse",
    "random_weights",
]

_HOMES = {
    "build": ("compile", "interpret"),
    "net": ("Net",),
    "network": ("Network", "load", "parse"),
    "runtime.errors": ("CnncError", "InputError", "InternalError", "ModelError", "TargetError", "WeightsError"),
    "runtime.feeds": ("Port",),
    "summary": ("Summary",),
    "weights": ("random_weights",),
}


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"cnnc.{module}"), name)
    raise AttributeError(f"module `cnnc` has no `{name}`")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
