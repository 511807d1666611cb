"""What is measured: networks of the examples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cnnc

EXAMPLES = Path(__file__).parent.parent / "examples"


@dataclass(frozen=True)
class Subject:
    name: str
    model: str
    sizes: Mapping[str, int] = field(default_factory=dict)

    def load(self) -> cnnc.Network:
        return cnnc.load(EXAMPLES / self.model, sizes=self.sizes)


SUBJECTS = {
    subject.name: subject
    for subject in (
        Subject("digits", "digits.cnn"),
        Subject("LeNet-5", "lenet5.cnn"),
        Subject("AlexNet", "alexnet.cnn"),
        Subject("VGG-16", "vgg16.cnn"),
        Subject("ResNet-18", "resnet.cnn:ResNet18"),
        Subject("ResNet-50", "resnet.cnn:ResNet50"),
        Subject("MobileNetV2", "mobilenet.cnn"),
        Subject("DeepLabV3", "deeplab.cnn", {"H": 257, "W": 257}),
    )
}
