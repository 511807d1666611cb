"""Numbers for a graph: from files, or random ones to begin with."""

from .files import WeightsFile, deferred_weights, load_weights, open_weights, random_weights

__all__ = ["WeightsFile", "deferred_weights", "load_weights", "open_weights", "random_weights"]
