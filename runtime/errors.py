"""The errors that users meet, one tree.

    CnncError
    ├── ModelError      a .cnn file is wrong (E01xx to E03xx); carries every diagnostic of the run
    ├── WeightsError    weights are missing, misshaped or unreadable (E04xx)
    ├── TargetError     no native code for this operator or this CPU (E05xx)
    ├── InputError      the arrays or images given to a network do not fit it (E06xx)
    └── InternalError   cnnc broke its own rules; not the user's fault

`str(error)` is the text for people. Everything here is safe to catch as `cnnc.CnncError`.
"""

from collections.abc import Sequence


class CnncError(Exception):
    """Base of every error that cnnc raises on purpose. `code` is stable, `help` is the way out (or "")."""

    def __init__(self, message: str, *, code: str = "", help: str = ""):
        super().__init__(message)
        self.message = message
        self.code = code
        self.help = help

    def __str__(self) -> str:
        head = f"error[{self.code}]: {self.message}" if self.code else self.message
        return f"{head}\n  = help: {self.help}" if self.help else head


class ModelError(CnncError):
    """A program in the `.cnn` language is wrong. `diagnostics` holds every finding, in source order."""

    def __init__(self, text: str, diagnostics: Sequence[object] = ()):
        super().__init__(text)
        self.diagnostics = tuple(diagnostics)

    def __str__(self) -> str:
        return self.message


class WeightsError(CnncError):
    """Weights that do not fit the network, or a file that cannot be read."""


class TargetError(CnncError):
    """Something that this target, or native code as a whole, cannot do yet."""


class InputError(CnncError):
    """Arrays or images that do not fit the network's inputs."""


class InternalError(CnncError):
    """A broken invariant inside cnnc."""
