"""Numbers for a graph: from files, or random ones to begin with."""

from .files import load_weights, open_weights, random_weights

__all__ = ["load_weights", "open_weights", "random_weights"]
