"""From `.cnn` text to a `Graph`: parse, elaborate; and weights from files."""

from .load import Model, check, check_text, load, parse_text, sizes_of, split

__all__ = ["Model", "check", "check_text", "load", "parse_text", "sizes_of", "split"]
