"""Every example compiles with each pass checked, and its native code agrees with NumPy, layer by layer."""

from pathlib import Path

import pytest
from command import Command

QUICK = [
    ("digits.cnn",),
    ("lenet5.cnn", "--random-weights", 1),
    ("multilabel.cnn", "--random-weights", 1),
    ("edges.cnn", "--size", "H=61", "--size", "W=80"),
    ("resnet.cnn:ResNet18", "--random-weights", 1),
    ("mobilenet.cnn", "--random-weights", 1),
]
SLOW = [  # ResNet-18 is a smaller one
    ("alexnet.cnn", "--random-weights", 1),
    ("deeplab.cnn", "--random-weights", 1, "--size", "H=49", "--size", "W=65"),
    ("vgg16.cnn", "--random-weights", 1),
    ("resnet.cnn:ResNet34", "--random-weights", 1),
    ("resnet.cnn:ResNet50", "--random-weights", 1),
]
every_example = pytest.mark.parametrize(
    "example", [*QUICK, *(pytest.param(words, marks=pytest.mark.slow) for words in SLOW)], ids=lambda words: words[0]
)


@every_example
def test_native_code_agrees_with_the_interpreter(cnnc: Command, examples: Path, example: tuple):
    name, *options = example
    result = cnnc("verify", examples / name, *options)
    assert result.exit_code == 0, result.stderr


@every_example
def test_no_pass_changes_a_number(cnnc: Command, examples: Path, example: tuple):
    name, *options = example
    result = cnnc("compile", examples / name, *options, "--verify-each")
    assert result.exit_code == 0, result.stderr


def test_vgg_answers_natively(cnnc: Command, examples: Path):
    result = cnnc("bench", examples / "vgg16.cnn", "--random-weights", 1, "--seconds", 0.1)
    assert result.exit_code == 0, result.stderr


def test_the_list_is_whole(examples: Path):
    listed = {name.split(":")[0] for name, *_ in (*QUICK, *SLOW)}
    assert listed == {path.name for path in examples.glob("*.cnn")}
