"""The operators, one file a family. Importing this package enters them all in the registry."""

from ..ir import structure
from . import activation, arithmetic, conv, dense, image, loss, norm, pool, resize, shape, softmax

__all__ = [
    "activation",
    "arithmetic",
    "conv",
    "dense",
    "image",
    "loss",
    "norm",
    "pool",
    "resize",
    "shape",
    "softmax",
    "structure",
]
