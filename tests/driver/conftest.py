"""What the driver's tests share: the command without a process of its own, and the examples."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from cnnc.cli import main

EXAMPLES = Path(__file__).parents[2] / "examples"
Command = Callable[..., Result]


@pytest.fixture
def cnnc() -> Command:
    """The command line: `cnnc("run", model, picture)`."""
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])


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
