"""The digits example gives the answers that its training promised."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import cnnc

MAKERS = [cnnc.compile, cnnc.interpret]


@pytest.mark.parametrize("make", MAKERS)
def test_right_on_982_of_1000(make: Callable[..., cnnc.Net], digits: str, examples: Path):
    test = np.load(examples / "digits" / "test.npz")
    answers = make(digits)(test["images"]).argmax(1)
    assert (answers == test["labels"]).mean() == 0.982


@pytest.mark.parametrize("make", MAKERS)
def test_logits_are_those_of_the_training(make: Callable[..., cnnc.Net], digits: str, expected: dict[str, np.ndarray]):
    outputs = make(digits, capture=["logits"])(expected["images"])
    assert np.abs(outputs.logits - expected["logits"]).max() < 1e-4
    assert np.array_equal(outputs.probs.argmax(1), outputs.logits.argmax(1))


def test_the_batch_does_not_matter(digits: str, expected: dict[str, np.ndarray]):
    net = cnnc.compile(digits)
    alone = np.concatenate([net(image[None]) for image in expected["images"]])
    assert np.array_equal(net(expected["images"]), alone)
    assert net(expected["images"][:0]).shape == (0, 10)
