"""`python -m cnnc.cli` is `cnnc`."""

from cnnc.cli import entry

entry()
