"""What the driver's tests share: the command line and the examples."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from command import Command, invoke

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def cnnc() -> Command:
    """The command line: `cnnc("run", model, picture)`."""
    return invoke


@pytest.fixture(scope="session")
def examples() -> Path:
    return EXAMPLES


@pytest.fixture(scope="session")
def digits() -> str:
    return str(EXAMPLES / "digits.cnn")


@pytest.fixture(scope="session")
def edges() -> str:
    return str(EXAMPLES / "edges.cnn")


@pytest.fixture(scope="session")
def expected() -> dict[str, np.ndarray]:
    return dict(np.load(EXAMPLES / "digits" / "expected.npz"))


@pytest.fixture
def model(tmp_path: Path) -> Callable[[str], Path]:
    """A `.cnn` file with this text."""

    def write(text: str) -> Path:
        path = tmp_path / "model.cnn"
        path.write_text(text)
        return path

    return write
